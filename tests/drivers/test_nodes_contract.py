"""The contract of the nodes, held over the memory world and over two real nodes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from maestro_operator.model.outcome import Done, Failed, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, Unknown, Vote
from maestro_operator.model.status import EpochMark
from support.contracts.bed_pair import BedPair
from support.contracts.memory_pair import MemoryPair
from support.contracts.pair_world import PAIR_UID, PUBLIC_NAME, UNITS, PairWorld, frozen
from support.contracts.steps import (
    activated,
    created,
    done,
    equip,
    made_ready,
    order,
    read,
    refusal,
    start,
    stop,
    stopped,
)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(params=["memory", pytest.param("bed", marks=pytest.mark.root)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[PairWorld]:
    if request.param == "memory":
        yield MemoryPair()
        return
    pair = BedPair(request.getfixturevalue("bed"))
    await pair.clean()
    yield pair
    await pair.close()


async def test_a_node_that_nobody_touched_is_read_as_it_is(world: PairWorld) -> None:
    seen = await read(world, "a")

    assert seen.guard.state is GuardState.ABSENT
    assert seen.is_stopped
    assert [unit.name for unit in seen.units] == list(UNITS)
    assert not seen.guard.may_run


async def test_two_nodes_are_two_machines(world: PairWorld) -> None:
    one, other = await asyncio.gather(read(world, "a"), read(world, "b"))

    assert one.machine_id != other.machine_id
    assert one.boot_id != other.boot_id


async def test_an_equipped_node_never_ran_until_its_state_is_created(world: PairWorld) -> None:
    await equip(world, "a")
    before = await read(world, "a")

    await done(world, "a", "create")

    after = await read(world, "a")
    assert before.guard.state is GuardState.NEVER
    assert (after.guard.state, after.guard.pair_uid, after.guard.node) == (GuardState.VALID, PAIR_UID, "a")
    assert (after.guard.in_force, after.guard.promised, after.guard.may_run) == (None, None, False)


async def test_equipping_again_gives_the_same_key(world: PairWorld) -> None:
    assert await equip(world, "a") == await equip(world, "a")


async def test_a_node_knows_when_it_was_introduced_to_its_peer(world: PairWorld) -> None:
    await equip(world, "a")
    before = (await read(world, "a")).guard.peer_ready

    await made_ready(world)

    assert (before, (await read(world, "a")).guard.peer_ready) == (False, True)


async def test_a_node_that_was_introduced_says_nothing_for_its_peer(world: PairWorld) -> None:
    """Introducing one node changes that node alone: neither can ask the other before both were."""
    keys = {name: await equip(world, name) for name in "ab"}

    await world.nodes.introduce(
        frozen(world, "b"), peer=frozen(world, "a"), peer_public_key=keys["a"], deadline_seconds=30
    )

    assert [(await read(world, name)).guard.peer_ready for name in "ab"] == [False, True]


async def test_an_order_for_another_pair_is_refused(world: PairWorld) -> None:
    await created(world, "a")

    refused = await order(world, "a", "promise", epoch=1, owner="a", pair="another-pair")

    assert refusal(refused) is Reason.FOREIGN_PAIR


async def test_a_lower_term_is_refused_whatever_the_epoch(world: PairWorld) -> None:
    await created(world, "a")
    await done(world, "a", "lead", term=5)

    refused = await order(world, "a", "promise", epoch=9, owner="a", term=4)

    assert refusal(refused) is Reason.LOWER_TERM
    assert (await read(world, "a")).guard.term == 5


async def test_an_order_to_a_node_without_a_guard_is_refused(world: PairWorld) -> None:
    assert refusal(await order(world, "a", "lead")) is Reason.GUARD_ABSENT


async def test_a_promotion_that_was_not_promised_is_refused_with_the_guards_word(world: PairWorld) -> None:
    await created(world, "a")

    refused = await order(world, "a", "promote", epoch=1)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.remote_reason) == (Reason.REFUSED_BY_GUARD, "NotPromised")


async def test_nothing_starts_without_a_permit(world: PairWorld) -> None:
    await created(world, "a")

    refused = await start(world, "a")

    assert refusal(refused) is Reason.REFUSED_BY_GUARD
    assert (await read(world, "a")).is_stopped


async def test_with_a_permit_the_services_run_and_are_ready(world: PairWorld) -> None:
    await activated(world)

    seen = await read(world, "a")

    assert (seen.runs(unit.name for unit in seen.units), seen.guard.may_run) == (True, True)
    assert seen.guard.in_force == EpochMark(number=1, owner="a", episode="ep-1")
    assert (seen.guard.permit_epoch, seen.guard.permit_boot) == (1, seen.boot_id)
    assert set(seen.listeners) == {80, 5432}
    assert seen.holders > 0


async def test_starting_again_changes_nothing_and_stopping_reads_back_that_nothing_is_left(world: PairWorld) -> None:
    await activated(world)

    again = await start(world, "a")
    stopped = await stop(world, "a")

    seen = await read(world, "a")
    assert isinstance(again, Done), again
    assert isinstance(stopped, Done), stopped
    assert (seen.is_stopped, seen.holders, seen.listeners) == (True, 0, ())


async def test_a_demoted_node_stops_by_itself(world: PairWorld) -> None:
    await activated(world)

    await done(world, "a", "demote", epoch=2, owner="b", episode="ep-2")

    seen = await read(world, "a")
    assert (seen.is_stopped, seen.guard.may_run) == (True, False)
    assert seen.guard.in_force == EpochMark(number=2, owner="b", episode="ep-2")
    assert refusal(await start(world, "a")) is Reason.REFUSED_BY_GUARD


async def test_pinned_names_resolve_on_the_node(world: PairWorld) -> None:
    await equip(world, "a")
    address = world.spec.node("a").address

    pinned = await world.nodes.pin(frozen(world, "a"), {PUBLIC_NAME: address}, deadline_seconds=10)

    assert isinstance(pinned, Done), pinned
    assert (await read(world, "a")).pins == {PUBLIC_NAME: address}


async def test_a_node_without_power_is_unknown_and_no_order_is_done(world: PairWorld) -> None:
    await created(world, "a")
    await world.power_cut("a")

    seen, ordered = await asyncio.gather(
        world.nodes.read(frozen(world, "a")), order(world, "a", "lead", deadline_seconds=5)
    )

    assert isinstance(seen, Unknown)
    assert seen.reason in (Reason.TIMED_OUT, Reason.HOST_UNREACHABLE, Reason.CONNECTION_LOST)
    assert isinstance(ordered, Failed)


async def test_a_permit_does_not_outlive_its_boot(world: PairWorld) -> None:
    await activated(world)
    before = await read(world, "a")
    await world.isolate("b")
    await world.power_cut("a")

    await world.power_on("a")

    after = await read(world, "a")
    assert after.boot_id != before.boot_id
    assert (after.guard.may_run, after.is_stopped) == (False, True)
    assert after.guard.max_permit_epoch == 1


async def test_the_peer_sees_what_the_active_node_does(world: PairWorld) -> None:
    await activated(world)
    probes = [probe for service in world.spec.services for probe in service.readiness]

    async def vote() -> Vote | Reason:
        said = await world.nodes.peer_vote(frozen(world, "b"), frozen(world, "a"), probes)
        return said.reason if isinstance(said, Unknown) else said.vote

    running = await vote()
    await stopped(world, "a")
    quiet = await vote()
    await world.power_cut("a")
    dark = await vote()

    assert (running, quiet, dark) == (Vote.ALIVE, Vote.SICK, Vote.DEAD)
