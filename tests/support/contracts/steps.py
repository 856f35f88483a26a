"""The steps that the contracts of the nodes and of their replication are told in."""

import asyncio

from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen
from support.bed.clock import monotonic_seconds
from support.contracts.pair_world import PAIR_UID, PairWorld, frozen


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
    """Returns how a node answers one order."""
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
    """Gives one order, which must be done."""
    outcome = await order(world, name, verb, **words)  # type: ignore[arg-type]
    assert isinstance(outcome, Done), (name, verb, outcome)


async def equip(world: PairWorld, name: str) -> str:
    """Equips a node and returns its public key."""
    outcome = await world.nodes.equip(frozen(world, name), Equipment(PAIR_UID, world.spec, name), deadline_seconds=30)
    assert isinstance(outcome, Done), outcome
    return outcome.facts["public_key"]


async def read(world: PairWorld, name: str) -> NodeSeen:
    """Returns a node as it is read now."""
    seen = await world.nodes.read(frozen(world, name))
    assert isinstance(seen, NodeSeen), seen
    return seen


async def created(world: PairWorld, name: str) -> None:
    """Equips one node and create its state."""
    await equip(world, name)
    await done(world, name, "create")


async def made_ready(world: PairWorld) -> None:
    """Equips both nodes, creates their state and introduces them to each other."""
    keys = dict(zip("ab", await asyncio.gather(*(equip(world, name) for name in "ab")), strict=True))

    async def introduce(name: str, peer: str) -> None:
        await done(world, name, "create")
        introduced = await world.nodes.introduce(
            frozen(world, name), peer=frozen(world, peer), peer_public_key=keys[peer], deadline_seconds=30
        )
        assert isinstance(introduced, Done), introduced

    await asyncio.gather(introduce("a", "b"), introduce("b", "a"))


async def activated(world: PairWorld) -> None:
    """Lets node a own epoch 1 and run the services."""
    await made_ready(world)
    await done(world, "a", "promise", epoch=1, owner="a")
    await done(world, "b", "demote", epoch=1, owner="a")
    await done(world, "a", "promote", epoch=1)
    await done(world, "a", "permit", epoch=1)
    started = await start(world, "a")
    assert isinstance(started, Done), started


async def receiving(world: PairWorld) -> None:
    """Lets node a run, and node b receive from it."""
    await activated(world)
    kept = await world.replication.quarantine(frozen(world, "b"), episode="ep-1", deadline_seconds=30)
    assert isinstance(kept, Done), kept
    await done(world, "b", "quarantined", epoch=1)
    await done(world, "b", "grant", epoch=1, source="a")
    if world.follows:
        begun = await world.replication.sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=30)
        assert isinstance(begun, Done), begun
        await holding_a_copy(world, "b")


async def start(world: PairWorld, name: str) -> Outcome:
    """Starts the services."""
    return await world.nodes.start(frozen(world, name), world.spec.services, deadline_seconds=40)


async def stop(world: PairWorld, name: str) -> Outcome:
    """Stops the services."""
    return await world.nodes.stop(frozen(world, name), world.spec.services, deadline_seconds=40)


async def stopped(world: PairWorld, name: str) -> None:
    """Stops the services, which must be read back as stopped."""
    outcome = await stop(world, name)
    assert isinstance(outcome, Done), (name, outcome)


def refusal(outcome: Outcome) -> Reason | None:
    """Returns why something was refused, None where it was not."""
    return outcome.reason if isinstance(outcome, Refused) else None


async def holding_a_copy(world: PairWorld, name: str, *, epoch: int = 1, seconds: float = 30) -> NodeSeen:
    """Returns the node as it is read once it has a generation of that epoch."""
    deadline = monotonic_seconds() + seconds
    while True:
        seen = await read(world, name)
        if seen.replica.newest is not None and seen.replica.newest.epoch == epoch:
            return seen
        assert monotonic_seconds() < deadline, f"{name} got no generation"
