"""What a walk showed, or a part of one: plain data, so that parts walked by several processes add up to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from support.modelcheck.explore import Found, story_of
from support.modelcheck.ways_out import WaysOut

if TYPE_CHECKING:
    from support.modelcheck.explore import Cell, Walk
    from support.modelcheck.moves import Move
    from support.modelcheck.stage import Stage
    from support.modelcheck.ways_out import Held


class Ending(NamedTuple):
    """How a world was come to, and what is wrong there."""

    start: str
    story: tuple[Move, ...]
    said: str


@dataclass(slots=True)
class Hold:
    """All worlds that rest at one rule for one reason, by name."""

    worlds: set[bytes] = field(default_factory=set)
    way: tuple[str, ...] = ()
    """What people did in one of them."""
    dead_ends: dict[bytes, Ending] = field(default_factory=dict)


@dataclass(slots=True)
class Result:
    """What was walked and found."""

    cells: dict[bytes, Cell] = field(default_factory=dict)
    """Every distinct world, with the kind of episode, its step, and the fault that led there."""
    transitions: int = 0
    found: list[Found] = field(default_factory=list)
    rounds: dict[bytes, Ending] = field(default_factory=dict)
    holds: dict[tuple[str, str], Hold] = field(default_factory=dict)

    @property
    def violations(self) -> int:
        """Returns how many laws were broken, rounds never end, and holds nothing leads out of."""
        dead = sum(len(hold.dead_ends) for hold in self.holds.values())
        return len(self.found) + len(self.rounds) + dead


def judged(stage: Stage, walk: Walk, *, names: Iterable[bytes] | None = None) -> Result:
    """Returns what a walk showed of these worlds, all of them by default, with every hold followed to its way out."""
    ways = WaysOut(stage, walk, names=walk.after if names is None else names)
    rounds = ways.endless()
    result = Result(dict(walk.cells), walk.transitions, list(walk.found))
    result.rounds = {name: Ending(*story_of(walk, name), "left to itself this goes round for ever") for name in rounds}
    result.holds = {which: _hold(walk, held) for which, held in ways.holds().items()}
    result.found += [Found(law, said, *_come_to(walk, name)) for name, law, said in ways.found]
    return result


def _come_to(walk: Walk, name: bytes) -> tuple[str, tuple[Move, ...]]:
    """Returns how a hold was come to; one that only people's moves led to has no story of the walk."""
    return story_of(walk, name) if name in walk.came else ("people's moves", ())


def unjudged(walk: Walk) -> Result:
    """Returns what a walk showed of the laws alone."""
    return Result(dict(walk.cells), walk.transitions, list(walk.found))


def _hold(walk: Walk, held: Held) -> Hold:
    said = f"nothing that people do leads out of this: {held.said}"
    ends = {name: Ending(*story_of(walk, name), said) for name in held.dead_ends}
    return Hold(set(held.worlds), tuple(move.text for move in held.way), ends)


def added(parts: Iterable[Result]) -> Result:
    """Returns the sum of parts: a world that several came to counts once."""
    total = Result()
    for part in parts:
        for name, cell in part.cells.items():
            total.cells.setdefault(name, cell)
        total.transitions += part.transitions
        total.found += [item for item in part.found if item not in total.found]
        total.rounds |= part.rounds
        for which, hold in part.holds.items():
            mine = total.holds.setdefault(which, Hold())
            mine.worlds |= hold.worlds
            mine.way = mine.way or hold.way
            mine.dead_ends |= hold.dead_ends
    return total


def plain(holds: Mapping[tuple[str, str], Hold]) -> list[dict[str, object]]:
    """Returns the holds as a report keeps them."""
    return [
        {
            "rule": rule,
            "reason": reason,
            "worlds": len(hold.worlds),
            "dead_ends": len(hold.dead_ends),
            "way_out": list(hold.way),
        }
        for (rule, reason), hold in sorted(holds.items())
    ]
