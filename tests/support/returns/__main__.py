"""`make return-matrix`: plays every round that is not done for this tree, judges all, writes build/return-matrix.json.

ROUNDS=a,b plays and judges only these; BREAK=name plants a fault that the judge must find; `list` prints the claims'
ids; `table` writes the docs' table from the committed report.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.report import BUILD, tree, write_report
from support.returns import planted
from support.returns.rounds import ROUNDS, Round

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = clock.monotonic_seconds()
DONE = "done.json"


def main() -> int:
    """Play and judge, and return 0 where every claim holds."""
    parser = argparse.ArgumentParser(prog="support.returns", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("play", "judge", "list", "table"), default="play")
    parser.add_argument("--rounds", default="")
    parser.add_argument("--break", dest="fault", default="", choices=("", *planted.FAULTS))
    options = parser.parse_args()
    if options.what == "list":
        from support.returns.judge import claim_ids  # noqa: PLC0415 - listing needs nothing else

        print("\n".join(claim_ids()))
        return 0
    if options.what == "table":
        from support.returns import table  # noqa: PLC0415

        table.write()
        return 0
    names = [name for name in options.rounds.split(",") if name] or ([ROUNDS[0].id] if options.fault else [])
    rounds = [plan for plan in ROUNDS if not names or plan.id in names]
    target = f"return-matrix-{options.fault}" if options.fault else "return-matrix"
    if options.what == "play":
        _play(rounds, folder=BUILD / target, fault=options.fault)
    return _judge(rounds, target=target)


def _say(text: str) -> None:
    print(f"[{clock.monotonic_seconds() - BEGAN:6.1f}] {text}", flush=True)


def _play(rounds: list[Round], *, folder: Path, fault: str) -> None:
    from support.demo.watcher import StoryStuckError  # noqa: PLC0415 - listing needs no bed
    from support.returns import play  # noqa: PLC0415

    now = tree()
    for plan in rounds:
        place = folder / plan.id
        if _is_done(place, now):
            _say(f"{plan.id}: done already")
            continue
        shutil.rmtree(place, ignore_errors=True)
        began, trouble = clock.monotonic_seconds(), ""
        try:
            play.tell(plan, folder=place, fault=fault, say=lambda text, name=plan.id: _say(f"{name}: {text}"))  # type: ignore[misc]
        except (StoryStuckError, clock.TimedOutError) as problem:
            trouble = str(problem)
            _say(f"{plan.id}: ends here: {problem}")
        seconds = round(clock.monotonic_seconds() - began, 1)
        done = {"tree": now, "told": not trouble, "trouble": trouble, "seconds": seconds}
        (place / DONE).write_text(json.dumps(done, indent=1))


def _is_done(place: Path, now: str) -> bool:
    """Tell whether a round was played to its end with exactly this tree; a changed working tree never was."""
    path = place / DONE
    found = json.loads(path.read_text()) if path.exists() else {}
    return found.get("tree") == now and bool(found.get("told")) and not now.endswith(("-dirty", "unknown"))


def _judge(rounds: list[Round], *, target: str) -> int:
    from support.returns import judge  # noqa: PLC0415

    claims = judge.claims(BUILD / target, rounds)
    seconds = sum(_seconds(BUILD / target / plan.id / DONE) for plan in rounds)
    path = write_report(target, claims, seconds=seconds)
    bad = [claim for claim in claims if not claim.ok]
    for claim in bad:
        print(f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}: {'; '.join(claim.evidence)}")
    print(f"{len(claims) - len(bad)} of {len(claims)} claims hold, {seconds:.0f} s: {path}")
    return 1 if bad else 0


def _seconds(path: Path) -> float:
    return float(json.loads(path.read_text())["seconds"]) if path.exists() else 0.0


if __name__ == "__main__":
    sys.exit(main())
