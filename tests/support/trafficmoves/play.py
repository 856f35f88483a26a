"""The moves: real interfaces, packet filters and a name server, in network namespaces, and the drivers themselves."""

import asyncio
import base64
import contextlib
import json
import secrets as random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.drivers.traffic.floating import FloatingTraffic
from maestro_operator.drivers.traffic.hosts import HostTraffic
from maestro_operator.model.outcome import Done, Outcome
from maestro_operator.model.pair import Dns, SecretReference, Traffic
from maestro_operator.model.traffic import FloatingAddress, Nat
from maestro_operator.transport.session import Sessions
from support.bed import clock
from support.bed.namespace import entered
from support.knot import CONFIGURATION, ZONE
from support.segment import Segment, segment

A, B, FLOATING, PUBLIC, NAMES = "192.0.2.1", "192.0.2.2", "192.0.2.80", "198.51.100.80", "192.0.2.53"
NAME = "maestro.example.org"
ADDRESSES = {
    "a": (f"{A}/24",),
    "b": (f"{B}/24",),
    "names": (f"{NAMES}/24",),
    "gateway": ("192.0.2.254/24", "198.51.100.1/24", f"{PUBLIC}/32"),
    "near": ("192.0.2.9/24",),
    "far": ("198.51.100.9/24",),
}
DRIVERS = ("floating", "nat", "dns")
CLIENTS = {"floating": ("near", FLOATING), "nat": ("far", PUBLIC), "dns": ("near", f"{NAME}@{NAMES}")}
REQUESTS = 10
"""How many requests clients make between two moves."""
SETTLE_SECONDS = 20.0


async def play(driver: str, folder: Path, *, moves: int, lies: bool) -> None:
    """Move one driver so often, and keep what happened; with `lies` every fifth move is only said to have happened."""
    folder.mkdir(parents=True, exist_ok=True)
    async with segment(folder, ADDRESSES) as hosts, _running(hosts, folder, is_near=driver == "dns") as key:
        sessions = Sessions(secrets=hosts.secrets, namespace="pairs", clock=SystemClock())
        entry, port = _steered(driver, hosts, sessions, key=key)
        nodes = {name: hosts.hosts[name].node.model_copy(update={"address": at}) for name, at in (("a", A), ("b", B))}
        try:
            await _move(port, entry, Way(nodes["a"], nodes["b"]))
            client, where = CLIENTS[driver]
            load = _spawned(hosts, client, "load", str(folder / "requests.jsonl"), where)
            try:
                await _settled(folder)
                for number in range(moves):
                    target, source = ("b", "a") if number % 2 == 0 else ("a", "b")
                    began = time.monotonic_ns()
                    is_said = lies and number % 5 == 4
                    outcome = Done() if is_said else await _move(port, entry, Way(nodes[target], nodes[source]))
                    _note(folder, began, target=target, outcome=outcome)
                    await _settled(folder)
            finally:
                _ended(load)
        finally:
            await sessions.close()


async def _settled(folder: Path) -> None:
    """Let clients go on for a while."""
    path = folder / "requests.jsonl"

    def made() -> int:
        return path.read_bytes().count(b"\n") if path.exists() else 0

    enough = made() + REQUESTS
    await asyncio.to_thread(
        clock.wait_until, lambda: made() >= enough, timeout_seconds=SETTLE_SECONDS, what="requests of clients"
    )


def _note(folder: Path, began: int, *, target: str, outcome: Outcome) -> None:
    record = {
        "began": began,
        "ended": time.monotonic_ns(),
        "target": target,
        "done": isinstance(outcome, Done),
        "said": "" if isinstance(outcome, Done) else outcome.message,
    }
    with (folder / "moves.jsonl").open("a") as moves:
        moves.write(json.dumps(record) + "\n")


async def _move(port: FloatingTraffic | HostTraffic | DnsTraffic, entry: Traffic, way: Way) -> Outcome:
    return await port.move(entry, way, deadline_seconds=20)


def _steered(
    driver: str, hosts: Segment, sessions: Sessions, *, key: Mapping[str, bytes]
) -> tuple[Traffic, FloatingTraffic | HostTraffic | DnsTraffic]:
    if driver == "floating":
        form = FloatingAddress(address=FLOATING, prefix_length=24, interface="lan")
        return Traffic(name="moves", floating_address=form), FloatingTraffic(sessions, clock=SystemClock())
    if driver == "nat":
        return Traffic(name="moves", nat=Nat(address=PUBLIC, ssh=hosts.hosts["gateway"].ssh)), HostTraffic(sessions)

    async def secret(_namespace: str, _name: str) -> Mapping[str, bytes]:
        return key

    config = Dns(
        servers=(NAMES,), zone="example.org", names=(NAME,), ttl_seconds=1, tsig_secret=SecretReference(name="tsig")
    )
    return Traffic(name="moves", dns=config), DnsTraffic(namespace="pairs", secrets=secret)


@contextlib.asynccontextmanager
async def _running(hosts: Segment, folder: Path, *, is_near: bool) -> AsyncIterator[Mapping[str, bytes]]:
    """Run both sides, the gateway's routes and Knot, whose key it gives; `is_near` puts this thread near Knot."""
    hosts.hosts["gateway"].run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    for name, via in (("a", "192.0.2.254"), ("b", "192.0.2.254"), ("far", "198.51.100.1")):
        hosts.hosts[name].run("ip", "route", "add", "default", "via", via)
    secret = base64.b64encode(random.token_bytes(32))
    knot = folder.resolve() / "knot"
    knot.mkdir()
    text = CONFIGURATION.format(
        folder=knot,
        address=NAMES,
        key_name="operator",
        algorithm="hmac-sha256",
        secret=secret.decode(),
        public_name=NAME,
        zone="example.org",
    )
    (knot / "knot.conf").write_text(text)
    (knot / "knot.zone").write_text(ZONE.format(zone="example.org", address=NAMES))
    sides = [_spawned(hosts, name, "server", name) for name in ("a", "b")]
    servers = [*sides, _run(hosts, "names", "knotd", "-c", str(knot / "knot.conf"), log=knot / "knot.log")]
    try:
        near = servers[-1].pid
        await asyncio.to_thread(clock.wait_until, lambda: _answers(near), timeout_seconds=15, what="Knot to answer")
        # The others are reached by SSH on the loopback here; the name server is not.
        with entered(near) if is_near else contextlib.nullcontext():
            yield {"name": b"operator", "secret": secret}
    finally:
        for server in servers:
            _ended(server)


def _answers(process_id: int) -> bool:
    with entered(process_id), contextlib.suppress(OSError, dns.exception.DNSException):
        return bool(dns.query.udp(dns.message.make_query("example.org.", "SOA"), NAMES, timeout=0.5).answer)
    return False


def _spawned(hosts: Segment, host: str, module: str, *words: str) -> "subprocess.Popen[bytes]":
    return _run(hosts, host, sys.executable, "-m", f"support.trafficmoves.{module}", *words)


def _run(hosts: Segment, host: str, *command: str, log: Path | None = None) -> "subprocess.Popen[bytes]":
    enter = ("nsenter", f"--net=/run/netns/{hosts.hosts[host].namespace}", "--")
    with (log or Path("/dev/null")).open("ab") as output:
        return subprocess.Popen((*enter, *command), stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(timeout=10)
