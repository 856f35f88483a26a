"""A translation on a gateway and two programs on a host, over SSH and in real packet filters."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.hosts import HostTraffic
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.traffic import Command, Nat
from maestro_operator.transport.session import Sessions
from support.frozen import node_at
from support.segment import Segment, inside, segment

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

A, B, PUBLIC, OUTSIDE = "192.0.2.1", "192.0.2.2", "198.51.100.80", "198.51.100.9"
NODES = node_at("a", A), node_at("b", B)
WAY = Way(NODES[1], NODES[0])
BACK = Way(NODES[0], NODES[1])
ADDRESSES = {
    "a": (f"{A}/24",),
    "b": (f"{B}/24",),
    "gateway": ("192.0.2.254/24", "198.51.100.1/24", f"{PUBLIC}/32"),
    "client": (f"{OUTSIDE}/24",),
}
SERVER = """
import socket, sys
listening = socket.create_server(("0.0.0.0", 8080))
kept = []
while True:
    one, _ = listening.accept()
    one.sendall(sys.argv[1].encode())
    kept.append(one)
"""
CLIENT = """
import socket, sys
one = socket.create_connection((sys.argv[1], 8080), timeout=2)
print(one.recv(1).decode(), flush=True)
if len(sys.argv) > 2:
    sys.stdin.readline()
    one.settimeout(3)
    try:
        one.sendall(b"x")
        print("closed" if one.recv(1) == b"" else "open")
    except TimeoutError:
        print("silent")
    except OSError:
        print("reset")
"""


class Gateway:
    """A gateway between a client and two nodes."""

    def __init__(self, hosts: Segment, sessions: Sessions) -> None:
        self.hosts = hosts
        self.entry = self.translating()
        self.traffic = HostTraffic(sessions)

    def translating(self, *ports: int) -> Traffic:
        return Traffic(name="gate", nat=Nat(address=PUBLIC, ports=ports, ssh=self.hosts.hosts["gateway"].ssh))

    async def move(self, way: Way = WAY) -> Outcome:
        return await self.traffic.move(self.entry, way, deadline_seconds=15)

    async def read(self) -> TrafficSeen | Unknown:
        return await self.traffic.read(self.entry, NODES)

    async def served_by(self) -> str:
        """Return which node answers a client on the public address."""
        client = self.hosts.hosts["client"].namespace
        return (await asyncio.to_thread(inside, client, sys.executable, "-c", CLIENT, PUBLIC)).strip()


@contextlib.contextmanager
def server(hosts: Segment, name: str, folder: Path) -> Iterator[None]:
    enter = ("nsenter", f"--net=/run/netns/{hosts.hosts[name].namespace}", "--")
    with (folder / f"server-{name}.log").open("wb") as log:
        process = subprocess.Popen((*enter, sys.executable, "-c", SERVER, name), stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with segment(tmp_path, ADDRESSES) as hosts:
        hosts.hosts["gateway"].run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        for name, via in (("a", "192.0.2.254"), ("b", "192.0.2.254"), ("client", "198.51.100.1")):
            hosts.hosts[name].run("ip", "route", "add", "default", "via", via)
        sessions = Sessions(secrets=hosts.secrets, namespace="pairs", clock=SystemClock())
        with server(hosts, "a", tmp_path), server(hosts, "b", tmp_path):
            yield Gateway(hosts, sessions)
        await sessions.close()


async def answered(gateway: Gateway) -> str:
    """Return who answers, once the servers are up."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await gateway.served_by()
            except RuntimeError:
                await asyncio.sleep(0.1)


async def test_clients_of_the_public_address_reach_the_target(gateway: Gateway) -> None:
    assert await gateway.read() == TrafficSeen("gate", ())

    for way, name, address in ((BACK, "a", A), (WAY, "b", B), (WAY, "b", B)):
        assert isinstance(await gateway.move(way), Done)
        assert await gateway.read() == TrafficSeen("gate", (address,))
        assert await answered(gateway) == name


async def test_a_connection_to_the_old_side_is_cut_and_one_to_the_new_side_is_not(gateway: Gateway) -> None:
    await gateway.move(BACK)
    await answered(gateway)
    client = gateway.hosts.hosts["client"].namespace
    command = ("nsenter", f"--net=/run/netns/{client}", "--", sys.executable, "-c", CLIENT, PUBLIC, "stay")
    one = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    assert one.stdout is not None
    assert await one.stdout.readline() == b"a\n"

    await gateway.move()

    said, _ = await one.communicate(b"\n")
    assert said.strip() in (b"reset", b"closed")
    assert await answered(gateway) == "b"


