"""Plants one fault at a time and writes which checks fail: `python -m support.verify_faults`.

BREAK=<check> makes that check say that it passed, whatever it found; the command must then fail. FAULT=<name>
plants that one alone.
"""

import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_operator.drivers.ports import CheckResult
from support.bed import clock
from support.report import BUILD, Claim, write_report
from support.verify_faults.faults import FAULTS, Fault
from support.verify_faults.world import VerifiedWorld, checks

TARGET = "verify-faults"
USAGE = 2


def main() -> int:
    """Run the matrix; return 0 where it is diagonal."""
    blinded, only = os.environ.get("BREAK", ""), os.environ.get("FAULT", "")
    known = {"", *(check.name for check in checks())}, {"", *(fault.name for fault in FAULTS)}
    if blinded not in known[0] or only not in known[1]:
        print(f"verify-faults: there is no check {blinded!r} or no fault {only!r}", file=sys.stderr)
        return USAGE
    began = clock.monotonic_seconds()
    with tempfile.TemporaryDirectory(prefix="verify-faults-") as folder, VerifiedWorld.up(Path(folder)) as world:
        matrix = Matrix(world, blinded)
        claims = [matrix.row("nothing", "")]
        claims += [matrix.planted(fault) for fault in FAULTS if only in ("", fault.name)]
        claims.append(matrix.row("nothing-again", ""))
    path = write_report(TARGET, claims, seconds=clock.monotonic_seconds() - began)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id:<20} fails: {claim.measured or 'nothing'}")
    is_good = all(claim.ok for claim in claims)
    print(f"{path.relative_to(BUILD.parent)}: {'ok' if is_good else 'NOT ok'}")
    return 0 if is_good else 1


@dataclass(frozen=True)
class Matrix:
    """Fault by failing check."""

    world: VerifiedWorld
    blinded: str

    def planted(self, fault: Fault) -> Claim:
        """Return the row of a fault, which is gone again afterwards."""
        fault.plant(self.world)
        try:
            return self.row(fault.name, fault.found_by)
        finally:
            fault.mend(self.world)

    def row(self, name: str, wanted: str) -> Claim:
        """Verify, and hold what failed of itself to the one check that should."""
        with self.world.bed.network():
            made = asyncio.run(self.world.verify(checks()))
        results = [replace(result, passed=True) if result.name == self.blinded else result for result in made]
        failed = ", ".join(result.name for result in results if not result.passed and result.waits_for is None)
        said = [_said(result) for result in results]
        is_quiet = not any(word in line for word in self.world.secret_words for line in said)
        return Claim(
            id=name,
            ok=failed == wanted and is_quiet,
            measured=failed if is_quiet else "a secret in a message",
            bound=wanted,
            evidence=tuple(said),
        )


def _said(result: CheckResult) -> str:
    word = "passed" if result.passed else "waits" if result.waits_for else "failed"
    return f"{result.name} {word}: {result.message}"


if __name__ == "__main__":
    sys.exit(main())
