"""A split horizon: one name in two views, each with an entry of its own, in BIND's views and on BIND and Knot."""

import base64
import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.pair import Dns, SecretReference, Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from support.bed import Bed, clock, layout
from support.frozen import node_at
from support.knot import knot

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

NAME = layout.PUBLIC_NAME
INSIDE, OUTSIDE = ("10.77.0.11", "10.77.0.12"), ("198.51.100.1", "198.51.100.2")
NODES = node_at("a", INSIDE[0]), node_at("b", INSIDE[1])
WAY = Way(NODES[1], NODES[0])
SERVER = "127.0.0.1"
CONFIGURATION = """
key "inside." {{ algorithm hmac-sha256; secret "{inside}"; }};
key "outside." {{ algorithm hmac-sha256; secret "{outside}"; }};
options {{
  directory "/var/cache/bind";
  pid-file none;
  session-keyfile "/var/cache/bind/views.key";
  listen-on port 53 {{ {address}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
}};
controls {{ }};
view "inside" {{
  match-clients {{ !key "outside."; key "inside."; 127.0.0.0/8; }};
  zone "{zone}" {{
    type primary;
    file "inside.zone";
    update-policy {{ grant "inside." subdomain {name}. A AAAA; }};
  }};
}};
view "outside" {{
  match-clients {{ any; }};
  zone "{zone}" {{
    type primary;
    file "outside.zone";
    update-policy {{ grant "outside." subdomain {name}. A AAAA; }};
  }};
}};
"""
ZONE = "$TTL 5\n@ IN SOA ns hostmaster 1 3600 600 86400 5\n@ IN NS ns\nns IN A {address}\nmaestro IN A {held}\n"


@dataclass
class Views:
    """A server with two views, and the driver that has a key for each; the operator is inside."""

    keys: Mapping[str, str]
    traffic: DnsTraffic

    def key(self, view: str) -> dns.tsig.Key:
        return dns.tsig.Key(f"{view}.", self.keys[view], "hmac-sha256")

    def told(self, view: str | None = None) -> tuple[str, ...]:
        """Return what a view tells of the name; without one, what it tells whoever asks from here."""
        query = dns.message.make_query(NAME, "A")
        if view is not None:
            query.use_tsig(self.key(view))
        answer = dns.query.udp(query, SERVER, timeout=5)
        return tuple(record.to_text() for item in answer.answer for record in item)

    def put(self, view: str, address: str) -> None:
        """Let a view tell this address, behind everybody's back."""
        update = dns.update.UpdateMessage(layout.ZONE, keyring=self.key(view))
        update.replace(dns.name.from_text(NAME), 5, "A", address)
        assert dns.query.tcp(update, SERVER, timeout=5).rcode() == dns.rcode.NOERROR

    async def read(self, entry: Traffic) -> tuple[str, ...]:
        seen = await self.traffic.read(entry, NODES)
        assert isinstance(seen, TrafficSeen), seen
        return seen.addresses

    async def move(self, entry: Traffic, way: Way = WAY) -> Outcome:
        return await self.traffic.move(entry, way, deadline_seconds=15)


def entry(view: str, *, server: str = SERVER, signs: bool = False) -> Traffic:
    own = dict(zip("ab", OUTSIDE, strict=True)) if view == "outside" else {}
    config = Dns(
        servers=(server,),
        zone=layout.ZONE,
        names=(NAME,),
        ttl_seconds=5,
        tsig_secret=SecretReference(name=view),
        sign_questions=signs,
    )
    return Traffic(name=f"names-{view}", addresses=own, dns=config)


IN, OUT = entry("inside"), entry("outside", signs=True)


@pytest.fixture(scope="module")
def keys(shared_bed: Bed) -> Iterator[Mapping[str, str]]:
    """BIND with both views, which have different zones."""
    made = {view: base64.b64encode(secrets.token_bytes(32)).decode() for view in ("inside", "outside")}
    folder = shared_bed.plan.dns
    for view, held in (("inside", INSIDE[0]), ("outside", OUTSIDE[0])):
        (folder / f"{view}.zone").write_text(ZONE.format(address=SERVER, held=held))
    (folder / "views.conf").write_text(CONFIGURATION.format(address=SERVER, zone=layout.ZONE, name=NAME, **made))
    log = shared_bed.plan.directory / "views-named.log"
    server = shared_bed.spawn(("named", "-f", "-4", "-n", "1", "-c", "/var/cache/bind/views.conf"), log=log)

    def answers() -> bool:
        with shared_bed.network(), contextlib.suppress(OSError, dns.exception.DNSException):
            return bool(dns.query.udp(dns.message.make_query(NAME, "A"), SERVER, timeout=0.5).answer)
        return False

    try:
        clock.wait_until(answers, timeout_seconds=15, what="the server with views")
        yield made
    finally:
        server.stop()


