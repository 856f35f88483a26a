"""The contract of the replication, held by each way of it over its memory world and over two real nodes."""

from collections.abc import AsyncIterator

import pytest

from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Product
from maestro_operator.model.status import Generation
from support.contracts.bed_pair import BedPair
from support.contracts.bed_product import BedProduct
from support.contracts.memory_pair import MemoryPair, memory_product
from support.contracts.pair_world import SPOOL, PairWorld, frozen
from support.contracts.steps import (
    activated,
    created,
    done,
    holding_a_copy,
    read,
    receiving,
    refusal,
    start,
    stopped,
)

pytestmark = pytest.mark.timeout(240)

copying = ["memory", pytest.param("bed", marks=pytest.mark.root)]
every = [*copying, "memory-product", pytest.param("bed-product", marks=pytest.mark.root)]


@pytest.fixture(params=every)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[PairWorld]:
    match request.param:
        case "memory":
            yield MemoryPair()
        case "memory-product":
            yield memory_product()
        case kind:
            pair = (BedProduct if kind == "bed-product" else BedPair)(request.getfixturevalue("bed"))
            await pair.clean()
            yield pair
            await pair.close()


async def test_a_whole_copy_is_sent_committed_and_promoted(world: PairWorld) -> None:
    await receiving(world)
    await world.write("a")
    await world.write("a")
    connected = await world.replication.connect(frozen(world, "a"), frozen(world, "b"), deadline_seconds=20)
    assert isinstance(connected, Done), connected
    await done(world, "a", "quiesce", epoch=1, episode="ep-2")
    await stopped(world, "a")

    synced = await world.replication.final_sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=60)

    assert isinstance(synced, Done), synced
    seen = await read(world, "b")
    assert seen.replica.newest is not None
    assert synced.facts["generation"] == str(seen.replica.newest)
    assert (seen.replica.is_whole, seen.replica.newest.epoch) == (True, 1)
    await done(world, "b", "promise", epoch=2, owner="b", episode="ep-2")
    await done(world, "a", "demote", epoch=2, owner="b", episode="ep-2")
    await done(world, "b", "promote", epoch=2, episode="ep-2")
    promoted = await world.replication.promote(
        frozen(world, "b"), episode="ep-2", generation=seen.replica.newest, deadline_seconds=30
    )
    assert isinstance(promoted, Done), promoted
    assert await world.records("b") == await world.records("a")
    assert (await read(world, "b")).replica.promoted_episode == "ep-2"


@pytest.mark.parametrize("world", copying, indirect=True)
async def test_the_queue_that_came_up_is_counted_once_an_episode_on_live_data_alone(world: PairWorld) -> None:
    world.spec = world.spec.model_copy(update={"spool": SPOOL})
    await receiving(world)
    await done(world, "a", "quiesce", epoch=1, episode="ep-2")
    await stopped(world, "a")
    synced = await world.replication.final_sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=60)
    assert isinstance(synced, Done), synced
    generation = (await read(world, "b")).replica.newest

    async def hold(episode: str) -> Outcome:
        return await world.replication.hold_queue(frozen(world, "b"), episode=episode, deadline_seconds=30)

    early = await hold("ep-2")
    promoted = await world.replication.promote(
        frozen(world, "b"), episode="ep-2", generation=generation, deadline_seconds=30
    )
    assert isinstance(promoted, Done), promoted
    await world.queue("b", 2)
    first = await hold("ep-2")
    await world.queue("b", 5)
    again = await hold("ep-2")
    replica = (await read(world, "b")).replica
    later = await hold("ep-3")

    assert isinstance(early, Refused), early
    assert early.remote_reason == "LiveAbsent"
    counted = [item.facts["queued"] for item in (first, again, later) if isinstance(item, Done)]
    assert counted == ["2", "2", "5"], (first, again, later)
    assert (replica.queued, replica.queued_episode) == (2, "ep-2")


async def test_without_a_grant_nothing_is_received(world: PairWorld) -> None:
    await activated(world)

    begun = await world.replication.sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=30)

    assert isinstance(begun, Done), begun
    with pytest.raises(AssertionError, match="b got no generation"):
        await holding_a_copy(world, "b", seconds=3)


