"""Moves each driver of traffic MOVES times (50) under load: `python -m support.trafficmoves`.

A driver that was moved on this very tree is not moved again. BREAK=lie lets every fifth move be said and not made; the
command must then fail. DRIVER=floating,nat moves these alone, and its report is not what is asked for.
"""

import asyncio
import os
import shutil
import sys

from support.bed import clock
from support.report import BUILD, Claim, tree, write_report
from support.trafficmoves.judge import judged
from support.trafficmoves.play import play
from support.trafficmoves.stages import STAGES

TARGET = "traffic"
USAGE = 2


def main() -> int:
    """Move, judge and write the report; return 0 where every claim holds."""
    planted, only = os.environ.get("BREAK", ""), os.environ.get("DRIVER", "")
    moves = int(os.environ.get("MOVES") or 50)
    chosen = tuple(word for word in only.split(",") if word) or tuple(STAGES)
    if planted not in ("", "lie") or not set(chosen) <= set(STAGES):
        print(f"traffic: BREAK is lie, DRIVER some of {', '.join(STAGES)}", file=sys.stderr)
        return USAGE
    began = clock.monotonic_seconds()
    claims = [_claim(driver, moves=moves, planted=planted) for driver in chosen]
    path = write_report(TARGET, claims, seconds=clock.monotonic_seconds() - began)
    print(f"{path.relative_to(BUILD.parent)}: {'ok' if all(claim.ok for claim in claims) else 'NOT ok'}")
    return 0 if all(claim.ok for claim in claims) else 1


def _claim(driver: str, *, moves: int, planted: str) -> Claim:
    folder = BUILD / TARGET / f"{driver}{'-' + planted if planted else ''}"
    mark, tested = folder / "done", f"{tree()} {moves}"
    began = clock.monotonic_seconds()
    if "dirty" in tested or not (mark.exists() and mark.read_text() == tested):
        shutil.rmtree(folder, ignore_errors=True)
        asyncio.run(play(driver, folder, moves=moves, lies=planted == "lie"))
        mark.write_text(tested)
    verdict = judged(folder)
    complaint = verdict.complaint(moves)
    seconds = clock.monotonic_seconds() - began
    print(
        f"{'ok  ' if not complaint else 'FAIL'} {driver:<13} {verdict.words} ({seconds:.0f} s) {complaint}", flush=True
    )
    return Claim(
        id=driver,
        ok=not complaint,
        measured=verdict.words,
        bound=f"{moves} moves, 0 requests by the wrong side",
        evidence=(complaint, str(folder.relative_to(BUILD.parent))),
    )


if __name__ == "__main__":
    sys.exit(main())
