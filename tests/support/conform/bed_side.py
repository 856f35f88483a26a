"""A life on the bed: two nodes with systemd, sshd and the real guard, their controllers and a name server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import dns.name
import dns.query
import dns.tsig
import dns.update
from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.nodes import ssh
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.ports import Drivers
from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.drivers.replication.rsync import RsyncReplication
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.model.pair import FencingDevice, SecretReference
from support.bed.layout import ZONE
from support.conform.physics import NAMES_AWAY, NAMES_BACK, REAL, heal
from support.conform.sides import DATABASE_PORT, NODES, PUBLIC_PORT, Ports, Side, plain, spec_of
from support.contracts.bed_pair import BedPair
from support.contracts.pair_world import PUBLIC_NAME

if TYPE_CHECKING:
    from maestro_operator.model.status import Generation
    from support.bed import Bed
    from support.conform.deeds import Deed

NOBODY = "10.77.0.200"
"""Nobody has this address: a name server there answers nobody."""
SILENCE_SECONDS = 3.0
CLIENT_SECONDS = 2.0
STILL = """
mkdir -p /usr/lib/systemd/system/maestro-replica.timer.d
cat >/usr/lib/systemd/system/maestro-replica.timer.d/zz-still.conf <<'END'
[Timer]
OnBootSec=
OnUnitInactiveSec=
OnActiveSec=52w
END
systemctl daemon-reload
"""
"""The deeds say when a sync is due, on either side: the timer's own moments are put off."""
DUE = "systemctl start maestro-replica.service"


