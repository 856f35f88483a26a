"""Plants one fault at a time and writes which checks fail: `python -m support.verify_faults`.

BREAK=<check> makes that check say that it passed, whatever it found; the command must then fail. FAULT=<name>
plants that one alone.
"""

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from support.bed import clock
from support.report import BUILD, Claim, write_report
from support.verify_faults.faults import FAULTS, Fault
from support.verify_faults.judge import Found, judged, untried
from support.verify_faults.world import VerifiedWorld, checks

TARGET = "verify-faults"
USAGE = 2


def main() -> int:
    """Run the matrix; return 0 where it is diagonal."""
    blinded, only = os.environ.get("BREAK", ""), os.environ.get("FAULT", "")
    names = tuple(check.name for check in checks())
    if blinded not in ("", *names) or only not in ("", *(fault.name for fault in FAULTS)):
        print(f"verify-faults: there is no check {blinded!r} or no fault {only!r}", file=sys.stderr)
        return USAGE
    began = clock.monotonic_seconds()
    chosen = [fault for fault in FAULTS if only in ("", fault.name)]
    rows = BUILD / TARGET / "rows.jsonl"
    rows.parent.mkdir(parents=True, exist_ok=True)
    rows.write_text("")
    with tempfile.TemporaryDirectory(prefix="verify-faults-") as folder, VerifiedWorld.up(Path(folder)) as world:
        matrix = Matrix(world, blinded, rows)
        matrix.row("nothing", "")
        for fault in chosen:
            matrix.planted(fault)
        matrix.row("nothing-again", "")
        found = judged(rows, secrets=world.secret_words)
    claims = [_claim(row, rows) for row in found]
    if not only:
        blind = ", ".join(untried(found, names))
        claims.append(Claim("every-check-has-its-fault", not blind, blind, ""))
    path = write_report(TARGET, claims, seconds=clock.monotonic_seconds() - began)
    is_good = all(claim.ok for claim in claims)
    print(f"{path.relative_to(BUILD.parent)}: {'ok' if is_good else 'NOT ok'}")
    return 0 if is_good else 1


def _claim(row: Found, rows: Path) -> Claim:
    evidence = (str(rows.relative_to(BUILD.parent)),)
    return Claim(id=row.fault, ok=row.holds, measured=row.words, bound=row.wanted, evidence=evidence)


@dataclass(frozen=True)
class Matrix:
    """Fault by what every check says of it, written down row by row."""

    world: VerifiedWorld
    blinded: str
    rows: Path

    def planted(self, fault: Fault) -> None:
        """Play a fault, which is gone again afterwards."""
        fault.plant(self.world)
        try:
            self.row(fault.name, fault.found_by)
        finally:
            fault.mend(self.world)

    def row(self, name: str, wanted: str) -> None:
        """Verify once, and keep what was said."""
        with self.world.bed.network():
            made = asyncio.run(self.world.verify(checks()))
        results = [replace(result, passed=True) if result.name == self.blinded else result for result in made]
        row = {"fault": name, "wanted": wanted, "checks": [asdict(result) for result in results]}
        with self.rows.open("a") as rows:
            rows.write(json.dumps(row) + "\n")
        failed = ", ".join(result.name for result in results if not result.passed and result.waits_for is None)
        print(f"{name:<20} fails: {failed or 'nothing':<24} wanted: {wanted or 'nothing'}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
