"""What a walk shows, as claims: no law broken, every hold with its way out, every step and every fault met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from maestro_operator.model.steps import BY_A_CLUSTER, STEPS
from support.modelcheck.blows import BLOWS
from support.modelcheck.laws import LAWS
from support.modelcheck.lies import LIES as WAYS_TO_LIE
from support.modelcheck.moves import FAULTS
from support.modelcheck.stage import BEGINS_NOTHING, LIES
from support.modelcheck.unattended import DOES_ALONE, SAYS_WHY
from support.report import ROOT, Claim

if TYPE_CHECKING:
    from support.modelcheck.result import Result

OTHER_LAWS = (
    "2 proof is an observation",
    "3 the API server's lock",
    "4 unknown is not no",
    "10 the spec belongs to people",
    BEGINS_NOTHING,
    DOES_ALONE,
    SAYS_WHY,
    "a turn ended in a surprise",
)
OF_A_MIRROR = {("StandbyLost", "StandbyLost")}
"""No pair of the walk has a mirror; `tests/unit/test_engine_mirror.py` plays its life."""
OF_A_MACHINE = frozenset(kind.value for kind in BY_A_CLUSTER)
"""No pair of the walk is one virtual machine that a cluster keeps; `test_engine_machine.py` there plays its life."""
RUNBOOK = ROOT / "docs" / "runbooks" / "MaestroPairHeld.md"
NOTHING, EVERY_STEP, EVERY_STEP_AND_LIE = range(3)
"""What a walk must come to: a walk of some beginnings only need not come to anything."""
MOST_SHOWN = 6


def claims_of(result: Result, *, bound: str, beginnings: int, asked: int) -> Iterator[Claim]:
    """Returns every claim about a walk; `asked` says whether it must come to every step and fault, and every lie."""
    worlds = len(result.cells)
    yield Claim("beginnings", beginnings > 0, beginnings, "> 0")
    yield Claim("bound", bool(bound), bound, "every world within it")
    yield Claim("worlds", worlds > 0, worlds, "> 0, distinct after symmetry")
    for law in (*LAWS, *OTHER_LAWS):
        broken = [item for item in result.found if item.law == law]
        shown = tuple(dict.fromkeys(item.said for item in broken))[:MOST_SHOWN]
        yield Claim(f"law-{law.replace(' ', '-')}", not broken, f"{len(broken)} in {result.transitions}", "0", shown)
    if asked >= EVERY_STEP:
        yield _steps(result)
        yield _faults(result, with_lies=asked >= EVERY_STEP_AND_LIE)
    yield Claim("liveness-no-endless-round", not result.rounds, len(result.rounds), "0")
    for (rule, reason), hold in sorted(result.holds.items()):
        measured = f"{len(hold.dead_ends)} of {len(hold.worlds)} worlds"
        is_there = f"`{reason}`" in RUNBOOK.read_text()
        yield Claim(f"runbook-{reason}", is_there, is_there, "the reason stands in the runbook of holds")
        yield Claim(f"way-out-{rule}-{reason}", not hold.dead_ends, measured, "0 without a way out", hold.way)


def _steps(result: Result) -> Claim:
    met = {(kind, step) for kind, step, _ in result.cells.values()}
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
    return kind in OF_A_MACHINE or (kind, step) in {
        ("Failover", "Conclude"),
        ("Failover", "Declare"),
        ("Restore", "Declare"),
        *OF_A_MIRROR,
    }


def _faults(result: Result, *, with_lies: bool) -> Claim:
    met = {fault for _, _, fault in result.cells.values()}
    wanted = {*FAULTS, *BLOWS, "kill", *(f"{LIES}{lie}" for lie in WAYS_TO_LIE if with_lies)}
    missing = sorted(wanted - met)
    return Claim("every-fault", not missing, f"{len(wanted) - len(missing)} of {len(wanted)}", "all", tuple(missing))
