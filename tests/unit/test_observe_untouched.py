"""A reading stands in for a new look only of a node that nothing was done to, and only for a moment."""

from __future__ import annotations

import asyncio

import pytest

from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.steps import LEAVES_ALONE, STEPS, EpisodeKind, StepName
from maestro_operator.observe.lookout import Lookout

pytestmark = pytest.mark.unit


def counting(clock: MemoryClock) -> tuple[Lookout[int], list[int]]:
    """Return a lookout and the looks it made."""
    looks: list[int] = []

    async def look() -> int | Unknown:
        looks.append(len(looks))
        return looks[-1]

    return Lookout("node", look, clock=clock, patience_seconds=1.0), looks


async def test_a_node_that_nothing_was_done_to_is_not_read_twice_in_a_moment() -> None:
    clock = MemoryClock()
    lookout, looks = counting(clock)
    await lookout.look()
    clock.pass_seconds(0.5)

    again = await lookout.look(good_for_seconds=0.8)

    assert (again, looks) == (0, [0])


async def test_a_reading_that_is_too_old_is_made_again() -> None:
    clock = MemoryClock()
    lookout, looks = counting(clock)
    await lookout.look()
    clock.pass_seconds(0.9)

    again = await lookout.look(good_for_seconds=0.8)

    assert (again, looks) == (1, [0, 1])


async def test_without_leave_every_look_is_a_new_one() -> None:
    lookout, looks = counting(MemoryClock())

    await lookout.look()
    await lookout.look()

    assert looks == [0, 1]


async def test_a_failure_never_stands_in_for_a_look() -> None:
    answers: list[int | Unknown] = [Unknown(Reason.TIMED_OUT, "silent"), 7, 7]

    async def look() -> int | Unknown:
        return answers.pop(0)

    lookout = Lookout("node", look, clock=MemoryClock(), patience_seconds=1.0)
    await lookout.look()

    found = []
    for _ in range(3):
        found.append(await lookout.look(good_for_seconds=0.8))
        await asyncio.sleep(0)

    assert found[-1] == 7


@pytest.mark.parametrize("kind", list(EpisodeKind))
def test_while_a_promotion_or_a_permit_is_to_come_the_other_side_is_always_read_anew(kind: EpisodeKind) -> None:
    steps = STEPS[kind]
    rests_on_the_other_side = {StepName.PROMOTE, StepName.ADOPT, StepName.START_SERVICES, StepName.SWAP_PERMIT}
    last = max((steps.index(step) for step in steps if step in rests_on_the_other_side), default=0)

    assert not [step for step in steps[:last] if "source" in LEAVES_ALONE.get(step, ())]
