"""An address that moves, on real interfaces: asked for before it is taken, known at once, and never at both."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.floating import FloatingTraffic
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.traffic import FloatingAddress
from maestro_operator.transport.session import Sessions
from support.segment import Segment, segment

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

FOUR, SIX = "192.0.2.80", "2001:db8::80"
ADDRESSES = {
    "a": ("192.0.2.1/24", "2001:db8::1/64"),
    "b": ("192.0.2.2/24", "2001:db8::2/64"),
    "client": ("192.0.2.9/24", "2001:db8::9/64"),
}


class Floating:
    """Two nodes and a client on one segment, and the driver."""

    def __init__(self, hosts: Segment, sessions: Sessions, address: str) -> None:
        self.hosts, self.sessions = hosts, sessions
        self.address = address
        self.length = 64 if ":" in address else 24
        form = FloatingAddress(address=address, prefix_length=self.length, interface="lan", refresh_seconds=5)
        self.entry = Traffic(name="float", floating_address=form)
        self.traffic = FloatingTraffic(sessions, clock=SystemClock())
        self.a, self.b = (hosts.hosts[name] for name in ("a", "b"))

    def put(self, host: str) -> None:
        """Let a host have the address, behind everybody's back."""
        nodad = ("nodad",) if ":" in self.address else ()
        self.hosts.hosts[host].run("ip", "address", "add", f"{self.address}/{self.length}", "dev", "lan", *nodad)

    def holders(self) -> set[str]:
        """Return who has it, as the kernels say."""
        return {
            name for name, host in self.hosts.hosts.items() if self.address in host.run("ip", "-o", "address", "show")
        }

    async def move(self, target: str = "b", *, source_is_off: bool = False) -> Outcome:
        source = {"a": "b", "b": "a"}[target]
        way = Way(self.hosts.hosts[target].node, self.hosts.hosts[source].node, source_is_off=source_is_off)
        return await self.traffic.move(self.entry, way, deadline_seconds=20)

    async def read(self) -> TrafficSeen | Unknown:
        return await self.traffic.read(self.entry, (self.a.node, self.b.node))


def hardware(floating: Floating, name: str) -> str:
    """Return a host's hardware address."""
    found = re.search(r"link/ether (\S+)", floating.hosts.hosts[name].run("ip", "link", "show", "dev", "lan"))
    assert found is not None
    return found[1]


def known(floating: Floating) -> str | None:
    """Return the hardware address that the client goes by."""
    shown = floating.hosts.hosts["client"].run("ip", "neighbour", "show", floating.address)
    found = re.search(r"lladdr (\S+)", shown)
    return found[1] if found else None


def reach(floating: Floating) -> None:
    """Let the client send it something, and hear an answer."""
    family = "-6" if ":" in floating.address else "-4"
    floating.hosts.hosts["client"].run("ping", family, "-q", "-c", "1", "-W", "2", floating.address)


@pytest.fixture(params=[FOUR, SIX])
async def floating(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Floating]:
    async with segment(tmp_path, ADDRESSES) as hosts:
        sessions = Sessions(secrets=hosts.secrets, namespace="pairs", clock=SystemClock())
        yield Floating(hosts, sessions, request.param)
        await sessions.close()


async def test_the_address_moves_and_the_client_knows_at_once(floating: Floating) -> None:
    floating.put("a")
    reach(floating)
    assert known(floating) == hardware(floating, "a")

    outcome = await floating.move()

    assert isinstance(outcome, Done), outcome
    assert floating.holders() == {"b"}
    assert known(floating) == hardware(floating, "b")
    reach(floating)
    seen = await floating.read()
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (floating.b.address,)


async def test_moving_again_changes_nothing_and_is_done(floating: Floating) -> None:
    for _ in range(2):
        assert isinstance(await floating.move(), Done)
    assert floating.holders() == {"b"}


async def test_an_address_that_somebody_else_has_is_not_taken(floating: Floating) -> None:
    floating.put("client")

    outcome = await floating.move()

    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN
    assert "somebody else" in outcome.message
    assert floating.holders() == {"client"}


async def test_an_old_holder_that_cannot_be_asked_keeps_the_new_one_from_taking_it(floating: Floating) -> None:
    floating.put("a")
    floating.a.server.server.folder.joinpath("sudo").write_text("#!/bin/sh\nexit 1\n")

    outcome = await floating.move()

    assert isinstance(outcome, Failed)
    assert "was not withdrawn" in outcome.message
    assert floating.holders() == {"a"}


async def test_an_old_holder_that_is_proven_off_is_not_asked(floating: Floating) -> None:
    floating.put("a")
    floating.hosts.cable("a", "down")
    floating.a.server.server.folder.joinpath("sudo").write_text("#!/bin/sh\nexit 1\n")

    outcome = await floating.move(source_is_off=True)

    assert isinstance(outcome, Done), outcome
    reach(floating)
    assert known(floating) == hardware(floating, "b")


