"""The contract of traffic, held over the memory world and over BIND with signed updates."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from typing import Protocol

import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest
from typing_extensions import override

from maestro_operator.drivers.memory.naming import MemoryNames
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import TrafficPort, Way
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Dns, SecretReference, Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.traffic import DnsRecord, RecordType
from support.bed import Bed
from support.frozen import node_at
from support.knot import knot

pytestmark = pytest.mark.timeout(60)

NAME = "maestro.example.org"
OTHER_NAME = "lists.maestro.example.org"
A, B, STRANGER = "10.77.0.11", "10.77.0.12", "10.77.0.99"
NODES = node_at("a", A), node_at("b", B)


class TrafficWorld(Protocol):
    """One name in one zone."""

    traffic: TrafficPort
    entry: Traffic

    def put(self, *addresses: str) -> None:
        """Let the name have these addresses, behind everybody's back."""

    def holds(self) -> tuple[str, ...]:
        """Return what clients are told."""

    def freeze(self) -> None:
        """Let the server confirm updates and go on telling what was true before."""

    def stop(self) -> None:
        """Let the server answer nobody."""


class NamesInMemory(TrafficWorld):
    def __init__(self) -> None:
        self._world = MemoryWorld(nodes=[("a", A), ("b", B)], units=("x",), clock=MemoryClock())
        self.traffic = MemoryNames(self._world)
        self.entry = entry()

    @override
    def put(self, *addresses: str) -> None:
        self._world.names.pop(NAME, None)
        self._world.names.update((NAME, address) for address in addresses)

    @override
    def holds(self) -> tuple[str, ...]:
        return tuple(address for name, address in self._world.names.items() if name == NAME)

    @override
    def freeze(self) -> None:
        self._world.is_dns_frozen = True

    @override
    def stop(self) -> None:
        self._world.is_dns_up = False


class BedNames(TrafficWorld):
    def __init__(self, bed: Bed, address: str) -> None:
        self._bed = bed
        self.address = address
        self.key = {"name": bed.dns.key.name, "algorithm": bed.dns.key.algorithm, "secret": bed.dns.key.secret}
        self.traffic = DnsTraffic(namespace="pairs", secrets=self._secrets)
        self.entry = entry(address)

    @override
    def put(self, *addresses: str) -> None:
        for name in (NAME, OTHER_NAME):
            self.put_records(name, "A", *(addresses if name == NAME else ()))
            self.put_records(name, "AAAA")

    def put_records(self, name: str, rdtype: str, *values: str, ttl: int = 5) -> None:
        key = dns.tsig.Key(self._bed.dns.key.name, self._bed.dns.key.secret, self._bed.dns.key.algorithm)
        update = dns.update.UpdateMessage("example.org", keyring=key)
        owner = dns.name.from_text(name)
        update.delete(owner, rdtype)
        for value in values:
            update.add(owner, ttl, rdtype, value)
        assert dns.query.tcp(update, self.address, timeout=5).rcode() == dns.rcode.NOERROR

    @override
    def holds(self) -> tuple[str, ...]:
        return self.records(NAME, "A")

    def records(self, name: str, rdtype: str) -> tuple[str, ...]:
        """Return what an unsigned question is told."""
        answer = dns.query.udp(dns.message.make_query(name, rdtype), self.address, timeout=5)
        return tuple(sorted(record.to_text() for item in answer.answer for record in item))

    @override
    def freeze(self) -> None:
        self._bed.dns.freeze()

    @override
    def stop(self) -> None:
        self.entry = entry("10.77.0.200")

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        return {name: value.encode() for name, value in self.key.items()}


def entry(*servers: str, names: tuple[str, ...] = (NAME,), ttl_seconds: int = 5) -> Traffic:
    key = SecretReference(name="tsig")
    config = Dns(
        servers=servers or ("192.0.2.53",), zone="example.org", names=names, ttl_seconds=ttl_seconds, tsig_secret=key
    )
    return Traffic(name="dns", dns=config)


@pytest.fixture
def names(inside_bed: Bed) -> Iterator[BedNames]:
    names = BedNames(inside_bed, inside_bed.dns.address)
    names.put()
    yield names
    inside_bed.dns.thaw()