async def test_a_sync_is_begun_and_not_waited_for_and_its_end_is_read_back(world: PairWorld) -> None:
    await receiving(world)
    await world.write("a")

    begun = await world.replication.sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=30)
    again = await world.replication.sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=30)

    assert isinstance(begun, Done), begun
    assert isinstance(again, Done), again
    seen = await holding_a_copy(world, "b")
    assert seen.replica.newest is not None
    assert (seen.replica.is_whole, seen.replica.newest.epoch) == (True, 1)


async def test_a_generation_that_is_not_there_is_not_promoted(world: PairWorld) -> None:
    await created(world, "b")
    missing = Generation(epoch=1, counter=1)

    refused = await world.replication.promote(
        frozen(world, "b"), episode="ep-2", generation=missing, deadline_seconds=30
    )

    assert refusal(refused) is Reason.COPY_NOT_WHOLE


async def test_what_a_node_wrote_last_is_kept_aside(world: PairWorld) -> None:
    await created(world, "a")
    await world.write("a")

    kept = await world.replication.quarantine(frozen(world, "a"), episode="ep-7", deadline_seconds=30)
    again = await world.replication.quarantine(frozen(world, "a"), episode="ep-7", deadline_seconds=30)

    assert isinstance(kept, Done), kept
    assert isinstance(again, Done), again
    assert await world.records("a") is None
    assert [name for name, _ in (await read(world, "a")).replica.quarantine] == ["ep-7"]


async def test_after_a_planned_move_the_old_source_receives(world: PairWorld) -> None:
    await receiving(world)
    await world.write("a")
    await done(world, "a", "quiesce", epoch=1, episode="ep-2")
    await stopped(world, "a")
    synced = await world.replication.final_sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=60)
    assert isinstance(synced, Done), synced
    await done(world, "b", "promise", epoch=2, owner="b", episode="ep-2")
    await done(world, "a", "demote", epoch=2, owner="b", episode="ep-2")
    await done(world, "b", "promote", epoch=2, episode="ep-2")
    generation = (await read(world, "b")).replica.newest
    assert generation is not None
    await world.replication.promote(frozen(world, "b"), episode="ep-2", generation=generation, deadline_seconds=30)

    turned = await world.replication.reverse(
        frozen(world, "a"), episode="ep-2", generation=generation, deadline_seconds=30
    )
    await done(world, "a", "quarantined", epoch=2, episode="ep-2")
    await done(world, "a", "grant", epoch=2, source="b", episode="ep-2")
    await done(world, "b", "permit", epoch=2, episode="ep-2")
    started = await start(world, "b")
    assert isinstance(started, Done), started
    back = await world.replication.sync(frozen(world, "b"), frozen(world, "a"), deadline_seconds=60)

    assert isinstance(turned, Done), turned
    assert isinstance(back, Done), back
    await holding_a_copy(world, "a", epoch=2)


real_product = [pytest.param("bed-product", marks=pytest.mark.root)]


@pytest.mark.parametrize("world", real_product, indirect=True)
async def test_a_standby_counts_as_stopped_until_it_takes_writes(world: BedProduct) -> None:
    await receiving(world)
    before = await read(world, "b")

    await world.do("b", "rm /srv/maestro/standby")

    after = await read(world, "b")
    assert (before.is_stopped, before.holders, before.replica.receivers) == (True, 0, 1)
    assert before.replica.product == Product(
        role="standby", is_running=True, behind_bytes=0, trouble=None, is_connected=False
    )
    assert (after.is_stopped, after.holders > 0, after.replica.is_whole) == (False, True, False)
    assert after.replica.product is not None
    assert after.replica.product.trouble == "StandbyWrites"


@pytest.mark.parametrize("world", real_product, indirect=True)
async def test_root_takes_over_on_the_standby_whose_owner_is_off_without_the_operator(world: BedProduct) -> None:
    await receiving(world)
    await world.write("a")
    written = await world.records("a")
    again = await world.replication.sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=30)
    assert isinstance(again, Done), again
    await holding_a_copy(world, "b")
    await world.power_cut("a")

    said = await world.do("b", "/usr/local/lib/maestro-guard/maestro-guard take --reason drill --peer-is-off 2>&1")

    seen = await read(world, "b")
    assert "taken=2" in said.splitlines()
    assert (seen.guard.may_run, seen.runs(unit.name for unit in seen.units)) == (True, True)
    assert seen.replica.product is not None
    assert (seen.replica.product.role, await world.records("b")) == ("primary", written)
