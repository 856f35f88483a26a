"""The contract of the nodes and their replication, held over the memory world and over two real nodes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown, Vote
from maestro_operator.model.status import EpochMark, Generation
from support.bed.clock import monotonic_seconds
from support.contracts.bed_pair import BedPair
from support.contracts.memory_pair import MemoryPair
from support.contracts.pair_world import PAIR_UID, PUBLIC_NAME, SPOOL, UNITS, PairWorld, frozen

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(params=["memory", pytest.param("bed", marks=pytest.mark.root)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[PairWorld]:
    if request.param == "memory":
        yield MemoryPair()
        return
    pair = BedPair(request.getfixturevalue("bed"))
    await pair.clean()
    yield pair
    await pair.close()


async def order(
    world: PairWorld,
    name: str,
    verb: str,
    *,
    epoch: int | None = None,
    owner: str | None = None,
    source: str | None = None,
    term: int = 1,
    episode: str = "ep-1",
    pair: str = PAIR_UID,
    anew: bool = False,
    deadline_seconds: float = 30,
) -> Outcome:
    words = Order(
        verb=verb,
        pair_uid=pair,
        node=name,
        term=term,
        episode=episode,
        epoch=epoch,
        owner=owner,
        source=source,
        anew=anew,
    )
    return await world.nodes.order(frozen(world, name), words, deadline_seconds=deadline_seconds)


async def done(world: PairWorld, name: str, verb: str, **words: object) -> None:
    outcome = await order(world, name, verb, **words)  # type: ignore[arg-type]
    assert isinstance(outcome, Done), (name, verb, outcome)


async def equip(world: PairWorld, name: str) -> str:
    outcome = await world.nodes.equip(frozen(world, name), Equipment(PAIR_UID, world.spec, name), deadline_seconds=30)
    assert isinstance(outcome, Done), outcome
    return outcome.facts["public_key"]


async def read(world: PairWorld, name: str) -> NodeSeen:
    seen = await world.nodes.read(frozen(world, name))
    assert isinstance(seen, NodeSeen), seen
    return seen


async def created(world: PairWorld, name: str) -> None:
    """Equip one node and create its state."""
    await equip(world, name)
    await done(world, name, "create")


async def made_ready(world: PairWorld) -> None:
    """Equip both nodes, create their state and introduce them to each other."""
    keys = dict(zip("ab", await asyncio.gather(*(equip(world, name) for name in "ab")), strict=True))

    async def introduce(name: str, peer: str) -> None:
        await done(world, name, "create")
        introduced = await world.nodes.introduce(
            frozen(world, name), peer=frozen(world, peer), peer_public_key=keys[peer], deadline_seconds=30
        )
        assert isinstance(introduced, Done), introduced

    await asyncio.gather(introduce("a", "b"), introduce("b", "a"))


async def activated(world: PairWorld) -> None:
    """Let node a own epoch 1 and run the services."""
    await made_ready(world)
    await done(world, "a", "promise", epoch=1, owner="a")
    await done(world, "b", "demote", epoch=1, owner="a")
    await done(world, "a", "promote", epoch=1)
    await done(world, "a", "permit", epoch=1)
    started = await start(world, "a")
    assert isinstance(started, Done), started


async def receiving(world: PairWorld) -> None:
    """Let node a run, and node b receive from it."""
    await activated(world)
    kept = await world.replication.quarantine(frozen(world, "b"), episode="ep-1", deadline_seconds=30)
    assert isinstance(kept, Done), kept
    await done(world, "b", "quarantined", epoch=1)
    await done(world, "b", "grant", epoch=1, source="a")


async def start(world: PairWorld, name: str) -> Outcome:
    return await world.nodes.start(frozen(world, name), world.spec.services, deadline_seconds=40)


async def stop(world: PairWorld, name: str) -> Outcome:
    return await world.nodes.stop(frozen(world, name), world.spec.services, deadline_seconds=40)


def refusal(outcome: Outcome) -> Reason | None:
    return outcome.reason if isinstance(outcome, Refused) else None


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
    await stop(world, "a")
    stopped = await vote()
    await world.power_cut("a")
    dark = await vote()

    assert (running, stopped, dark) == (Vote.ALIVE, Vote.SICK, Vote.DEAD)


async def test_a_whole_copy_is_sent_committed_and_promoted(world: PairWorld) -> None:
    await receiving(world)
    await world.write("a")
    await world.write("a")
    await done(world, "a", "quiesce", epoch=1, episode="ep-2")
    await stop(world, "a")

    synced = await world.replication.final_sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=60)

    assert isinstance(synced, Done), synced
    seen = await read(world, "b")
    assert seen.replica.newest is not None
    assert synced.facts["generation"] == str(seen.replica.newest)
    assert (seen.replica.is_whole, seen.replica.newest.epoch) == (True, 1)
    promoted = await world.replication.promote(
        frozen(world, "b"), episode="ep-2", generation=seen.replica.newest, deadline_seconds=30
    )
    assert isinstance(promoted, Done), promoted
    assert await world.records("b") == await world.records("a")
    assert (await read(world, "b")).replica.promoted_episode == "ep-2"


async def test_the_queue_that_came_up_is_counted_once_an_episode_on_live_data_alone(world: PairWorld) -> None:
    world.spec = world.spec.model_copy(update={"spool": SPOOL})
    await receiving(world)
    await done(world, "a", "quiesce", epoch=1, episode="ep-2")
    await stop(world, "a")
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


async def holding_a_copy(world: PairWorld, name: str, *, epoch: int = 1, seconds: float = 30) -> NodeSeen:
    """Returns the node as it is read once it has a generation of that epoch."""
    deadline = monotonic_seconds() + seconds
    while True:
        seen = await read(world, name)
        if seen.replica.newest is not None and seen.replica.newest.epoch == epoch:
            return seen
        assert monotonic_seconds() < deadline, f"{name} got no generation"


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
    await stop(world, "a")
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
    back = await world.replication.sync(frozen(world, "b"), frozen(world, "a"), deadline_seconds=60)

    assert isinstance(turned, Done), turned
    assert isinstance(back, Done), back
    await holding_a_copy(world, "a", epoch=2)