async def test_only_the_ports_that_are_named_are_translated(gateway: Gateway) -> None:
    gateway.entry = gateway.translating(25, 80)
    await gateway.move()
    assert await gateway.read() == TrafficSeen("gate", (B,))
    with pytest.raises(RuntimeError):
        await gateway.served_by()
    gateway.entry = gateway.translating(8080)
    assert await gateway.read() == TrafficSeen("gate", ())


async def test_what_the_gateway_has_besides_stays_as_it_is(gateway: Gateway) -> None:
    gate = gateway.hosts.hosts["gateway"]
    gate.run("nft", "-f", "-", stdin="table ip others { chain c { ip daddr 203.0.113.1 accept; }; }")
    before = gate.run("nft", "list", "table", "ip", "others")

    await gateway.move()

    assert gate.run("nft", "list", "table", "ip", "others") == before
    tables = json.loads(gate.run("nft", "-j", "list", "tables"))["nftables"]
    assert sorted(item["table"]["name"] for item in tables if "table" in item) == ["maestro_gate", "others"]


async def test_a_translation_to_a_stranger_is_not_touched(gateway: Gateway) -> None:
    await gateway.move(Way(node_at("b", "192.0.2.77"), NODES[0]))

    outcome = await gateway.move()

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE
    assert await gateway.read() == TrafficSeen("gate", ("192.0.2.77",))


async def test_addresses_of_two_families_are_refused(gateway: Gateway) -> None:
    outcome = await gateway.move(Way(node_at("b", "2001:db8::2"), NODES[0]))

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.INVALID_SPEC


async def test_a_gateway_that_cannot_be_asked_is_unknown_and_unproven(gateway: Gateway) -> None:
    gateway.hosts.hosts["gateway"].server.server.folder.joinpath("sudo").write_text("#!/bin/sh\nexit 3\n")

    assert isinstance(await gateway.read(), Unknown)
    assert isinstance(await gateway.move(), Failed)


# ---------------------------------------------------------------- two programs


def programs(gateway: Gateway, folder: Path, move: str = 'printf %s "$0" >{file}') -> None:
    """Let the entry be kept in a file of the gateway."""
    file = folder / "points"
    gateway.entry = Traffic(
        name="balancer",
        command=Command(
            ssh=gateway.hosts.hosts["gateway"].ssh,
            read=("sh", "-c", f"cat {file} 2>/dev/null || :"),
            move=("sh", "-c", move.format(file=file), "{{ address }}"),
        ),
    )


async def test_programs_move_and_are_asked_where_to(gateway: Gateway, tmp_path: Path) -> None:
    programs(gateway, tmp_path)
    assert await gateway.read() == TrafficSeen("balancer", ())

    for _ in range(2):
        assert isinstance(await gateway.move(), Done)

    assert await gateway.read() == TrafficSeen("balancer", (B,))


async def test_a_program_that_says_well_and_did_nothing_proves_nothing(gateway: Gateway, tmp_path: Path) -> None:
    programs(gateway, tmp_path, "exit 0")

    outcome = await gateway.move()

    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.TRAFFIC_UNPROVEN


async def test_a_program_that_fails_is_said_with_its_words(gateway: Gateway, tmp_path: Path) -> None:
    programs(gateway, tmp_path, "echo the balancer is locked >&2; exit 7")

    outcome = await gateway.move()

    assert isinstance(outcome, Failed)
    assert "the balancer is locked" in outcome.message


async def test_a_program_that_prints_no_address_is_not_understood(gateway: Gateway, tmp_path: Path) -> None:
    programs(gateway, tmp_path)
    (tmp_path / "points").write_text("everywhere")

    found = await gateway.read()

    assert isinstance(found, Unknown)
    assert found.reason is Reason.BAD_ANSWER


async def test_an_address_reaches_no_shell(gateway: Gateway, tmp_path: Path) -> None:
    programs(gateway, tmp_path)
    never = tmp_path / "never"
    entry = gateway.entry.model_copy(update={"addresses": {"b": f"$(touch {never})"}})

    await gateway.traffic.move(entry, WAY, deadline_seconds=10)

    assert (tmp_path / "points").read_text() == f"$(touch {never})"
    assert not never.exists()
