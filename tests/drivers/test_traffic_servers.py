"""Name servers of every kind, on loopback: what several of them say counts only where they agree."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
import pytest
from typing_extensions import override

from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.model.outcome import Done, Failed, Refused
from maestro_operator.model.pair import Dns, SecretReference, Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from support.frozen import node_at

pytestmark = pytest.mark.timeout(30)

NAME = "maestro.example.org"
A, B = "192.0.2.1", "192.0.2.2"
NODES = node_at("a", A), node_at("b", B)
WAY = Way(NODES[1], NODES[0])
FENCED = Way(NODES[1], NODES[0], source_is_off=True)
SECRET = {"name": b"key.", "secret": base64.b64encode(b"0123456789abcdef")}
KEY = dns.tsig.Key("key.", SECRET["secret"].decode(), "hmac-sha256")
PRIMARY, SECONDARY = "127.0.0.2", "127.0.0.3"


@dataclass
class Server(asyncio.DatagramProtocol):
    """One name server and its ways."""

    address: str
    holds: tuple[str, ...] = ()
    ttl: int = 30
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    update_rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    is_authority: bool = True
    loses: int = 0
    alias: str | None = None
    silent_when_signed: bool = False
    updates: list[dns.message.Message] = field(default_factory=list)
    transport: asyncio.DatagramTransport | None = None

    def itself(self) -> "Server":
        return self

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.loses:
            self.loses -= 1
            return
        try:
            query = dns.message.from_wire(data, keyring=KEY)
            if query.had_tsig and self.silent_when_signed:
                return
            answer = dns.message.make_response(query)
            answer.set_rcode(self.rcode)
        except dns.tsig.BadSignature:
            # As BIND and Knot answer a signature that is not the key's.
            query = dns.message.from_wire(data, keyring=False)
            query.keyring = KEY
            answer = dns.message.make_response(query, tsig_error=dns.rcode.BADSIG)
            answer.set_rcode(dns.rcode.NOTAUTH)
        answer.flags |= dns.flags.AA if self.is_authority else 0
        question = query.question[0]
        if self.alias is not None:
            answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", "CNAME", self.alias))
            answer.answer.append(dns.rrset.from_text(self.alias, self.ttl, "IN", "A", *self.holds))
        elif self.holds and question.rdtype == dns.rdatatype.A:
            answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", "A", *self.holds))
        assert self.transport is not None
        self.transport.sendto(answer.to_wire(), addr)

    async def update(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        message = dns.message.from_wire(await reader.readexactly(size), keyring=KEY)
        assert isinstance(message, dns.update.UpdateMessage)
        self.updates.append(message)
        answer = dns.message.make_response(message)
        answer.set_rcode(self.update_rcode)
        if self.update_rcode == dns.rcode.NOERROR:
            added = [item for item in message.update if item.rdclass == dns.rdataclass.IN]
            self.holds = tuple(str(record) for item in added for record in item)
        wire = answer.to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        writer.close()


class Servers:
    """A primary and a secondary, and the driver that asks them."""

    def __init__(self, port: int, primary: Server, secondary: Server) -> None:
        self.primary, self.secondary = primary, secondary
        self.traffic = DnsTraffic(namespace="pairs", secrets=self._secrets, port=port)
        self.secret: Mapping[str, bytes] | Exception = SECRET

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        if isinstance(self.secret, Exception):
            raise self.secret
        return self.secret

    async def move(self, **changes: object) -> object:
        return await self.traffic.move(entry(**changes), WAY, deadline_seconds=10)

    async def read(self, **changes: object) -> TrafficSeen | Unknown:
        return await self.traffic.read(entry(**changes), NODES)


def entry(**changes: object) -> Traffic:
    config = Dns(
        servers=(PRIMARY, SECONDARY),
        zone="example.org",
        names=(NAME,),
        ttl_seconds=30,
        tsig_secret=SecretReference(name="tsig"),
    )
    return Traffic(name="dns", dns=config.model_copy(update=changes))


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        port = 0
        made = []
        for address in (PRIMARY, SECONDARY):
            server = Server(address, holds=(A,))
            tcp = await stack.enter_async_context(await asyncio.start_server(server.update, address, port))
            port = tcp.sockets[0].getsockname()[1]
            server.transport, _ = await loop.create_datagram_endpoint(server.itself, local_addr=(address, port))
            stack.callback(server.transport.close)
            made.append(server)
        yield Servers(port, *made)


async def test_every_server_is_asked_and_what_they_say_is_put_together(servers: Servers) -> None:
    servers.secondary.holds = (B,)
    seen = await servers.read()
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (A, B)


async def test_a_server_that_does_not_follow_keeps_the_move_unproven(servers: Servers) -> None:
    outcome = await servers.move()
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN
    assert SECONDARY in outcome.message


async def test_a_server_without_the_record_does_not_pass_for_agreement(servers: Servers) -> None:
    servers.secondary.holds = ()
    assert isinstance(await servers.read(), Unknown)
    outcome = await servers.move()
    assert isinstance(outcome, Failed)
    assert "nothing" in outcome.message


async def test_a_server_that_follows_a_moment_later_is_waited_for(servers: Servers) -> None:
    moving = asyncio.create_task(servers.move())
    async with asyncio.timeout(5):
        while not servers.primary.updates:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    servers.secondary.holds = (B,)
    assert isinstance(await moving, Done)


async def test_only_the_first_server_is_updated_with_what_it_said_as_the_condition(servers: Servers) -> None:
    await servers.move()
    assert servers.secondary.updates == []
    (update,) = servers.primary.updates
    assert isinstance(update, dns.update.UpdateMessage)
    conditions = [(item.rdtype, item.rdclass, [str(record) for record in item]) for item in update.prerequisite]
    assert (dns.rdatatype.A, dns.rdataclass.IN, [A]) in conditions
    assert (dns.rdatatype.AAAA, dns.rdataclass.NONE) in [(item.rdtype, item.deleting) for item in update.prerequisite]
    assert all(item.ttl == 0 for item in update.prerequisite)


async def test_nothing_is_sent_where_all_is_as_it_should_be(servers: Servers) -> None:
    servers.primary.holds = servers.secondary.holds = (B,)
    assert isinstance(await servers.move(), Done)
    assert servers.primary.updates == []


async def test_one_lost_question_is_asked_again(servers: Servers) -> None:
    servers.primary.loses = 1
    assert isinstance(await servers.read(), TrafficSeen)


@pytest.mark.parametrize("which", ["primary", "secondary"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_authority": False}, Reason.BAD_ANSWER),
        ({"rcode": dns.rcode.REFUSED}, Reason.BAD_ANSWER),
        ({"rcode": dns.rcode.SERVFAIL}, Reason.BAD_ANSWER),
        ({"alias": "other.example.org."}, Reason.BAD_ANSWER),
    ],
)
async def test_a_server_that_cannot_be_believed_makes_all_unknown(
    servers: Servers, which: str, change: dict[str, object], reason: Reason
) -> None:
    for name, value in change.items():
        setattr(getattr(servers, which), name, value)
    seen = await servers.read()
    assert isinstance(seen, Unknown)
    assert seen.reason is reason
    outcome = await servers.move()
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN


async def test_a_server_where_nothing_listens_is_as_good_as_silent(servers: Servers) -> None:
    seen = await servers.read(servers=(PRIMARY, "127.0.0.4"))
    assert seen == TrafficSeen("dns", (A,), 30, silent=("name server 127.0.0.4 did not answer",))


async def test_servers_that_are_all_silent_say_nothing(servers: Servers) -> None:
    servers.primary.loses = servers.secondary.loses = 1000
    seen = await servers.read()
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.TIMED_OUT


async def test_a_silent_secondary_is_named_and_holds_a_move_whose_old_side_lives(servers: Servers) -> None:
    servers.secondary.loses = 1000
    outcome = await servers.move()
    assert isinstance(outcome, Failed)
    assert SECONDARY in outcome.message
    assert servers.primary.holds == (B,)


async def test_a_silent_server_is_not_waited_for_where_the_old_side_is_off(servers: Servers) -> None:
    servers.secondary.loses = 1000
    outcome = await servers.traffic.move(entry(), FENCED, deadline_seconds=10)
    assert isinstance(outcome, Done)
    assert SECONDARY in outcome.facts["silent"]
    asked = servers.secondary.loses
    began = asyncio.get_running_loop().time()
    assert isinstance(await servers.read(), TrafficSeen)
    assert asyncio.get_running_loop().time() - began < 0.5
    assert servers.secondary.loses == asked


@pytest.mark.parametrize("dead", ["primary", "secondary"])
async def test_a_primary_at_the_dead_site_does_not_keep_the_other_from_moving(servers: Servers, dead: str) -> None:
    lives = servers.secondary if dead == "primary" else servers.primary
    getattr(servers, dead).loses = 1000
    both = entry(primaries=(PRIMARY, SECONDARY))
    assert isinstance(await servers.traffic.move(both, WAY, deadline_seconds=10), Failed)
    assert isinstance(await servers.traffic.move(both, FENCED, deadline_seconds=10), Done)
    assert lives.holds == (B,)


async def test_primaries_that_do_not_copy_from_one_another_are_each_updated(servers: Servers) -> None:
    both = entry(primaries=(PRIMARY, SECONDARY))
    assert isinstance(await servers.traffic.move(both, WAY, deadline_seconds=10), Done)
    assert (servers.primary.holds, servers.secondary.holds) == ((B,), (B,))


async def test_a_primary_that_refuses_is_not_covered_up_by_one_that_moved(servers: Servers) -> None:
    servers.secondary.update_rcode = dns.rcode.REFUSED
    both = entry(primaries=(PRIMARY, SECONDARY))
    assert isinstance(await servers.traffic.move(both, FENCED, deadline_seconds=10), Refused)


async def test_a_resolver_that_goes_on_with_the_old_answer_is_named_and_holds_nothing(servers: Servers) -> None:
    servers.secondary.is_authority = False
    asked = entry(servers=(PRIMARY,), resolvers=(SECONDARY,))
    assert isinstance(await servers.traffic.move(asked, WAY, deadline_seconds=10), Done)
    late = await servers.traffic.read(asked, NODES)
    assert late == TrafficSeen("dns", (B,), 30, behind=(f"resolver {SECONDARY} says {A} for {NAME}",))
    servers.secondary.holds = (B,)
    assert await servers.traffic.read(asked, NODES) == TrafficSeen("dns", (B,), 30)


async def test_another_view_gives_addresses_of_its_own_and_tells_whose_they_are(servers: Servers) -> None:
    view = entry(servers=(PRIMARY,)).model_copy(update={"addresses": {"a": "198.51.100.1", "b": "198.51.100.2"}})
    servers.primary.holds = ("198.51.100.1",)
    before = await servers.traffic.read(view, NODES)
    assert isinstance(await servers.traffic.move(view, WAY, deadline_seconds=10), Done)
    after = await servers.traffic.read(view, NODES)
    assert isinstance(before, TrafficSeen)
    assert isinstance(after, TrafficSeen)
    assert (before.addresses, after.addresses) == ((A,), (B,))
    assert servers.primary.holds == ("198.51.100.2",)


async def test_a_server_that_is_no_address_is_said_so(servers: Servers) -> None:
    seen = await servers.read(servers=("ns.example.org",))
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize(
    ("rcode", "kind"),
    [
        (dns.rcode.NXRRSET, Failed),
        (dns.rcode.YXRRSET, Failed),
        (dns.rcode.SERVFAIL, Failed),
        (dns.rcode.REFUSED, Refused),
        (dns.rcode.NOTZONE, Refused),
        (dns.rcode.NOTAUTH, Refused),
    ],
)
async def test_an_update_that_is_not_carried_out_is_failed_or_refused(
    servers: Servers, rcode: dns.rcode.Rcode, kind: type[Failed | Refused]
) -> None:
    servers.primary.update_rcode = rcode
    assert isinstance(await servers.move(), kind)
    assert servers.primary.holds == (A,)


@pytest.mark.parametrize("error", [KeyError("tsig"), RuntimeError("the API server says 0123456789abcdef")])
async def test_a_key_that_cannot_be_had_is_said_so_and_nothing_is_sent(servers: Servers, error: Exception) -> None:
    servers.secret = error
    outcome = await servers.move()
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.SECRET_MISSING
    assert "0123456789abcdef" not in outcome.message
    assert servers.primary.updates == []


async def test_a_move_ends_within_its_deadline(servers: Servers) -> None:
    servers.primary.loses = 1000
    began = asyncio.get_running_loop().time()
    outcome = await servers.traffic.move(entry(), WAY, deadline_seconds=0.5)
    assert isinstance(outcome, Failed)
    assert asyncio.get_running_loop().time() - began < 1


async def test_an_entry_without_a_driver_is_not_configured(servers: Servers) -> None:
    seen = await servers.traffic.read(Traffic(name="none"), NODES)
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.NOT_CONFIGURED


async def test_a_key_that_the_server_refuses_is_said_before_anything_is_moved(servers: Servers) -> None:
    servers.primary.holds = servers.secondary.holds = (A,)
    servers.secret = {**SECRET, "secret": base64.b64encode(b"another key of mine")}

    read = await servers.read()

    assert isinstance(read, Unknown)
    assert read.reason is Reason.WRONG_CREDENTIALS
    assert read.message.startswith("spec.traffic[dns].dns.tsigSecret: ")
    assert "write the name, algorithm and secret that the server has" in read.message
    assert servers.primary.updates == []
    servers.secret = SECRET
    assert isinstance(await servers.read(), TrafficSeen)


async def test_a_key_that_nobody_answers_for_is_not_believed_until_somebody_did(servers: Servers) -> None:
    servers.primary.holds = servers.secondary.holds = (A,)
    servers.primary.silent_when_signed = True

    before = await servers.read()

    assert isinstance(before, Unknown)
    assert before.reason is Reason.TRAFFIC_UNPROVEN
    servers.primary.silent_when_signed = False
    assert isinstance(await servers.read(), TrafficSeen)
    servers.primary.silent_when_signed = True
    assert isinstance(await servers.read(), TrafficSeen)