async def test_one_that_is_said_to_be_off_and_answers_is_believed_alive(floating: Floating) -> None:
    floating.put("a")

    outcome = await floating.move(source_is_off=True)

    assert isinstance(outcome, Failed)
    assert floating.holders() == {"a"}


async def test_an_address_on_both_is_said_of_both(floating: Floating) -> None:
    floating.put("a")
    floating.put("b")

    seen = await floating.read()

    assert isinstance(seen, TrafficSeen)
    assert seen.addresses[:2] == (floating.a.address, floating.b.address)


async def test_where_nobody_that_can_be_asked_has_it_the_silent_one_is_named_who_may(floating: Floating) -> None:
    floating.put("a")
    floating.a.server.server.folder.joinpath("sudo").write_text("#!/bin/sh\nexit 1\n")

    seen = await floating.read()

    assert isinstance(seen, TrafficSeen)
    assert (seen.addresses, len(seen.silent)) == ((), 1)
    floating.b.server.server.folder.joinpath("sudo").write_text("#!/bin/sh\nexit 1\n")
    assert isinstance(await floating.read(), Unknown)


async def test_an_interface_that_is_not_there_is_said_so(floating: Floating) -> None:
    form = floating.entry.floating_address
    assert form is not None
    floating.entry = Traffic(name="float", floating_address=form.model_copy(update={"interface": "wan"}))

    outcome = await floating.move()

    assert isinstance(outcome, Refused)
    assert "wan" in outcome.message


async def test_the_holder_announces_it_again_and_asks_whether_it_is_alone(floating: Floating) -> None:
    if ":" in floating.address:
        return
    floating.put("a")
    assert isinstance(await floating.read(), TrafficSeen)
    client = floating.hosts.hosts["client"]
    client.run("ip", "neighbour", "replace", floating.address, "lladdr", hardware(floating, "b"), "dev", "lan")
    floating.put("client")
    clock = SystemClock()
    # Nobody waits for what the holder asks: a later read shows it.
    seen = await floating.read()
    async with asyncio.timeout(15):
        while isinstance(seen, TrafficSeen) and len(seen.addresses) == 1:
            await clock.sleep(0.2)
            seen = await floating.read()

    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (floating.a.address, "somebody else")


async def test_a_silent_node_is_waited_for_once(floating: Floating) -> None:
    floating.put("b")
    assert isinstance(await floating.read(), TrafficSeen)
    sudo = floating.a.server.server.folder.joinpath("sudo")
    well = sudo.read_text()
    sudo.write_text("#!/bin/sh\nexec sleep 30\n")
    await floating.read()
    clock = SystemClock()

    began = clock.monotonic_seconds()
    seen = await floating.read()

    assert isinstance(seen, TrafficSeen)
    assert (seen.addresses, len(seen.silent)) == ((floating.b.address,), 1)
    assert clock.monotonic_seconds() - began < 1.5
    sudo.write_text(well)
    async with asyncio.timeout(15):
        while isinstance(seen, TrafficSeen) and seen.silent:
            await clock.sleep(0.2)
            seen = await floating.read()
    assert seen == TrafficSeen("float", (floating.b.address,))


async def test_nothing_is_taken_for_granted_before_the_holder_has_asked_whether_it_is_alone(floating: Floating) -> None:
    if ":" in floating.address:
        return
    floating.put("a")
    await floating.read()
    floating.put("client")

    outcome = await floating.move()

    assert isinstance(outcome, Failed)
    assert floating.holders() == {"client"}


async def test_what_its_only_holder_gave_up_is_taken_at_once_and_asked_for_afterwards(floating: Floating) -> None:
    if ":" in floating.address:
        return
    clock = SystemClock()
    assert isinstance(await floating.move("a"), Done)
    async with asyncio.timeout(15):
        while not floating.traffic.is_alone("float"):
            await clock.sleep(0.1)
    floating.put("client")

    assert isinstance(await floating.move("b"), Done)

    seen = await floating.read()
    async with asyncio.timeout(15):
        while isinstance(seen, TrafficSeen) and len(seen.addresses) == 1:
            await clock.sleep(0.2)
            seen = await floating.read()
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (floating.b.address, "somebody else")


async def test_a_move_keeps_clients_waiting_for_less_than_a_second_look(floating: Floating) -> None:
    if ":" in floating.address:
        return
    floating.put("a")
    assert isinstance(await floating.read(), TrafficSeen)
    clock = SystemClock()

    began = clock.monotonic_seconds()
    outcome = await floating.move()

    assert isinstance(outcome, Done), outcome
    assert clock.monotonic_seconds() - began < 3.0
    assert known(floating) in (None, hardware(floating, "b"))
