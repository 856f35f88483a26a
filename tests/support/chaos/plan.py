"""The nemesis' mind: which round comes next, from the seed and from the cells that are still empty.

The law of this file: pure. The same seed and the same counts give the same round.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from support.chaos.phases import LISTED, ORDER, Cell, Fault, Opening, Phase, openings_for

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSING = frozenset(
    {
        Fault.OPERATOR_KILLED,
        Fault.OPERATOR_STOPPED,
        Fault.TWO_OPERATORS,
        Fault.API_KILLED,
        Fault.API_STOPPED,
        Fault.SPEC_EDIT,
        Fault.PAUSED,
        Fault.DNS_FROZEN,
        Fault.DISK_FULL,
        Fault.PARTED,
    }
)
"""Faults after which the episode goes on as it was, so that a later phase of it still comes."""
MOST_STRIKES = 3
GIT_SHARE = 0.3
OUTAGES = ("power", "frozen", "cut")
VICTIMS = ("source", "target")


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault in one phase."""

    phase: Phase
    fault: Fault
    victim: str
    """`source` (the node that is or was active) or `target` (the other one), where the fault has a node."""
    dice: int
    """What the fault's own variations are drawn from."""


@dataclass(frozen=True, slots=True)
class Round:
    """One opening and what strikes after it."""

    number: int
    opening: Opening
    outage: str
    """How the active node is taken away, in a round that opens so."""
    by_git: bool
    """Whether orders go through the repository, with the sync loop running, or by `kubectl patch`."""
    strikes: tuple[Strike, ...]


def next_round(seed: int, number: int, counts: Mapping[Cell, int]) -> Round:
    """Return the round with this number, steered to the cells that were struck least."""
    dice = random.Random(f"{seed}/{number}")
    order = list(LISTED)
    random.Random(seed).shuffle(order)
    # A third of the rounds repeat what was struck: the wish to fill the matrix shall not make every round a first.
    waiting = sorted(order, key=lambda cell: counts.get(cell, 0))
    first = waiting[0] if counts.get(waiting[0], 0) == 0 else dice.choice(order)
    opening = dice.choice(openings_for(first[0]))
    if number == 1:
        first, opening = (Phase.PROMOTE, Fault.OPERATOR_KILLED), Opening.OUTAGE
    strikes = [_strike(first, dice)]
    for cell in waiting:
        if len(strikes) >= MOST_STRIKES:
            break
        if counts.get(cell, 0) == 0 and _fits(cell, strikes, opening):
            strikes.append(_strike(cell, dice))
            strikes.sort(key=lambda strike: _place((strike.phase, strike.fault), opening))
    lies = any(strike.fault is Fault.BMC for strike in strikes)
    outage = "power" if lies else dice.choice(OUTAGES)
    by_git = dice.random() < GIT_SHARE or any(strike.fault is Fault.GIT for strike in strikes)
    return Round(number, opening, outage, by_git=by_git, strikes=tuple(strikes))


def _strike(cell: Cell, dice: random.Random) -> Strike:
    return Strike(cell[0], cell[1], dice.choice(VICTIMS), dice.randrange(1 << 16))


def _fits(cell: Cell, strikes: list[Strike], opening: Opening) -> bool:
    """Tell whether a cell can join a round: a phase but rest once, nothing after what ends an episode."""
    cells = [(strike.phase, strike.fault) for strike in strikes]
    is_taken = cell in cells or (cell[0] is not Phase.REST and cell[0] in [phase for phase, _ in cells])
    if cell[0] not in ORDER[opening] or is_taken:
        return False
    together = sorted([*cells, cell], key=lambda item: _place(item, opening))
    return all(
        before[1] in PASSING or (_after_heal(after[0]) and not _after_heal(before[0]))
        for before, after in pairwise(together)
    )


def _place(cell: Cell, opening: Opening) -> tuple[int, bool, str]:
    """Return what strikes are ordered by: the phase, and within it what passes before what ends an episode."""
    return (ORDER[opening].index(cell[0]), cell[1] not in PASSING, cell[1])


def _after_heal(phase: Phase) -> bool:
    """Tell whether a phase only comes when everything is healed."""
    return phase in (Phase.REJOIN, Phase.RESYNC)


def empty_cells(counts: Mapping[Cell, int]) -> tuple[Cell, ...]:
    """Return the listed cells that were never struck."""
    return tuple(cell for cell in LISTED if counts.get(cell, 0) == 0)