@pytest.fixture
def views(inside_bed: Bed, keys: Mapping[str, str]) -> Views:
    async def secret(_namespace: str, name: str) -> Mapping[str, bytes]:
        return {"name": f"{name}.".encode(), "secret": keys[name].encode()}

    made = Views(keys, DnsTraffic(namespace="pairs", secrets=secret))
    made.put("inside", INSIDE[0])
    made.put("outside", OUTSIDE[0])
    del inside_bed
    return made


async def test_each_view_moves_to_addresses_of_its_own_and_says_whose_they_are(views: Views) -> None:
    assert (await views.read(IN), await views.read(OUT)) == ((INSIDE[0],), (INSIDE[0],))

    for each in (IN, OUT):
        outcome = await views.move(each)
        assert isinstance(outcome, Done), outcome

    assert views.told() == views.told("inside") == (INSIDE[1],)
    assert views.told("outside") == (OUTSIDE[1],)
    assert (await views.read(IN), await views.read(OUT)) == ((INSIDE[1],), (INSIDE[1],))


async def test_one_view_that_moves_leaves_the_other_as_it_was(views: Views) -> None:
    assert isinstance(await views.move(OUT), Done)

    assert (views.told("inside"), views.told("outside")) == ((INSIDE[0],), (OUTSIDE[1],))
    assert (await views.read(IN), await views.read(OUT)) == ((INSIDE[0],), (INSIDE[1],))


async def test_asked_without_its_key_a_view_for_others_looks_like_somebody_elses(views: Views) -> None:
    outcome = await views.move(entry("outside"))

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE
    assert views.told("outside") == (OUTSIDE[0],)


async def test_a_key_that_the_server_does_not_know_is_said_to_be_refused(views: Views) -> None:
    async def wrong(_namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"name": b"outside.", "secret": base64.b64encode(secrets.token_bytes(32))}

    stranger = DnsTraffic(namespace="pairs", secrets=wrong)

    seen = await stranger.read(OUT, NODES)

    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.WRONG_CREDENTIALS
    assert not isinstance(await stranger.move(OUT, WAY, deadline_seconds=15), Done)
    assert views.told("outside") == (OUTSIDE[0],)


async def test_a_lowered_time_to_live_is_lowered_in_the_view_of_the_key(views: Views) -> None:
    assert OUT.dns is not None
    config = OUT.dns.model_copy(update={"ttl_seconds": 60, "lowered_ttl_seconds": 2})
    lowering = OUT.model_copy(update={"dns": config})

    assert await views.traffic.lower(lowering, deadline_seconds=5) == Done({"wait_seconds": "60"})

    seen = [await views.traffic.read(each, NODES) for each in (lowering, IN)]
    assert [item.ttl_seconds for item in seen if isinstance(item, TrafficSeen)] == [2, 5]


async def test_a_view_on_bind_and_one_on_knot_are_moved_one_after_the_other(
    shared_bed: Bed, inside_bed: Bed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Knot has no views, so each view has a server."""
    key = shared_bed.dns.key

    async def secret(_namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"name": key.name.encode(), "secret": key.secret.encode(), "algorithm": key.algorithm.encode()}

    traffic = DnsTraffic(namespace="pairs", secrets=secret)
    with knot(shared_bed, tmp_path_factory.mktemp("knot")) as address:
        one, other = entry("inside", server=inside_bed.dns.address), entry("outside", server=address)
        for way in (Way(NODES[0], NODES[1], former=INSIDE), WAY):
            for each in (one, other):
                outcome = await traffic.move(each, way, deadline_seconds=15)
                assert isinstance(outcome, Done), outcome
            for each in (one, other):
                seen = await traffic.read(each, NODES)
                assert isinstance(seen, TrafficSeen)
                assert seen.addresses == (way.target.address,)
