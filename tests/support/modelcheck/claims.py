"""What a walk shows, as claims: no law broken, every hold with its way out, every step and every fault met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from maestro_operator.model.steps import STEPS
from support.modelcheck.blows import BLOWS
from support.modelcheck.laws import LAWS
from support.modelcheck.moves import FAULTS
from support.report import Claim

if TYPE_CHECKING:
    from support.modelcheck.explore import Walk
    from support.modelcheck.ways_out import Held

OTHER_LAWS = (
    "2 proof is an observation",
    "3 the API server's lock",
    "4 unknown is not no",
    "10 the spec belongs to people",
    "a turn ended in a surprise",
)
MOST_SHOWN = 6


def claims_of(
    walk: Walk, holds: Mapping[tuple[str, str], Held], *, rounds: int, most_faults: int, beginnings: int
) -> Iterator[Claim]:
    """Returns every claim about a walk."""
    worlds = len(walk.came)
    yield Claim("beginnings", beginnings > 0, beginnings, "> 0")
    yield Claim("bound", most_faults >= 1, f"{most_faults} faults", "the whole space within it")
    yield Claim("worlds", worlds > 0, worlds, "> 0, distinct after symmetry")
    for law in (*LAWS, *OTHER_LAWS):
        broken = [item for item in walk.found if item.law == law]
        shown = tuple(dict.fromkeys(item.said for item in broken))[:MOST_SHOWN]
        yield Claim(f"law-{law.replace(' ', '-')}", not broken, f"{len(broken)} in {walk.transitions}", "0", shown)
    yield _steps(walk)
    yield _faults(walk)
    yield Claim("liveness-no-endless-round", rounds == 0, rounds, "0")
    for (rule, reason), held in sorted(holds.items()):
        shown = tuple(move.text for move in held.way)
        measured = f"{len(held.dead_ends)} of {held.worlds} worlds"
        yield Claim(f"way-out-{rule}-{reason}", not held.dead_ends, measured, "0 without a way out", shown)


def _steps(walk: Walk) -> Claim:
    met = {(kind, step) for kind, step, _ in walk.cells}
    missing = [
        f"{kind}.{step}"
        for kind, steps in STEPS.items()
        for step in steps
        if (kind.value, step.value) not in met and not _is_only_a_look(kind.value, step.value)
    ]
    wanted = sum(len(steps) for steps in STEPS.values())
    return Claim("every-step", not missing, f"{wanted - len(missing)} of {wanted}", "all", tuple(missing))


def _is_only_a_look(kind: str, step: str) -> bool:
    """Tells whether a step is only ever the journal's current one where it holds."""
    return (kind, step) in {("Failover", "Conclude"), ("Failover", "Declare"), ("Activate", "Preflight")}


def _faults(walk: Walk) -> Claim:
    met: Counter[str] = Counter()
    for (_, _, fault), worlds in walk.cells.items():
        met[fault] += worlds
    wanted = {*FAULTS, *BLOWS, "kill"}
    missing = sorted(fault for fault in wanted if not met[fault])
    return Claim("every-fault", not missing, f"{len(wanted) - len(missing)} of {len(wanted)}", "all", tuple(missing))
