"""Looking: never waited for longer than it deserves, and old news is never good news."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

from maestro_operator.drivers.memory.ports import MemoryNodes, memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown, Vote, VoteSeen
from maestro_operator.model.status import AutomaticMove, StepRecord
from maestro_operator.model.steps import TRAFFIC, StepName
from maestro_operator.observe.gather import Observer
from maestro_operator.observe.lookout import DOUBTED_PATIENCE_SECONDS, Lookout, Periodic
from maestro_operator.observe.votes import VoteMemory
from maestro_operator.observe.wallclock import block_remaining_seconds, deadline_passed
from support.beginnings import serving
from support.looks import NOW, move, status, vote
from support.worlds import pair_spec

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode


class SlowNodes(MemoryNodes):
    """Nodes that take their time to say anything."""

    seconds = 0.1

    @override
    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        await asyncio.sleep(self.seconds)
        return await super().read(node)


def test_a_vote_counts_from_the_moment_it_was_first_said_without_interruption() -> None:
    memory = VoteMemory()
    heard: list[tuple[VoteSeen | Unknown, float]] = [
        (vote(Vote.DEAD), 10.0),
        (vote(Vote.DEAD), 17.0),
        (Unknown(Reason.TIMED_OUT, "no vote"), 20.0),
        (vote(Vote.DEAD), 22.0),
        (vote(Vote.DEAD), 25.0),
    ]

    said = [
        memory.remember("peer", "a", found, at_seconds=at, good_for_seconds=20.0).for_seconds for found, at in heard
    ]

    assert said == [0.0, 7.0, 0.0, 0.0, 3.0]


def test_what_was_said_of_a_node_long_before_it_was_asked_about_again_counts_no_more() -> None:
    memory = VoteMemory()

    said = [
        memory.remember("peer", "b", vote(Vote.SICK), at_seconds=at, good_for_seconds=20.0)
        for at in (10.0, 20.0, 900.0, 905.0)
    ]

    assert [(one.for_seconds, one.times) for one in said] == [(0.0, 1), (10.0, 2), (0.0, 1), (5.0, 2)]


async def test_what_answers_is_waited_for_and_what_did_not_is_looked_at_in_the_background() -> None:
    silent = Unknown(Reason.TIMED_OUT, "no")
    there: list[int | Unknown] = [1]

    async def look() -> int | Unknown:
        await asyncio.sleep(0)
        return there[0]

    lookout = Lookout("node", look, clock=MemoryClock(), patience_seconds=1)
    assert await lookout.look() == 1
    there[0] = silent
    assert await lookout.look() == silent
    there[0] = 2
    assert await lookout.look() == silent
    for _ in range(3):
        await asyncio.sleep(0)

    # What was read in the background is good news from before this turn: it is read once more.
    assert await lookout.look() == 2
    lookout.close()


async def test_a_look_that_hangs_is_unknown_after_its_patience() -> None:
    async def look() -> int:
        await asyncio.sleep(60)
        return 1

    lookout = Lookout("node", look, clock=MemoryClock(), patience_seconds=0.01)

    assert await lookout.look() == Unknown(Reason.TIMED_OUT, "node did not answer in 0.0 s")
    assert isinstance(await lookout.look(), Unknown)
    assert isinstance(await lookout.look(), Unknown)
    lookout.close()


async def test_what_somebody_finds_dead_is_waited_for_in_vain_for_a_moment_only() -> None:
    answers = asyncio.Event()
    clock = MemoryClock()

    async def look() -> int:
        await answers.wait()
        return 1

    before = Lookout("node", look, clock=clock, patience_seconds=60)
    meanwhile = Lookout("node", look, clock=clock, patience_seconds=60)
    clock.pass_seconds(10)
    waits = asyncio.ensure_future(meanwhile.look())
    await asyncio.sleep(0.01)
    assert not waits.done()
    meanwhile.doubt()
    clock.pass_seconds(DOUBTED_PATIENCE_SECONDS)

    silent = Unknown(Reason.TIMED_OUT, "node did not answer in 1.0 s, and somebody finds nobody there")
    assert await waits == silent
    assert await before.look(is_doubted=True) == silent
    # The look goes on: who answers late is read again once more, as ever.
    answers.set()
    assert await before.look() == silent
    await asyncio.sleep(0.01)
    assert await before.look() == 1
    for lookout in (before, meanwhile):
        lookout.close()


async def test_a_doubted_node_that_answers_is_read_all_the_same() -> None:
    async def look() -> int:
        await asyncio.sleep(0)
        return 1

    lookout = Lookout("node", look, clock=MemoryClock(), patience_seconds=60)

    assert await lookout.look(is_doubted=True) == 1


async def test_a_node_that_is_known_to_be_slow_is_waited_for_as_long_as_the_spec_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("maestro_operator.observe.gather.NODE_PATIENCE_SECONDS", 0.01)
    pair = await serving()
    await pair.settle()
    drivers = memory_drivers(pair.world)
    nodes = SlowNodes(pair.world)
    spec = pair_spec()
    observer = Observer(
        spec, dataclasses.replace(drivers, nodes=nodes), clock=pair.world.clock, pairs=lambda: 1, wake=lambda: None
    )

    look = await observer.look("a")

    assert spec.detection.timeout_seconds > SlowNodes.seconds
    assert all(isinstance(node, NodeSeen) for node in look.nodes.values()), look.nodes


@pytest.mark.parametrize(("is_ours", "after"), [(True, []), (False, [Vote.SICK])])
async def test_what_was_said_of_a_node_before_a_step_started_its_services_is_forgotten(
    *, is_ours: bool, after: list[Vote]
) -> None:
    pair = await serving()
    await pair.settle()
    node, clock = pair.world.nodes["a"], pair.world.clock
    observer = Observer(pair_spec(), memory_drivers(pair.world), clock=clock, pairs=lambda: 1, wake=lambda: None)
    up = set(node.running)

    async def said(*, untouched: frozenset[str] = frozenset()) -> list[Vote]:
        look = await observer.look("a", untouched=untouched)
        for _ in range(10):
            await asyncio.sleep(0)
        return [vote.vote for vote in look.votes if vote.vantage_point == "operator"]

    node.running.clear()
    await said()
    assert await said() == [Vote.SICK]
    node.running.update(up)

    assert await said(untouched=frozenset({TRAFFIC}) if is_ours else frozenset()) == after
    if is_ours:
        assert await said() == [Vote.ALIVE]


async def test_a_vote_that_finds_a_node_dead_wakes_the_next_look_and_has_everybody_asked_at_once() -> None:
    pair = await serving()
    await pair.settle()
    world = pair.world
    woken: list[str] = []
    spec = pair_spec()
    observer = Observer(
        spec, memory_drivers(world), clock=world.clock, pairs=lambda: 1, wake=lambda: woken.append("now")
    )
    await observer.look("a")
    await observer.look("a")
    assert woken == []
    world.cut("operator", "a")
    world.clock.pass_seconds(spec.detection.period_seconds)

    await observer.look("a")
    for _ in range(10):
        await asyncio.sleep(0)

    assert woken
    assert [vote.vote for vote in (await observer.look("a")).votes if vote.vantage_point == "operator"] == [Vote.DEAD]
    observer.close()


async def test_a_periodic_look_is_not_repeated_before_its_period() -> None:
    clock, looks = MemoryClock(), []

    async def look() -> int:
        looks.append(clock.monotonic_seconds())
        return len(looks)

    periodic = Periodic(0, look, clock=clock, period_seconds=5)
    assert periodic.latest() == 0
    await asyncio.sleep(0)
    assert (periodic.latest(), len(looks)) == (1, 1)
    clock.pass_seconds(5)
    periodic.latest()
    await asyncio.sleep(0)
    assert (periodic.latest(), len(looks)) == (2, 2)
    periodic.close()


async def test_votes_that_stay_away_become_unknown() -> None:
    pair = await serving()
    await pair.settle()
    pair.world.cut("operator", "a")
    pair.world.cut("operator", "b")
    for _ in range(10):
        await pair.turn()

    peers = [item for item in pair.recorder.seen[-1].votes if item.vantage_point == "peer"]

    assert [item.vote for item in peers] == [Vote.UNKNOWN]


def test_a_deadline_is_over_only_with_a_margin_for_two_clocks() -> None:
    running = {"name": StepName.FENCE, "state": "Running", "term": 1, "started_at": NOW, "deadline": NOW}
    known = status(episode=move(steps=(StepRecord.model_validate(running),)))

    assert not deadline_passed(known, "2026-01-01T00:16:44.000Z")
    assert deadline_passed(known, "2026-01-01T00:16:46.000Z")
    assert deadline_passed(status(), NOW)


def test_an_automatic_move_blocks_the_next_for_its_time_or_until_it_is_acknowledged() -> None:
    moved = AutomaticMove(episode="failover-2", finished_at=NOW)

    left = block_remaining_seconds(pair_spec(), status(automatic_move=moved), "2026-01-01T00:17:40.000Z")
    known = block_remaining_seconds(
        pair_spec(), status(automatic_move=moved.model_copy(update={"acknowledged": True})), NOW
    )

    assert (left, known, block_remaining_seconds(pair_spec(), status(), NOW)) == (3540.0, 0.0, 0.0)
