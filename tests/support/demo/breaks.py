"""`make demo-breaks`: plays the demo once with each planted fault; each must be caught by a claim meant for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.bed import clock
from support.demo.faults import FAULTS, Fault
from support.report import Claim, write_report

ROOT = Path(__file__).resolve().parents[3]
DEMO_SECONDS = 600


def main(names: list[str]) -> int:
    """Play every fault, or the ones that are named, and write build/demo-breaks.json."""
    chosen = names or [name for name in FAULTS if name]
    unknown = [name for name in chosen if not FAULTS.get(name)]
    if unknown:
        print(f"no such fault: {unknown[0]}; choose from {' '.join(name for name in FAULTS if name)}", file=sys.stderr)
        return 2
    began = clock.monotonic_seconds()
    claims = [_played(FAULTS[name]()) for name in chosen]
    path = write_report("demo-breaks", claims, seconds=clock.monotonic_seconds() - began)
    missed = [claim for claim in claims if not claim.ok]
    print(f"{path}\n{len(claims) - len(missed)} passed, {len(missed)} failed")
    return 1 if missed else 0


def _played(fault: Fault) -> Claim:
    """Play the demo with one fault; the report it leaves must name one of the claims that are to catch it."""
    log = ROOT / "build" / f"demo-{fault.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    report = ROOT / "build" / f"demo-{fault.name}.json"
    report.unlink(missing_ok=True)
    print(f"{fault.name}: {(fault.__doc__ or '').strip()}", flush=True)
    with log.open("wb") as output:
        ended = subprocess.run(
            [sys.executable, "-m", "support.demo"],
            env={**os.environ, "BREAK": fault.name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            timeout=DEMO_SECONDS,
        )
    failed = _failed_claims(report)
    caught = sorted(set(failed) & set(fault.catches))
    print(f"  exit {ended.returncode}; failed: {', '.join(failed) or 'nothing'}", flush=True)
    return Claim(
        id=f"caught-{fault.name}",
        ok=ended.returncode != 0 and bool(caught),
        measured=", ".join(failed) or "nothing failed",
        bound=f"one of {', '.join(fault.catches)}",
        evidence=(str(log.relative_to(ROOT)), str(report.relative_to(ROOT))),
    )


def _failed_claims(report: Path) -> list[str]:
    if not report.exists():
        return []
    return [claim["id"] for claim in json.loads(report.read_text())["claims"] if not claim["ok"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
