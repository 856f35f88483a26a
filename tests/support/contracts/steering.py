"""The contract of what sends clients somewhere besides names: an address that moves, hosts of their own, the cluster.

Each law is told over a `SteeredWorld`, of which there is one in memory and one on real parts for every kind of entry.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from maestro_operator.drivers.ports import TrafficPort, Way
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Traffic
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.status import FrozenNode

STRANGER = "somebody else"


class SteeredWorld(Protocol):
    """One entry, the two nodes that it may point at, and what can happen to it from outside."""

    traffic: TrafficPort
    entry: Traffic
    nodes: tuple[FrozenNode, FrozenNode]

    async def put(self, who: str) -> None:
        """Let the entry point at a, b or a stranger, behind everybody's back."""

    async def points_at(self) -> set[str]:
        """Return whom clients are sent to: some of a, b and the stranger."""

    async def hide(self) -> None:
        """Let whatever keeps the entry answer nobody."""

    async def show(self) -> None:
        """Let it answer again."""

    async def lose(self, node: str) -> None:
        """Take a node away: it answers nobody any more."""


async def _move(world: SteeredWorld, *, source_is_off: bool = False) -> Outcome:
    """Move the entry from a to b."""
    a, b = world.nodes
    way = Way(b, a, source_is_off=source_is_off)
    return await world.traffic.move(world.entry, way, deadline_seconds=20)


async def _seen(world: SteeredWorld) -> tuple[str, ...]:
    seen = await world.traffic.read(world.entry, world.nodes)
    assert isinstance(seen, TrafficSeen), seen
    assert seen.name == world.entry.name
    return seen.addresses


async def it_moves_and_moving_again_changes_nothing(world: SteeredWorld) -> None:
    """An entry moves and is read back, and a second move finds nothing to do."""
    await world.put("a")
    assert await _seen(world) == (world.nodes[0].address,)
    for _ in range(2):
        outcome = await _move(world)
        assert isinstance(outcome, Done), outcome
        assert await world.points_at() == {"b"}
        assert await _seen(world) == (world.nodes[1].address,)


async def what_points_nowhere_is_made(world: SteeredWorld) -> None:
    """An entry that points nowhere is read as that, and made."""
    assert await _seen(world) == ()
    outcome = await _move(world)
    assert isinstance(outcome, Done), outcome
    assert await world.points_at() == {"b"}


async def a_strangers_is_never_taken(world: SteeredWorld) -> None:
    """What is somebody else's is left as it is."""
    await world.put(STRANGER)
    outcome = await _move(world)
    assert isinstance(outcome, Refused | Failed), outcome
    assert await world.points_at() == {STRANGER}


async def what_cannot_be_asked_is_unknown_and_moves_once_it_can(world: SteeredWorld) -> None:
    """Silence is not an answer; the next attempt after it finishes."""
    await world.put("a")
    await world.hide()
    assert isinstance(await world.traffic.read(world.entry, world.nodes), Unknown)
    outcome = await _move(world)
    assert isinstance(outcome, Failed), outcome
    await world.show()
    assert await world.points_at() == {"a"}
    assert isinstance(await _move(world), Done)
    assert await world.points_at() == {"b"}


async def a_source_that_is_off_is_not_waited_for(world: SteeredWorld) -> None:
    """A dead source holds up neither the reading nor the move."""
    await world.put("a")
    await world.lose("a")
    # Unknown would say of the survivor that it is not able to take over.
    assert isinstance(await world.traffic.read(world.entry, world.nodes), TrafficSeen)
    outcome = await _move(world, source_is_off=True)
    assert isinstance(outcome, Done), outcome
    assert await _seen(world) == (world.nodes[1].address,)
    assert "b" in await world.points_at()


async def it_has_nothing_to_lower(world: SteeredWorld) -> None:
    """Only names have a time to live."""
    assert await world.traffic.lower(world.entry, deadline_seconds=5) == Done()


LAWS: tuple[Callable[[SteeredWorld], Awaitable[None]], ...] = (
    it_moves_and_moving_again_changes_nothing,
    what_points_nowhere_is_made,
    a_strangers_is_never_taken,
    what_cannot_be_asked_is_unknown_and_moves_once_it_can,
    a_source_that_is_off_is_not_waited_for,
    it_has_nothing_to_lower,
)
