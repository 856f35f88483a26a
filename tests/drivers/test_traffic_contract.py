"""The contract of traffic, held over the memory world and over BIND with signed updates."""

import base64
import secrets
from collections.abc import Iterator, Mapping
from typing import Protocol

import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest
from typing_extensions import override

from maestro_operator.drivers.memory.ports import MemoryTraffic
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import TrafficPort
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Dns, SecretReference, Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from support.bed import Bed

pytestmark = pytest.mark.timeout(60)

NAME = "maestro.example.org"
OTHER_NAME = "lists.maestro.example.org"
A, B, STRANGER = "10.77.0.11", "10.77.0.12", "10.77.0.99"


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


class MemoryNames(TrafficWorld):
    def __init__(self) -> None:
        self._world = MemoryWorld(nodes=[("a", A), ("b", B)], units=("x",), clock=MemoryClock())
        self.traffic = MemoryTraffic(self._world)
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
    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self.key = {"name": bed.dns.key.name, "algorithm": bed.dns.key.algorithm, "secret": bed.dns.key.secret}
        self.traffic = DnsTraffic(namespace="pairs", secrets=self._secrets)
        self.entry = entry(bed.dns.address)

    @override
    def put(self, *addresses: str) -> None:
        for name in (NAME, OTHER_NAME):
            self.put_records(name, "A", *(addresses if name == NAME else ()))
            self.put_records(name, "AAAA")

    def put_records(self, name: str, rdtype: str, *addresses: str, ttl: int = 5) -> None:
        key = dns.tsig.Key(self._bed.dns.key.name, self._bed.dns.key.secret, self._bed.dns.key.algorithm)
        update = dns.update.UpdateMessage("example.org", keyring=key)
        owner = dns.name.from_text(name)
        update.delete(owner, rdtype)
        for address in addresses:
            update.add(owner, ttl, rdtype, address)
        assert dns.query.tcp(update, self._bed.dns.address, timeout=5).rcode() == dns.rcode.NOERROR

    @override
    def holds(self) -> tuple[str, ...]:
        return self._bed.dns.lookup(NAME)

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
    names = BedNames(inside_bed)
    names.put()
    yield names
    inside_bed.dns.thaw()


@pytest.fixture(params=["memory", pytest.param("bed", marks=pytest.mark.root)])
def world(request: pytest.FixtureRequest) -> TrafficWorld:
    return MemoryNames() if request.param == "memory" else request.getfixturevalue("names")


async def move(world: TrafficWorld, address: str = B, *, away_from: tuple[str, ...] = (A,)) -> Outcome:
    return await world.traffic.move(world.entry, address=address, away_from=away_from, deadline_seconds=15)


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


async def test_a_server_that_confirms_and_answers_as_before_proves_nothing(world: TrafficWorld) -> None:
    """And a second attempt, which it would confirm again, does not either."""
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
    assert isinstance(await world.traffic.read(world.entry), Unknown)


async def test_reading_gives_every_address_and_the_time_it_may_be_kept(world: TrafficWorld) -> None:
    world.put()
    nowhere = await world.traffic.read(world.entry)
    world.put(A)
    somewhere = await world.traffic.read(world.entry)
    assert isinstance(nowhere, TrafficSeen)
    assert nowhere.addresses == ()
    assert somewhere == TrafficSeen(name="dns", addresses=(A,), ttl_seconds=5)


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
    seen = await names.traffic.read(names.entry)
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
    seen = await names.traffic.read(names.entry)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (B,)


@pytest.mark.root
async def test_an_address_of_the_newer_kind_moves_as_well(names: BedNames) -> None:
    names.put()
    names.put_records(NAME, "AAAA", "2001:db8::a")
    assert isinstance(await move(names, "2001:db8::B", away_from=("2001:db8::a",)), Done)
    seen = await names.traffic.read(names.entry)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == ("2001:db8::b",)


@pytest.mark.root
async def test_another_time_to_live_is_a_change(names: BedNames) -> None:
    names.put(B)
    names.entry = entry(*names.entry.dns.servers, ttl_seconds=30)  # type: ignore[union-attr]
    assert isinstance(await move(names), Done)
    seen = await names.traffic.read(names.entry)
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
    read = await names.traffic.read(names.entry)
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
