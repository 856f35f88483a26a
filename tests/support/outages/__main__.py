"""`make outages`: every shape three times, judged from raw evidence; writes build/outages.json.

SHAPES=a,b plays only these, ROUNDS=n so often. BEDS=n plays on so many beds side by side: only where the machine has
two cores for each. A run that was broken off goes on where it stopped, as long as the tree is the same; FRESH=1 begins
anew. BREAK=deaf-to-the-peer plants an operator that does not hear its peer, and is
caught. `list` prints the ids of all claims of a full run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.outages.judge import claim_ids, claims, found
from support.outages.shapes import BY_ID, ROUNDS, SHAPES
from support.report import BUILD, tree, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
        number, name = parted(path.parent.name)
        if path.read_text() == tree() and name in BY_ID:
            found.add((number, name))
    return found


def parted(word: str) -> tuple[int, str]:
    """Return the round and the shape of one playing's name."""
    number, _, name = word.partition("-")
    return int(number), name


def shares(left: Sequence[tuple[int, str]], *, beds: int) -> tuple[tuple[str, ...], ...]:
    """Return what each bed plays, in turns, so that all take about as long."""
    words = [f"{number}-{name}" for number, name in left]
    return tuple(tuple(words[which::beds]) for which in range(beds))


def _play_side_by_side(left: Sequence[tuple[int, str]], *, beds: int, target: str, planted: str) -> None:
    """Let each bed be played by a process of its own; one that ends badly has left its shapes unplayed."""
    command = (sys.executable, "-m", "support.outages", "bed", target)
    players = [
        subprocess.Popen([*command, f"stage-{which}", planted, *words])
        for which, words in enumerate(shares(left, beds=beds))
    ]
    try:
        for player in players:
            player.wait()
    finally:
        for player in players:
            player.terminate()


def main() -> int:
    """Play what is left, judge everything, return 0 where every claim holds."""
    if sys.argv[1:] == ["list"]:
        print("\n".join(claim_ids()))
        return 0
    if sys.argv[1:2] == ["bed"]:
        _, target, stage, planted, *words = sys.argv[1:]
        _play([parted(word) for word in words], folder=BUILD / target, stage=stage, planted=planted)
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
    beds = int(os.environ.get("BEDS") or 1)
    if left and beds == 1:
        _play(left, folder=folder, stage="stage", planted=planted)
    elif left:
        _play_side_by_side(left, beds=min(beds, len(left)), target=target, planted=planted)
    played = done_before(folder)
    made = claims(folder, sorted(played), wanted=names, rounds=rounds)
    path = write_report(target, made, seconds=clock.monotonic_seconds() - began)
    for claim in made:
        if not claim.ok:
            print(f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}")
    print("\n".join(made[-1].evidence))
    print(f"{sum(claim.ok for claim in made)} of {len(made)} claims hold; {path}")
    return 0 if json.loads(path.read_text())["ok"] else 1


def _play(left: Sequence[tuple[int, str]], *, folder: Path, stage: str, planted: str) -> None:
    from support.outages.hands import Hands  # noqa: PLC0415 - judging needs no bed
    from support.outages.play import play  # noqa: PLC0415
    from support.outages.stage import OutageStage  # noqa: PLC0415

    began = clock.monotonic_seconds()

    def say(text: str) -> None:
        print(f"{clock.monotonic_seconds() - began:7.1f} s  {text}", flush=True)

    shutil.rmtree(folder / stage, ignore_errors=True)
    bed = OutageStage(folder / stage, say=lambda text: say(text) if not text.startswith("status") else None)
    bed.planted = planted
    with bed:
        bed.bring_up()
        bed.start_client("c1")
        bed.await_writes("c1", more=2, seconds=30)
        hands = Hands(bed)
        for number, name in left:
            place = folder / f"{number}-{name}"
            shutil.rmtree(place, ignore_errors=True)
            try:
                play(BY_ID[name], stage=bed, hands=hands, folder=place)
            except clock.TimedOutError as error:
                say(f"{name}: STUCK: {error}")
                continue
            shutil.copy2(bed.evidence / "acks-c1.jsonl", place / "acks.jsonl")
            (place / "played").write_text(tree())
            it = found(place, BY_ID[name], acks=place / "acks.jsonl")
            verdict = it.made.value if it.made is not None else "nothing"
            say(f"{number} {name:20} {verdict:8} {it.seconds:5.1f} s  (right: {BY_ID[name].right.value})")


if __name__ == "__main__":
    sys.exit(main())