@pytest.fixture(scope="module")
def knot_address(shared_bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with knot(shared_bed, tmp_path_factory.mktemp("knot")) as address:
        yield address


@pytest.fixture
def knot_names(inside_bed: Bed, knot_address: str) -> BedNames:
    names = BedNames(inside_bed, knot_address)
    names.put()
    return names


BIND, KNOT = (pytest.param(name, marks=pytest.mark.root) for name in ("names", "knot_names"))


@pytest.fixture(params=["memory", BIND, KNOT])
def world(request: pytest.FixtureRequest) -> TrafficWorld:
    return NamesInMemory() if request.param == "memory" else request.getfixturevalue(request.param)


@pytest.fixture(params=["memory", BIND])
def lying_world(request: pytest.FixtureRequest) -> TrafficWorld:
    return NamesInMemory() if request.param == "memory" else request.getfixturevalue(request.param)


@pytest.fixture(params=[BIND, KNOT])
def server(request: pytest.FixtureRequest) -> BedNames:
    found: BedNames = request.getfixturevalue(request.param)
    return found


async def move(world: TrafficWorld, address: str = B, *, away_from: tuple[str, ...] = (A,)) -> Outcome:
    way = Way(node_at("b", address), node_at("a", A), former=away_from)
    return await world.traffic.move(world.entry, way, deadline_seconds=15)


# ---------------------------------------------------------------- both


async def test_a_name_moves_from_one_node_to_the_other(world: TrafficWorld) -> None:
    world.put(A)
    assert isinstance(await move(world), Done)
    assert world.holds() == (B,)


async def test_moving_again_changes_nothing_and_is_done(world: TrafficWorld) -> None:
    world.put(A)
    for _ in range(2):
        assert isinstance(await move(world), Done)
    assert world.holds() == (B,)


async def test_a_name_that_points_nowhere_is_made(world: TrafficWorld) -> None:
    world.put()
    assert isinstance(await move(world), Done)
    assert world.holds() == (B,)


async def test_a_strangers_address_is_never_touched(world: TrafficWorld) -> None:
    world.put(STRANGER)
    outcome = await move(world)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE
    assert STRANGER in outcome.message
    assert world.holds() == (STRANGER,)


async def test_a_server_that_confirms_and_answers_as_before_proves_nothing(lying_world: TrafficWorld) -> None:
    """And a second attempt, which it would confirm again, does not either."""
    world = lying_world
    world.put(A)
    world.freeze()
    for _ in range(2):
        outcome = await move(world)
        assert isinstance(outcome, Failed)
        assert outcome.reason is Reason.TRAFFIC_UNPROVEN
    assert world.holds() == (A,)


async def test_a_server_that_is_down_is_unknown_and_unproven(world: TrafficWorld) -> None:
    world.put(A)
    world.stop()
    outcome = await move(world)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN
    assert isinstance(await world.traffic.read(world.entry, NODES), Unknown)


async def test_reading_gives_every_address_and_the_time_it_may_be_kept(world: TrafficWorld) -> None:
    world.put()
    nowhere = await world.traffic.read(world.entry, NODES)
    world.put(A)
    somewhere = await world.traffic.read(world.entry, NODES)
    assert isinstance(nowhere, TrafficSeen)
    assert nowhere.addresses == ()
    assert somewhere == TrafficSeen(name="dns", addresses=(A,), ttl_seconds=5)


async def test_a_lowered_time_to_live_is_short_until_a_move_that_is_not_planned(world: TrafficWorld) -> None:
    config = world.entry.dns
    assert config is not None
    config = config.model_copy(update={"ttl_seconds": 60, "lowered_ttl_seconds": 2})
    world.entry = world.entry.model_copy(update={"dns": config})
    world.put(A)
    lowered = await world.traffic.lower(world.entry, deadline_seconds=5)
    assert lowered == Done({"wait_seconds": "60"})
    assert await world.traffic.read(world.entry, NODES) == TrafficSeen("dns", (A,), 2)
    way = Way(NODES[1], NODES[0], is_planned=True)
    assert isinstance(await world.traffic.move(world.entry, way, deadline_seconds=15), Done)
    assert await world.traffic.read(world.entry, NODES) == TrafficSeen("dns", (B,), 2)
    way = Way(NODES[1], NODES[0])
    assert isinstance(await world.traffic.move(world.entry, way, deadline_seconds=15), Done)
    assert await world.traffic.read(world.entry, NODES) == TrafficSeen("dns", (B,), 60)


# ---------------------------------------------------------------- BIND and Knot


@pytest.mark.root
async def test_both_kinds_of_address_an_alias_and_a_services_place_move_in_one_change(server: BedNames) -> None:
    values = {
        "AAAA": ("maestro.example.org", "2001:db8::a", "2001:db8::b"),
        "CNAME": ("www.maestro.example.org", "node-a.example.org.", "node-b.example.org."),
        "SRV": ("_smtp._tcp.maestro.example.org", "0 5 25 node-a.example.org.", "0 5 25 Node-B.example.org."),
    }
    records = tuple(
        DnsRecord(name=name, type=RecordType(rdtype), values={"a": a, "b": b})
        for rdtype, (name, a, b) in values.items()
    )
    assert server.entry.dns is not None
    server.entry = Traffic(name="dns", dns=server.entry.dns.model_copy(update={"records": records}))
    for rdtype, (name, a, _) in values.items():
        server.put_records(name, rdtype, a)
    server.put(A)
    server.put_records(NAME, "AAAA", "2001:db8::a")
    before = await server.traffic.read(server.entry, NODES)
    way = Way(NODES[1], NODES[0])
    try:
        assert isinstance(await server.traffic.move(server.entry, way, deadline_seconds=15), Done)
        after = await server.traffic.read(server.entry, NODES)
        assert isinstance(before, TrafficSeen)
        assert isinstance(after, TrafficSeen)
        assert (before.addresses, after.addresses) == ((A,), (B,))
        assert server.holds() == (B,)
        assert {rdtype: server.records(name, rdtype) for rdtype, (name, _, _) in values.items()} == {
            rdtype: (b.lower(),) for rdtype, (_, _, b) in values.items()
        }
        server.put_records(values["CNAME"][0], "CNAME", "elsewhere.example.net.")
        outcome = await server.traffic.move(server.entry, way, deadline_seconds=15)
        assert isinstance(outcome, Refused)
        assert outcome.reason is Reason.TRAFFIC_ELSEWHERE
    finally:
        for rdtype, (name, _, _) in values.items():
            server.put_records(name, rdtype)


@pytest.mark.root
async def test_two_makes_of_server_are_moved_together_and_both_must_say_so(
    names: BedNames, knot_names: BedNames
) -> None:
    addresses = (names.address, knot_names.address)
    config = entry(*addresses).dns
    assert config is not None
    both = Traffic(name="dns", dns=config.model_copy(update={"primaries": addresses}))
    names.put(A)
    knot_names.put(A)
    assert isinstance(await names.traffic.move(both, Way(NODES[1], NODES[0]), deadline_seconds=15), Done)
    assert (names.holds(), knot_names.holds()) == ((B,), (B,))
    assert await names.traffic.read(both, NODES) == TrafficSeen("dns", (B,), 5)


# ---------------------------------------------------------------- BIND only


@pytest.mark.root
async def test_all_names_move_in_one_change_or_none_does(names: BedNames) -> None:
    names.entry = entry(*names.entry.dns.servers, names=(NAME, OTHER_NAME))  # type: ignore[union-attr]
    names.put(A)
    names.put_records(OTHER_NAME, "A", STRANGER)
    assert isinstance(await move(names), Refused)
    assert names.holds() == (A,)
    names.put_records(OTHER_NAME, "A", A)
    assert isinstance(await move(names), Done)
    seen = await names.traffic.read(names.entry, NODES)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (B,)


@pytest.mark.root
async def test_both_old_addresses_give_way_to_the_new_one(names: BedNames) -> None:
    names.put(A, B)
    assert isinstance(await move(names), Done)
    assert names.holds() == (B,)


@pytest.mark.root
async def test_a_strangers_address_of_the_other_kind_is_not_touched_either(names: BedNames) -> None:
    names.put(A)
    names.put_records(NAME, "AAAA", "2001:db8::99")
    outcome = await move(names)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE
    outcome = await move(names, away_from=(A, "2001:0db8:0::99"))
    assert isinstance(outcome, Done)
    seen = await names.traffic.read(names.entry, NODES)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (B,)


@pytest.mark.root
async def test_an_address_of_the_newer_kind_moves_as_well(names: BedNames) -> None:
    names.put()
    names.put_records(NAME, "AAAA", "2001:db8::a")
    assert isinstance(await move(names, "2001:db8::B", away_from=("2001:db8::a",)), Done)
    seen = await names.traffic.read(names.entry, NODES)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == ("2001:db8::b",)


@pytest.mark.root
async def test_another_time_to_live_is_a_change(names: BedNames) -> None:
    names.put(B)
    names.entry = entry(*names.entry.dns.servers, ttl_seconds=30)  # type: ignore[union-attr]
    assert isinstance(await move(names), Done)
    seen = await names.traffic.read(names.entry, NODES)
    assert isinstance(seen, TrafficSeen)
    assert seen.ttl_seconds == 30


@pytest.mark.root
async def test_what_changed_since_it_was_read_is_left_as_it_is(names: BedNames, inside_bed: Bed) -> None:
    """The frozen view still says A; the zone itself went to a stranger meanwhile."""
    names.put(A)
    names.freeze()
    names.put(STRANGER)
    outcome = await move(names)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN
    inside_bed.dns.thaw()
    assert names.holds() == (STRANGER,)


@pytest.mark.root
async def test_a_wrong_key_is_refused_and_shown_nowhere(names: BedNames) -> None:
    names.put(A)
    names.key["secret"] = base64.b64encode(secrets.token_bytes(32)).decode()
    outcome = await move(names)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.WRONG_CREDENTIALS
    assert names.key["secret"] not in outcome.message
    assert names.holds() == (A,)
    read = await names.traffic.read(names.entry, NODES)
    assert isinstance(read, Unknown)
    assert read.reason is Reason.WRONG_CREDENTIALS


@pytest.mark.root
@pytest.mark.parametrize(
    "change",
    [{"secret": ""}, {"secret": "no base64!"}, {"name": ""}, {"name": "x" * 64}, {"algorithm": "rot13"}],
)
async def test_a_key_that_cannot_be_used_is_said_so(names: BedNames, change: dict[str, str]) -> None:
    names.put(A)
    names.key.update(change)
    outcome = await move(names)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.SECRET_MISSING
    assert "no base64!" not in outcome.message


@pytest.mark.root
async def test_a_name_that_the_key_may_not_change_is_refused_with_the_servers_word(names: BedNames) -> None:
    names.entry = entry(*names.entry.dns.servers, names=("elsewhere.example.org",))  # type: ignore[union-attr]
    outcome = await move(names)
    assert isinstance(outcome, Refused)
    assert outcome.remote_reason == "REFUSED"
