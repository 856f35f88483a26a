"""The contract's worlds of what sends clients somewhere, on real interfaces, packet filters and hosts."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.drivers.traffic.entries import TrafficEntries
from maestro_operator.drivers.traffic.floating import FloatingTraffic
from maestro_operator.drivers.traffic.hosts import HostTraffic
from maestro_operator.model.pair import Traffic
from maestro_operator.model.traffic import Command, FloatingAddress, Nat
from maestro_operator.transport.session import Sessions
from support.contracts.steering import STRANGER, SteeredWorld
from support.segment import SUDO, Segment, segment

A, B, C, PUBLIC, FLOATING = "192.0.2.1", "192.0.2.2", "192.0.2.9", "198.51.100.80", "192.0.2.80"
HOSTS = {
    "a": (f"{A}/24",),
    "b": (f"{B}/24",),
    "stranger": (f"{C}/24",),
    "gateway": ("192.0.2.254/24", "198.51.100.1/24", f"{PUBLIC}/32"),
}
ADDRESS_OF = {"a": A, "b": B, STRANGER: C}
WHO_HAS = {address: who for who, address in ADDRESS_OF.items()}
DEAF = "#!/bin/sh\nexit 3\n"
TABLE = "maestro_steered"
TRANSLATION = """table ip {table} {{
  chain in {{ type nat hook prerouting priority dstnat; ip daddr {public} dnat to {address}; }}
}}
"""


class SteeredSegment(SteeredWorld):
    """One entry over hosts that are network namespaces."""

    def __init__(self, hosts: Segment, sessions: Sessions, entry: Traffic, *, kept_by: tuple[str, ...]) -> None:
        self.hosts = hosts.hosts
        self._segment = hosts
        self._kept_by = kept_by
        self.entry = entry
        self.nodes = self.hosts["a"].node, self.hosts["b"].node
        on_hosts = HostTraffic(sessions)
        self.traffic = TrafficEntries(
            dns=DnsTraffic(namespace="pairs", secrets=hosts.secrets),
            floating=FloatingTraffic(sessions, clock=SystemClock()),
            hosts=on_hosts,
            # There is no cluster here, and no entry that is kept in one.
            cluster=on_hosts,
        )

    @override
    async def hide(self) -> None:
        for name in self._kept_by:
            self._sudo(name, DEAF)

    @override
    async def show(self) -> None:
        for name in self._kept_by:
            self._sudo(name, SUDO.format(name=self.hosts[name].namespace))

    @override
    async def lose(self, node: str) -> None:
        self._segment.cable(node, "down")
        self._sudo(node, DEAF)

    def _sudo(self, host: str, text: str) -> None:
        self.hosts[host].server.server.folder.joinpath("sudo").write_text(text)


class Floating(SteeredSegment):
    """An address on the interfaces."""

    @override
    async def put(self, who: str) -> None:
        host = self.hosts["stranger" if who == STRANGER else who]
        host.run("ip", "address", "add", f"{FLOATING}/24", "dev", "lan")

    @override
    async def points_at(self) -> set[str]:
        has = {name for name, host in self.hosts.items() if FLOATING in host.run("ip", "-o", "address", "show")}
        return {STRANGER if name == "stranger" else name for name in has}


class Translated(SteeredSegment):
    """A translation in the gateway's packet filter."""

    @override
    async def put(self, who: str) -> None:
        text = TRANSLATION.format(table=TABLE, public=PUBLIC, address=ADDRESS_OF[who])
        self.hosts["gateway"].run("nft", "-f", "-", stdin=text)

    @override
    async def points_at(self) -> set[str]:
        listed = json.loads(self.hosts["gateway"].run("nft", "-j", "list", "ruleset"))["nftables"]
        parts = [part for item in listed if "rule" in item for part in item["rule"]["expr"]]
        return {WHO_HAS[part["dnat"]["addr"]] for part in parts if "dnat" in part}


class Programmed(SteeredSegment):
    """A file on a host, written and read by two programs."""

    @property
    def _file(self) -> Path:
        return self.hosts["gateway"].server.server.folder / "points"

    @override
    async def put(self, who: str) -> None:
        self._file.write_text(ADDRESS_OF[who])

    @override
    async def points_at(self) -> set[str]:
        return {WHO_HAS[self._file.read_text()]} if self._file.exists() else set()


@contextlib.asynccontextmanager
async def steered_segment(folder: Path, kind: str) -> AsyncIterator[SteeredSegment]:
    """Make the hosts, and an entry of this kind over them."""
    async with segment(folder, HOSTS) as hosts:
        sessions = Sessions(secrets=hosts.secrets, namespace="pairs", clock=SystemClock())
        yield _world(hosts, sessions, kind)
        await sessions.close()


def _world(hosts: Segment, sessions: Sessions, kind: str) -> SteeredSegment:
    gateway = hosts.hosts["gateway"]
    if kind == "floatingAddress":
        form = FloatingAddress(address=FLOATING, prefix_length=24, interface="lan")
        return Floating(hosts, sessions, Traffic(name="steered", floating_address=form), kept_by=("a", "b"))
    if kind == "nat":
        entry = Traffic(name="steered", nat=Nat(address=PUBLIC, ssh=gateway.ssh))
        return Translated(hosts, sessions, entry, kept_by=("gateway",))
    file = gateway.server.server.folder / "points"
    read = ("sh", "-c", f"cat {file} 2>/dev/null || :")
    command = Command(ssh=gateway.ssh, read=read, move=("sh", "-c", f'printf %s "$0" >{file}', "{{ address }}"))
    return Programmed(hosts, sessions, Traffic(name="steered", command=command), kept_by=("gateway",))
