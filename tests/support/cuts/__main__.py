"""Cuts a run at CUTS points (100) in each way in which copies are kept: `python -m support.cuts`.

BREAK=careless plants a receiver that commits whatever arrived; the command must then fail.
"""

import os
import shutil
import sys

from support.bed import clock
from support.cuts.judge import judged
from support.cuts.play import WAYS, play
from support.report import BUILD, Claim, write_report

TARGET = "cuts"
USAGE = 2


def main() -> int:
    """Cut, judge and write the report; return 0 where every claim holds."""
    planted, cuts = os.environ.get("BREAK", ""), int(os.environ.get("CUTS") or 100)
    if planted not in ("", "careless"):
        print("cuts: BREAK is careless", file=sys.stderr)
        return USAGE
    began = clock.monotonic_seconds()
    claims = [_claim(way, cuts=cuts, planted=planted) for way in WAYS]
    path = write_report(TARGET, claims, seconds=clock.monotonic_seconds() - began)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id:<10} {claim.measured}  {claim.evidence[0]}")
    print(f"{path.relative_to(BUILD.parent)}: {'ok' if all(claim.ok for claim in claims) else 'NOT ok'}")
    return 0 if all(claim.ok for claim in claims) else 1


def _claim(way: str, *, cuts: int, planted: str) -> Claim:
    folder = BUILD / TARGET / f"{way}{'-' + planted if planted else ''}"
    shutil.rmtree(folder, ignore_errors=True)
    play(way, folder, cuts=cuts, careless=bool(planted))
    verdict = judged(folder)
    complaint, compared = "; ".join(verdict.complaints[:3]), len(verdict.generations)
    return Claim(
        id=f"cut-{way}",
        ok=not complaint and verdict.cuts == cuts and verdict.failed >= cuts - 2,
        measured=f"{verdict.cuts} cuts, {verdict.failed} of them noticed, {compared} generations compared",
        bound=f"{cuts} cuts; whatever can be promoted is what was live when its number was announced",
        evidence=(complaint, str(folder.relative_to(BUILD.parent))),
    )


if __name__ == "__main__":
    sys.exit(main())
