"""The contract of what sends clients somewhere besides names, held over memory and over real hosts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.ports import memory_traffic
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import Way
from maestro_operator.model.outcome import Failed, Refused
from maestro_operator.model.pair import Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from support.contracts.memory_steering import MemorySteered
from support.contracts.segment_steering import SteeredSegment, steered_segment
from support.contracts.steering import LAWS, SteeredWorld
from support.entries import ADDRESSES, FLOATING, SIX_KINDS

pytestmark = pytest.mark.timeout(60)

KINDS = tuple(kind for kind in SIX_KINDS if kind != "dns")
ON_HOSTS = ("floatingAddress", "nat", "command")


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", KINDS)
async def test_in_memory(kind: str, law: Callable[[SteeredWorld], Awaitable[None]]) -> None:
    await law(MemorySteered(kind))


@pytest.fixture(params=ON_HOSTS)
async def on_hosts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SteeredSegment]:
    async with steered_segment(tmp_path, request.param) as world:
        yield world


@pytest.mark.root
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
async def test_on_real_hosts(on_hosts: SteeredSegment, law: Callable[[SteeredWorld], Awaitable[None]]) -> None:
    await law(on_hosts)


# ---------------------------------------------------------------- what only one kind has, in memory as on real hosts


async def test_an_old_holder_in_memory_that_cannot_be_asked_keeps_the_new_one_from_taking_it() -> None:
    world = MemorySteered("floatingAddress")
    await world.put("a")
    world.world.cut("operator", "a")
    outcome = await world.traffic.move(world.entry, Way(world.nodes[1], world.nodes[0]), deadline_seconds=5)
    assert isinstance(outcome, Failed)
    assert "was not withdrawn" in outcome.message
    assert await world.points_at() == {"a"}


async def test_one_in_memory_that_is_said_to_be_off_and_answers_is_believed_alive() -> None:
    world = MemorySteered("floatingAddress")
    await world.put("a")
    way = Way(world.nodes[1], world.nodes[0], source_is_off=True)
    assert isinstance(await world.traffic.move(world.entry, way, deadline_seconds=5), Failed)
    assert await world.points_at() == {"a"}


async def test_an_address_in_memory_on_both_is_said_of_both_and_beside_a_stranger_of_both_too() -> None:
    world = MemorySteered("floatingAddress")
    await world.put("a")
    await world.put("b")
    seen = await world.traffic.read(world.entry, world.nodes)
    assert seen == TrafficSeen(world.entry.name, (ADDRESSES["a"], ADDRESSES["b"]))
    world.world.others_have.add(FLOATING)
    seen = await world.traffic.read(world.entry, world.nodes)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses[2:] == ("somebody else",)


async def test_a_power_cut_in_memory_takes_the_address_with_it() -> None:
    world = MemorySteered("floatingAddress")
    await world.put("a")
    world.world.power_cut("a")
    world.world.power_on("a")
    assert await world.points_at() == set()


async def test_a_program_in_memory_that_says_well_and_did_nothing_proves_nothing() -> None:
    world = MemorySteered("command")
    await world.put("a")
    world.world.idle_programs.add(world.entry.name)
    outcome = await world.traffic.move(world.entry, Way(world.nodes[1], world.nodes[0]), deadline_seconds=5)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN
    assert await world.points_at() == {"a"}


async def test_an_object_in_memory_of_another_ones_is_not_touched() -> None:
    world = MemorySteered("externalDNS")
    world.world.others_have.add(world.entry.name)
    outcome = await world.traffic.move(world.entry, Way(world.nodes[1], world.nodes[0]), deadline_seconds=5)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE


async def test_a_translation_in_memory_between_families_is_refused() -> None:
    world = MemorySteered("nat")
    entry = world.entry.model_copy(update={"addresses": {"b": "2001:db8::b"}})
    outcome = await world.traffic.move(entry, Way(world.nodes[1], world.nodes[0]), deadline_seconds=5)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize("kind", ["nat", "endpointSlice", "externalDNS", "command"])
async def test_an_address_of_the_entrys_own_is_given_to_clients_and_read_as_the_nodes(kind: str) -> None:
    world = MemorySteered(kind)
    entry = world.entry.model_copy(update={"addresses": {"b": "10.88.0.12"}})
    await world.traffic.move(entry, Way(world.nodes[1], world.nodes[0]), deadline_seconds=5)
    assert world.world.steered == {entry.name: "10.88.0.12"}
    seen = await world.traffic.read(entry, world.nodes)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (ADDRESSES["b"],)


async def test_an_entry_without_a_kind_has_no_driver() -> None:
    world = MemoryWorld(nodes=ADDRESSES.items(), units=("x",), clock=MemoryClock())
    seen = await memory_traffic(world).read(Traffic(name="bare"), MemorySteered("nat").nodes)
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.NOT_CONFIGURED
