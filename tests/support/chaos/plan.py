"""The nemesis' mind: which round comes next, from the seed and from the cells that are still empty.

The law of this file: pure. The same seed and the same counts give the same round.

As long as cells are empty, a round is made to fill as many as it can hold: strikes that an episode survives stand
one after the other, in the order of its phases, and what breaks the episode comes last. A cell whose strike fell
elsewhere before has the round to itself.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from support.chaos.phases import LISTED, ORDER, Cell, Fault, Opening, Phase, openings_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PASSING = frozenset(
    {
        Fault.OPERATOR_KILLED,
        Fault.OPERATOR_STOPPED,
        Fault.TWO_OPERATORS,
        Fault.API_KILLED,
        Fault.API_STOPPED,
        Fault.SPEC_EDIT,
        Fault.SECRET_EDIT,
        Fault.PAUSED,
        Fault.DNS_FROZEN,
        Fault.DISK_FULL,
        Fault.PARTED,
    }
)
"""Faults after which the episode goes on as it was, so that a later phase of it still comes."""
PASSING_AT_REST = frozenset(
    {
        Fault.FROZEN,
        Fault.CUT,
        Fault.GIT,
        Fault.MAINTENANCE,
        Fault.REBOOT,
        Fault.BOTH_REBOOT,
        Fault.SERVICE_KILLED,
    }
)
"""Faults that leave both nodes on and reachable: whoever is at rest comes back to it."""
MOST_STRIKES = 6
MOST_IN_A_PHASE = {Phase.REST: 4, Phase.FENCE: 3}
SOME_IN_A_PHASE = 2
GIT_SHARE = 0.3
OUTAGES = ("power", "frozen", "cut")
OUTAGE_FAULTS = {"power": Fault.POWER_CUT, "frozen": Fault.FROZEN, "cut": Fault.CUT}
SHARED = frozenset(ORDER[Opening.SWITCH]) & frozenset(ORDER[Opening.OUTAGE])
VICTIMS = ("source", "target")
SURVIVOR_DIES: Cell = (Phase.FENCE, Fault.POWER_CUT)
"""The second failure of a double one: the other node is off already."""
HARDEST_FIRST = (Opening.OUTAGE, Opening.SWITCH, Opening.STILL)
"""Of two that fill as many cells, what takes longer to come about is tried first, while there is time to try again."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault in one phase."""

    phase: Phase
    fault: Fault
    victim: str
    """`source` (the node that is or was active) or `target` (the other one), where the fault has a node."""
    dice: int
    """What the fault's own variations are drawn from."""

    @property
    def cell(self) -> Cell:
        """Return the cell of the matrix."""
        return self.phase, self.fault


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


def next_round(
    seed: int,
    number: int,
    counts: Mapping[Cell, int],
    *,
    missed: Mapping[Cell, int] | None = None,
    listed: Sequence[Cell] = LISTED,
) -> Round:
    """Return the round with this number, steered to the cells that are empty, those first that were missed most."""
    dice = random.Random(f"{seed}/{number}")
    order = list(listed)
    random.Random(seed).shuffle(order)
    empty = [cell for cell in order if not counts.get(cell, 0)]
    # What is missed again and again has its turn in every second round only, so that it holds up nothing else.
    leads = {cell: count for cell, count in (missed or {}).items() if count == 1 or number % 2}
    patient = [cell for cell in empty if cell in leads or not (missed or {}).get(cell, 0)]
    # What a planned switch passes as well is left to it where an outage has enough of its own.
    waiting = sorted(patient or empty, key=lambda cell: (-leads.get(cell, 0), cell[0] in SHARED))
    opening, cells = _chosen(waiting, leads, number=number)
    if not waiting:
        cells = (dice.choice(order),)
        opening = dice.choice(openings_for(cells[0][0]))
    strikes = tuple(_strike(cell, dice) for cell in cells)
    faults = {strike.fault for strike in strikes}
    by_git = dice.random() < GIT_SHARE or Fault.GIT in faults
    # A lie about power is told of a node that has none; and nobody commits in the instant in which a pair is deleted.
    outage = "power" if Fault.BMC in faults else _least_struck(counts, dice)
    return Round(number, opening, outage, by_git=by_git and Fault.DELETED not in faults, strikes=strikes)


