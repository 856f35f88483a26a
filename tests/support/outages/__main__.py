"""`make outages`: every shape three times, judged from raw evidence; writes build/outages.json.

SHAPES=a,b plays only these, ROUNDS=n so often. A run that was broken off goes on where it stopped, as long as the
tree is the same; FRESH=1 begins anew. BREAK=deaf-to-the-peer plants an operator that does not hear its peer, and is
caught. `list` prints the ids of all claims of a full run.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.outages.judge import claim_ids, claims, found
from support.outages.shapes import BY_ID, ROUNDS, SHAPES
from support.report import BUILD, tree, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TARGET = "outages"
DEAF = "deaf-to-the-peer"
SHOWS_IT = ("witnesses-cut",)


def wishes(environment: Mapping[str, str]) -> tuple[tuple[str, ...], int, str]:
    """Return which shapes to play, how often, and with which fault."""
    planted = environment.get("BREAK", "")
    if planted not in ("", DEAF):
        raise SystemExit(f"BREAK is {DEAF}, not {planted!r}")
    names = tuple(word for word in environment.get("SHAPES", "").split(",") if word)
    unknown = [name for name in names if name not in BY_ID]
    if unknown:
        raise SystemExit(f"SHAPES are {', '.join(BY_ID)}, not {', '.join(unknown)}")
    usual = SHOWS_IT if planted else tuple(shape.id for shape in SHAPES)
    rounds = int(environment.get("ROUNDS") or (1 if planted else ROUNDS))
    return names or usual, rounds, planted


def done_before(folder: Path) -> set[tuple[int, str]]:
    """Return what an earlier run of the same tree has played to its end."""
    found: set[tuple[int, str]] = set()
    for path in folder.glob("*/played"):
        number, _, name = path.parent.name.partition("-")
        if path.read_text() == tree() and name in BY_ID:
            found.add((int(number), name))
    return found


def main() -> int:
    """Play what is left, judge everything, return 0 where every claim holds."""
    if sys.argv[1:] == ["list"]:
        print("\n".join(claim_ids()))
        return 0
    names, rounds, planted = wishes(os.environ)
    target = f"{TARGET}-{planted}" if planted else TARGET
    if not planted and (len(names) < len(SHAPES) or rounds != ROUNDS):
        # Kept apart from what is claimed of all.
        target = f"{TARGET}-part"
    folder, began = BUILD / target, clock.monotonic_seconds()
    if planted or os.environ.get("FRESH"):
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    played = done_before(folder)
    left = [(number, name) for number in range(1, rounds + 1) for name in names if (number, name) not in played]
    if left:
        _play(left, folder=folder, played=played, planted=planted, began=began)
    made = claims(folder, sorted(played), wanted=names, rounds=rounds)
    path = write_report(target, made, seconds=clock.monotonic_seconds() - began)
    for claim in made:
        if not claim.ok:
            print(f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}")
    print("\n".join(made[-1].evidence))
    print(f"{sum(claim.ok for claim in made)} of {len(made)} claims hold; {path}")
    return 0 if json.loads(path.read_text())["ok"] else 1


def _play(
    left: list[tuple[int, str]], *, folder: Path, played: set[tuple[int, str]], planted: str, began: float
) -> None:
    from support.outages.hands import Hands  # noqa: PLC0415 - judging needs no bed
    from support.outages.play import play  # noqa: PLC0415
    from support.outages.stage import OutageStage  # noqa: PLC0415

    def say(text: str) -> None:
        print(f"{clock.monotonic_seconds() - began:7.1f} s  {text}", flush=True)

    stage = OutageStage(folder / "stage", say=lambda text: say(text) if not text.startswith("status") else None)
    stage.planted = planted
    with stage:
        stage.bring_up()
        stage.start_client("c1")
        stage.await_writes("c1", more=2, seconds=30)
        hands = Hands(stage)
        for number, name in left:
            place = folder / f"{number}-{name}"
            shutil.rmtree(place, ignore_errors=True)
            try:
                play(BY_ID[name], stage=stage, hands=hands, folder=place)
            except clock.TimedOutError as error:
                say(f"{name}: STUCK: {error}")
                continue
            shutil.copy2(stage.evidence / "acks-c1.jsonl", place / "acks.jsonl")
            (place / "played").write_text(tree())
            played.add((number, name))
            it = found(place, BY_ID[name], acks=place / "acks.jsonl")
            verdict = it.made.value if it.made is not None else "nothing"
            say(f"{number} {name:20} {verdict:8} {it.seconds:5.1f} s  (right: {BY_ID[name].right.value})")


if __name__ == "__main__":
    sys.exit(main())
