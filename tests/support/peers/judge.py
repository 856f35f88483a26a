"""What one accident cost, from what the client, both nodes' disks and both nodes' services wrote: the judge.

The law of this file: it imports nothing of what it judges, and believes nobody's word but these files. An outage is the
longest time between two answers; a record is lost that was acknowledged and is not where the service is at the end;
two wrote at once where the service's own ticks on both nodes overlap. Where the client itself paused, nothing was seen.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NANOSECONDS = 1e9
LEAST_ANSWERS = 50
"""Before an accident and after it; with fewer nothing was seen of it."""
MOST_PAUSE_SECONDS = 0.5
"""Of the client itself: where it did not ask for longer, it measured itself."""
TICKING_SECONDS = 0.2
"""Two ticks of a node that are further apart are of two lives, or of one that did nothing between them."""
NODES = ("a", "b")


class NotSeenError(Exception):
    """The files do not show an accident; the message says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a client and the data paid for one accident."""

    side: str
    kind: str
    served: bool
    """Whether the service came back while the accident lasted, and without a person."""
    outage_seconds: float
    """The longest time without an answer."""
    lost: int
    """Records that were acknowledged and are not there at the end."""
    lost_seconds: float
    """From the first of these to the accident."""
    lost_of_new: int
    """Those that the node acknowledged which took over: no accident of the old one excuses their loss."""
    two_writers_seconds: float
    """In which the service ran on both nodes."""
    split: int
    """Records that one node acknowledged after the other one had begun to."""


def cost_of(folder: Path) -> Cost:
    """Return what one accident cost.

    Raises:
        NotSeenError: the client paused, or the service did not serve before it or was not seen after it.

    """
    play = json.loads((folder / "play.json").read_text())
    began = int(play["began_ns"])
    asked = sorted(_records_of(folder / "answers.jsonl"), key=lambda item: int(item["sent_ns"]))
    answered = [item for item in asked if item["by"]]
    _check(asked, answered, began=began, old=play["old"])
    kept = set(_moments(folder / f"records-{play['final']}"))
    # What ran before the client asked is of the accident before this one.
    first = int(asked[0]["sent_ns"])
    running = [[tick for tick in _moments(folder / f"ticks-{name}") if tick >= first] for name in NODES]
    gone = [item for item in answered if int(item["sent_ns"]) not in kept]
    lost = [int(item["sent_ns"]) for item in gone]
    return Cost(
        side=play["side"],
        kind=play["kind"],
        served=bool(play["served"]),
        outage_seconds=_longest_gap([int(item["ended_ns"]) for item in answered]),
        lost=len(lost),
        lost_seconds=max(0.0, (began - min(lost)) / NANOSECONDS) if lost else 0.0,
        lost_of_new=sum(1 for item in gone if item["by"] != play["old"]),
        two_writers_seconds=_both(*(_lives(ticks) for ticks in running)),
        split=_split(answered),
    )


def _check(asked: Sequence[Mapping[str, Any]], answered: Sequence[Mapping[str, Any]], *, began: int, old: str) -> None:
    before = [item for item in answered if int(item["ended_ns"]) < began]
    after = [item for item in answered if int(item["sent_ns"]) > began]
    if len(before) < LEAST_ANSWERS or {item["by"] for item in before} != {old}:
        raise NotSeenError(f"{old} did not serve before the accident")
    if len(after) < LEAST_ANSWERS:
        raise NotSeenError("nobody served after the accident for as long as the client asked")
    if (pause := _longest_gap([int(item["sent_ns"]) for item in asked])) > MOST_PAUSE_SECONDS:
        raise NotSeenError(f"the client made no request for {pause:.2f} s")


def _split(answered: Sequence[Mapping[str, Any]]) -> int:
    """Count what was asked for of one node, and answered by it, after the other one had answered, whichever began."""
    if len({item["by"] for item in answered}) == 1:
        return 0
    old = answered[0]["by"]
    first = min(int(item["ended_ns"]) for item in answered if item["by"] != old)
    return sum(1 for item in answered if item["by"] == old and int(item["sent_ns"]) > first)


def _lives(ticks: Sequence[int]) -> list[tuple[int, int]]:
    """Return from when to when a node's service ran."""
    found: list[tuple[int, int]] = []
    for tick in sorted(ticks):
        if found and (tick - found[-1][1]) / NANOSECONDS <= TICKING_SECONDS:
            found[-1] = (found[-1][0], tick)
        else:
            found.append((tick, tick))
    return found


def _both(ours: Sequence[tuple[int, int]], theirs: Sequence[tuple[int, int]]) -> float:
    shared = (min(one[1], two[1]) - max(one[0], two[0]) for one, two in itertools.product(ours, theirs))
    return sum(length for length in shared if length > 0) / NANOSECONDS


def _longest_gap(moments: Sequence[int]) -> float:
    ordered = sorted(moments)
    return max((later - sooner for sooner, later in itertools.pairwise(ordered)), default=0) / NANOSECONDS


def _records_of(path: Path) -> list[Mapping[str, Any]]:
    """Return the records of a file; a last line that was cut off in the writing is none."""
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _moments(path: Path) -> list[int]:
    """Return the moments of a file, one a line; a line that a power cut tore is none."""
    return [int(line) for line in path.read_bytes().splitlines() if line.isdigit()]