def _chosen(waiting: Sequence[Cell], leads: Mapping[Cell, int], *, number: int) -> tuple[Opening, tuple[Cell, ...]]:
    """Return the opening whose round fills most empty cells, and these; the first round is always an outage."""
    if waiting and leads.get(waiting[0], 0):
        opening = _cheapest(waiting[0][0])
        return opening, _packed(waiting, opening, undisturbed=waiting[0])
    found = [(opening, _packed(waiting, opening)) for opening in HARDEST_FIRST]
    # Nobody loses a node for what a planned switch shows as well.
    wanted = [one for one in found if one[0] is not Opening.OUTAGE or any(phase not in SHARED for phase, _ in one[1])]
    return max(wanted, key=lambda one: (number == 1 and one[0] is Opening.OUTAGE, len(one[1])))


def _cheapest(phase: Phase) -> Opening:
    """Return the opening that comes to a phase soonest: nobody loses a node for what can be had without."""
    return next((opening for opening in openings_for(phase) if opening is not Opening.OUTAGE), Opening.OUTAGE)


def _packed(waiting: Iterable[Cell], opening: Opening, *, undisturbed: Cell | None = None) -> tuple[Cell, ...]:
    """Return as many empty cells as one round can hold; nothing strikes before the one that shall be undisturbed."""
    cells: list[Cell] = []
    for cell in waiting:
        if not _fits(cell, cells, opening):
            continue
        together = sorted([*cells, cell], key=lambda item: _place(item, opening))
        if undisturbed in (None, together[0]):
            cells = together
    return tuple(cells)


def _strike(cell: Cell, dice: random.Random) -> Strike:
    victim, number = dice.choice(VICTIMS), dice.randrange(1 << 16)
    return Strike(cell[0], cell[1], "target" if cell == SURVIVOR_DIES else victim, number)


def _least_struck(counts: Mapping[Cell, int], dice: random.Random) -> str:
    """Return the way to take a node away that was used least at rest."""
    ways = dice.sample(OUTAGES, len(OUTAGES))
    return min(ways, key=lambda way: counts.get((Phase.REST, OUTAGE_FAULTS[way]), 0))


def _fits(cell: Cell, cells: Sequence[Cell], opening: Opening) -> bool:
    """Tell whether a cell can join a round: a few strikes a phase, nothing after what ends an episode."""
    most = MOST_IN_A_PHASE.get(cell[0], SOME_IN_A_PHASE)
    in_phase = sum(phase is cell[0] for phase, _ in cells)
    if cell[0] not in ORDER[opening] or len(cells) >= MOST_STRIKES or in_phase >= most:
        return False
    together = sorted([*cells, cell], key=lambda item: _place(item, opening))
    return all(
        passes(before) or (_after_heal(after[0]) and not _after_heal(before[0])) for before, after in pairwise(together)
    )


def passes(cell: Cell) -> bool:
    """Tell whether what was under way goes on after a strike, so that another may follow it."""
    is_at_rest = cell[0] is Phase.REST
    # A pair that is deleted in mid-episode goes at the end of it.
    return cell[1] in PASSING or (cell[1] in PASSING_AT_REST if is_at_rest else cell[1] is Fault.DELETED)


def _place(cell: Cell, opening: Opening) -> tuple[int, bool, bool, str]:
    """Return what strikes are ordered by: the phase, and within it what passes before what ends an episode.

    An operator that is killed first leaves the phase standing until the next one leads: a second strike finds it.
    """
    return (ORDER[opening].index(cell[0]), not passes(cell), cell[1] is not Fault.OPERATOR_KILLED, cell[1])


def _after_heal(phase: Phase) -> bool:
    """Tell whether a phase only comes when everything is healed."""
    return phase in (Phase.REJOIN, Phase.RESYNC)


def empty_cells(counts: Mapping[Cell, int], listed: Sequence[Cell] = LISTED) -> tuple[Cell, ...]:
    """Return the listed cells that were never struck."""
    return tuple(cell for cell in listed if counts.get(cell, 0) == 0)
