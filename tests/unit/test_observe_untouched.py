"""A reading stands in for a new look only of a node that nothing was done to, and only for a moment."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, cast

import pytest

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.model.pair import Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.steps import LEAVES_ALONE, STEPS, TRAFFIC, EpisodeKind, StepName
from maestro_operator.model.traffic import FloatingAddress
from maestro_operator.observe.gather import Observer
from maestro_operator.observe.lookout import Lookout
from support.looks import move
from support.worlds import ADDRESSES, UNITS, pair_spec

if TYPE_CHECKING:
    from maestro_operator.drivers.ports import TrafficPort

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


def test_every_step_leaves_the_traffic_alone_but_the_one_that_moves_it() -> None:
    episode = move()

    moving = [step for step in StepName if TRAFFIC not in episode.left_alone(step)]

    assert moving == [StepName.MOVE_TRAFFIC]
    assert episode.left_alone(StepName.VERIFY) == {episode.source, episode.target, TRAFFIC}


@pytest.mark.parametrize(("untouched", "asked"), [(frozenset({TRAFFIC}), 1), (frozenset(), 2)])
async def test_an_address_that_no_step_moved_is_not_read_again_between_two_steps(
    untouched: frozenset[str], asked: int
) -> None:
    clock = MemoryClock()
    drivers = memory_drivers(MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=clock))
    address = FloatingAddress(address="192.0.2.80", prefix_length=24, interface="lan")
    entries = (Traffic(name="address", floating_address=address), Traffic(name="name", dns=pair_spec().traffic[0].dns))
    asked_of: list[str] = []

    class Reads:
        async def read(self, entry: Traffic, nodes: object) -> TrafficSeen:
            del nodes
            asked_of.append(entry.name)
            return TrafficSeen(entry.name, ("192.0.2.1",))

    spec, traffic = pair_spec().model_copy(update={"traffic": entries}), cast("TrafficPort", Reads())
    parts = dataclasses.replace(drivers, traffic=traffic)
    observer = Observer(spec, parts, clock=clock, pairs=lambda: 1, wake=lambda: None)
    await observer.look("a", untouched=untouched)
    clock.pass_seconds(1)

    await observer.look("a", untouched=untouched)

    assert (asked_of.count("address"), asked_of.count("name")) == (asked, 2)
    observer.close()


@pytest.mark.parametrize("kind", list(EpisodeKind))
def test_while_a_promotion_or_a_permit_is_to_come_the_other_side_is_always_read_anew(kind: EpisodeKind) -> None:
    steps = STEPS[kind]
    rests_on_the_other_side = {StepName.PROMOTE, StepName.ADOPT, StepName.START_SERVICES, StepName.SWAP_PERMIT}
    last = max((steps.index(step) for step in steps if step in rests_on_the_other_side), default=0)

    assert not [step for step in steps[:last] if "source" in LEAVES_ALONE.get(step, ())]
