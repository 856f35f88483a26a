"""The traffic port of a pair: each entry by the driver of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import Traffic
    from maestro_operator.model.status import FrozenNode


class Steers(Protocol):
    """The driver of one kind."""

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read where the entry points."""

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Send clients to the target."""


class Lowers(Steers, Protocol):
    """The driver of a kind whose clients keep for a while what they were told."""

    async def lower(self, entry: Traffic, *, deadline_seconds: float) -> Outcome:
        """Let them keep it for a shorter time."""


class TrafficEntries:
    """Every entry of `spec.traffic`."""

    def __init__(self, *, dns: Lowers, floating: Steers, hosts: Steers, cluster: Steers) -> None:
        """Keep one driver a kind."""
        self._dns = dns
        self._floating = floating
        self._hosts = hosts
        self._cluster = cluster

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read where the entry points."""
        driver = self._driver(entry)
        if driver is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        return await driver.read(entry, nodes)

    async def lower(self, entry: Traffic, *, deadline_seconds: float) -> Outcome:
        """Let clients keep what they are told for a shorter time, where they are told at all."""
        return await self._dns.lower(entry, deadline_seconds=deadline_seconds) if entry.dns else Done()

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Send clients to the target."""
        driver = self._driver(entry)
        if driver is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        return await driver.move(entry, way, deadline_seconds=deadline_seconds)

    def _driver(self, entry: Traffic) -> Steers | None:
        kinds: tuple[tuple[object, Steers], ...] = (
            (entry.dns, self._dns),
            (entry.floating_address, self._floating),
            (entry.nat, self._hosts),
            (entry.command, self._hosts),
            (entry.endpoint_slice, self._cluster),
            (entry.external_dns, self._cluster),
        )
        return next((driver for form, driver in kinds if form is not None), None)
