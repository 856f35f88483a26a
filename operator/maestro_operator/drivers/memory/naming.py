"""Where the names of a memory world point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.drivers.memory.world import MemoryWorld
    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import Traffic
    from maestro_operator.model.status import FrozenNode


class MemoryNames:
    """Entries of kind dns: names in one server."""

    def __init__(self, world: MemoryWorld) -> None:
        """Keep the world."""
        self._world = world

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read where the entry's names point."""
        del nodes
        if not self._world.is_dns_up:
            return Unknown(Reason.TIMED_OUT, "the name server did not answer")
        names = entry.dns.names if entry.dns else ()
        held = {self._world.names[name] for name in names if name in self._world.names}
        return TrafficSeen(entry.name, tuple(sorted(held)), self._world.ttl_seconds)

    async def lower(self, entry: Traffic, *, deadline_seconds: float) -> Outcome:
        """Shorten the time that answers may be kept for."""
        del deadline_seconds
        if entry.dns is None or entry.dns.lowered_ttl_seconds is None:
            return Done()
        if not self._world.is_dns_up:
            return Failed(Reason.TRAFFIC_UNPROVEN, "the name server did not answer")
        self._world.ttl_seconds = entry.dns.lowered_ttl_seconds
        return Done({"wait_seconds": str(entry.dns.ttl_seconds)})

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Point every name at the address, unless it is somebody else's."""
        del deadline_seconds
        address = way.target.address
        if not self._world.is_dns_up:
            return Failed(Reason.TRAFFIC_UNPROVEN, "the name server did not answer")
        for name in entry.dns.names if entry.dns else ():
            held = self._world.names.get(name)
            if held is not None and held not in (address, way.source.address, *way.former):
                text = f"{name} points at {held}, which is no node of this pair"
                return Refused(Reason.TRAFFIC_ELSEWHERE, text)
            if not self._world.is_dns_frozen:
                self._world.names[name] = address
                self._world.ttl_seconds = _ttl_seconds(entry, way)
        seen = await self.read(entry, (way.target, way.source))
        if isinstance(seen, TrafficSeen) and seen.addresses == (address,):
            return Done()
        return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} still points elsewhere")


def _ttl_seconds(entry: Traffic, way: Way) -> int:
    """Return how long answers may be kept after a move."""
    lowered, ever = entry.lowered_ttl_seconds, entry.dns.ttl_seconds if entry.dns else 0
    return lowered if way.is_planned and lowered is not None else ever