class BedSide(Side):
    """The bed's two nodes behind the real drivers."""

    def __init__(self, bed: Bed) -> None:
        """Keeps the bed; the calling thread is in its network."""
        self._bed = bed
        self._frozen: set[str] = set()
        self._make()

    def _make(self) -> None:
        self._pair = BedPair(self._bed)
        nodes, devices = self._pair.spec.nodes, {name: self._device(name) for name in NODES}
        self._near, self._far = (
            spec_of((nodes[0], nodes[1]), devices, server) for server in (self._bed.dns.address, NOBODY)
        )
        self._ports = Ports(self._drivers(), self._near, {})

    def _drivers(self) -> Drivers:
        sessions, clock = self._pair.sessions, SystemClock()
        return Drivers(
            nodes=SshNodes(sessions, spec=lambda: self._ports.spec, clock=clock),
            replication=RsyncReplication(sessions, clock=clock),
            fencing=AgentFencing(namespace="pairs", folder=Path("/usr/sbin"), secrets=self._secrets, clock=clock),
            traffic=DnsTraffic(namespace="pairs", secrets=self._secrets),
            probes=NetworkProbes(),
            verification=None,  # type: ignore[arg-type]  # it changes nothing, and no life of the comparison asks it
            machine=None,  # type: ignore[arg-type]  # there is none
            rehearsals=None,  # type: ignore[arg-type]  # no life of the comparison tries a copy
        )

    def _device(self, name: str) -> FencingDevice:
        account = self._bed.bmcs[name].account
        return FencingDevice(
            agent="fence_redfish",
            identity=account.uuid,
            parameters={
                "ip": account.host,
                "ipport": str(account.port),
                "username": account.username,
                "systems_uri": account.systems_uri,
                "ssl_insecure": "1",
            },
            secret=SecretReference(name=f"{name}-bmc"),
        )

    async def _secrets(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        if name == "tsig":
            key = self._bed.dns.key
            said = {"name": key.name, "algorithm": key.algorithm, "secret": key.secret}
            return {part: value.encode() for part, value in said.items()}
        return {"password": self._bed.bmcs[name.removesuffix("-bmc")].account.password.encode()}

    @override
    async def begin(self) -> None:
        await self.end()
        await asyncio.to_thread(self._put_right)
        self._make()
        self._forget_names()
        await self._pair.clean()
        for name in NODES:
            await self._pair.do(name, STILL)

    def _put_right(self) -> None:
        heal(self._bed)
        self._bed.dns.thaw()
        for name, node in self._bed.nodes.items():
            self._bed.bmcs[name].set_mode("honest")
            if node.is_on():
                node.thaw()
            node.power_on()
        for node in self._bed.nodes.values():
            node.ssh_ready()
        self._frozen.clear()

    def _forget_names(self) -> None:
        key = self._bed.dns.key
        update = dns.update.UpdateMessage(ZONE, keyring=dns.tsig.Key(key.name, key.secret, key.algorithm))
        update.delete(dns.name.from_text(PUBLIC_NAME), "A")
        dns.query.tcp(update, self._bed.dns.address, timeout=5)

    @override
    async def do(self, deed: Deed, *, generation: Generation | None, patience_seconds: float) -> Any:
        match deed.kind:
            case "act":
                outcome = await self._ports.act(deed.words, generation=generation, deadline_seconds=patience_seconds)
                return plain(outcome)
            case "blow":
                await asyncio.to_thread(REAL[deed.name], self._bed)
                self._note(deed.name)
            case _:
                await self._write()
                for name in NODES:
                    await self._console(name, DUE)
        return None

    def _note(self, blow: str) -> None:
        """Keeps who cannot be asked at its console, and which name server is asked."""
        if blow in (NAMES_AWAY, NAMES_BACK):
            self._ports.spec = self._far if blow == NAMES_AWAY else self._near
        name = blow.partition(" ")[0]
        if blow.endswith(" freezes"):
            self._frozen.add(name)
        elif name in self._frozen and name in NODES:
            self._frozen -= {name} if blow.endswith(("thaws", "power", "reboots")) else set()

    async def _write(self) -> None:
        """Lets a client write one record where the name leads it, if the services answer there."""
        addresses = await asyncio.to_thread(self._bed.dns.lookup, PUBLIC_NAME)
        for name in NODES:
            if self._bed.nodes[name].address in addresses and await self._serves(name):
                await self._pair.write(name)

    async def _serves(self, name: str) -> bool:
        address = self._bed.nodes[name].address
        try:
            async with asyncio.timeout(CLIENT_SECONDS):
                for port in (PUBLIC_PORT, DATABASE_PORT):
                    reader, writer = await asyncio.open_connection(address, port)
                    writer.write(b"HEAD / HTTP/1.0\r\n\r\n")
                    answer = await reader.readline()
                    writer.close()
                    if b" 200 " not in answer:
                        return False
        except OSError:
            return False
        return True

    async def _console(self, name: str, script: str) -> str | None:
        """Runs a script from a node's console, where one is to be had."""
        if name in self._frozen or not self._bed.nodes[name].is_on():
            return None
        ran = await asyncio.to_thread(self._bed.nodes[name].run, script, timeout_seconds=60)
        return ran.stdout.decode()

    @override
    async def look(self, *, at_devices: bool) -> dict[str, Any]:
        drivers, frozen = self._ports.drivers, [self._ports.node(name) for name in NODES]
        # How long a silent node is waited for; one that answers late is looked at again.
        with mock.patch.object(ssh, "READ_SECONDS", SILENCE_SECONDS):
            reading = asyncio.gather(*(drivers.nodes.read(node) for node in frozen))
            traffic = drivers.traffic.read(self._ports.spec.traffic[0], frozen)
            checked = asyncio.gather(*(drivers.fencing.check(node) for node in frozen if at_devices))
            nodes, names, devices = await asyncio.gather(reading, traffic, checked)
        return {
            "nodes": dict(zip(NODES, map(plain, nodes), strict=True)),
            "traffic": plain(names),
            "devices": dict(zip(NODES, map(plain, devices), strict=True)) if at_devices else None,
            "records": {name: await self._records(name) for name in NODES},
        }

    async def _records(self, name: str) -> int | str | None:
        if name in self._frozen or not self._bed.nodes[name].is_on():
            return "not to be asked"
        return await self._pair.records(name)

    async def end(self) -> None:
        """Ends the sessions."""
        with contextlib.suppress(OSError):
            await self._pair.sessions.close()
