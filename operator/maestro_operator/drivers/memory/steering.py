"""What else sends clients somewhere, in memory: an address that moves, hosts of their own, objects of the cluster.

A gateway, or a host with programs, is the party `traffic <entry>` of a cut; the API server is `api-server`.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.drivers.traffic.floating import SOMEBODY
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.drivers.memory.world import MemoryWorld
    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import Traffic
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.model.traffic import FloatingAddress

API_SERVER = "api-server"


class MemoryFloating(Reaching):
    """Entries of kind floatingAddress."""

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Say which node has the address."""
        item = entry.floating_address
        if item is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        asked = [node for node in nodes if self._silent(node) is None]
        silent = tuple(f"{node.name} did not answer" for node in nodes if node not in asked)
        holders = [node for node in asked if item.address in self._node(node).addresses]
        if not asked:
            return Unknown(Reason.TIMED_OUT, silent[0])
        addresses = [node.address for node in holders]
        if holders and self._is_answered(item, holders[0], but={node.name for node in holders}):
            addresses.append(SOMEBODY)
        return TrafficSeen(entry.name, tuple(sorted(addresses)), silent=silent)

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Withdraw the address from the source, then let the target take it where nobody answers for it."""
        del deadline_seconds
        item = entry.floating_address
        if item is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        silent = self._silent(way.target)
        if silent:
            return silent
        there = self._node(way.target)
        is_held = item.address in there.addresses
        if not way.source_is_off:
            deaf = self._silent(way.source)
            if deaf is None:
                self._node(way.source).addresses.discard(item.address)
            elif not (is_held or way.keeps_owner):
                return Failed(Reason.TRAFFIC_UNPROVEN, f"{item.address} was not withdrawn: {deaf.message}")
        if self._is_answered(item, way.target, but={way.target.name}):
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{SOMEBODY} on {item.interface} answers for {item.address}")
        there.addresses.add(item.address)
        return Done({"address": way.target.address})

    def _is_answered(self, item: FloatingAddress, asking: FrozenNode, *, but: set[str]) -> bool:
        """Tell whether anybody on the segment answers who is not one of these nodes."""
        answers = (
            item.address in node.addresses and self._world.reaches(asking.name, node.name)
            for node in self._world.nodes.values()
            if node.name not in but
        )
        return item.address in self._world.others_have or any(answers)


class MemoryHosts:
    """Entries of kind nat and command."""

    def __init__(self, world: MemoryWorld) -> None:
        """Keep the world."""
        self._world = world

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Ask the host where clients are sent."""
        return self._silent(entry) or steered_seen(self._world, entry, nodes)

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Send clients to the target, and ask the host whether they are."""
        del deadline_seconds
        silent = self._silent(entry)
        if silent:
            return Failed(silent.reason, silent.message)
        address, old = (entry.address_for(node.name, node.address) for node in (way.target, way.source))
        if entry.nat is not None and len({ip_address(it).version for it in (address, old, entry.nat.address)}) > 1:
            return Refused(Reason.INVALID_SPEC, f"{entry.name}: {address}, {old} are not of one family")
        return _steer(self._world, entry, way)

    def _silent(self, entry: Traffic) -> Unknown | None:
        self._world.commands += 1
        if self._world.reaches(OPERATOR, f"traffic {entry.name}"):
            return None
        return Unknown(Reason.TIMED_OUT, f"traffic {entry.name} did not answer")


class MemoryCluster:
    """Entries of kind endpointSlice and externalDNS."""

    def __init__(self, world: MemoryWorld) -> None:
        """Keep the world."""
        self._world = world

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read the object."""
        if not self._world.reaches(OPERATOR, API_SERVER):
            return Unknown(Reason.TRAFFIC_UNPROVEN, f"{entry.name}: the API server: it did not answer")
        return steered_seen(self._world, entry, nodes)

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Replace the object by one that names the target."""
        del deadline_seconds
        if not self._world.reaches(OPERATOR, API_SERVER):
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name}: the API server did not answer")
        if entry.name in self._world.others_have:
            return Refused(Reason.TRAFFIC_ELSEWHERE, f"{entry.name}'s object is not this pair's: remove or rename it")
        return _steer(self._world, entry, way)


def steered_seen(world: MemoryWorld, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen:
    """Return where an entry outside of both nodes sends clients, as the address of the node whose it is."""
    own = {entry.address_for(node.name, node.address): node.address for node in nodes}
    found = world.steered.get(entry.name)
    ttl = entry.external_dns.ttl_seconds if entry.external_dns and found else None
    return TrafficSeen(entry.name, () if found is None else (own.get(found, found),), ttl)


def _steer(world: MemoryWorld, entry: Traffic, way: Way) -> Outcome:
    address, old = (entry.address_for(node.name, node.address) for node in (way.target, way.source))
    found = world.steered.get(entry.name)
    if found not in (None, address, old, *way.former):
        text = f"{entry.name} points at {found}, which is no node of this pair"
        return Refused(Reason.TRAFFIC_ELSEWHERE, text)
    if entry.name in world.idle_programs and found != address:
        return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} still points at {found or 'nothing'}")
    world.steered[entry.name] = address
    return Done({"address": way.target.address})
