"""From where the active side is looked at, and when it counts as down, as the resource has it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from maestro_operator.model.probes import DetectionProbe
from maestro_operator.model.resource import Empty, ResourceValue, SecretReference, Ssh


class Witness(ResourceValue):
    """A third machine from which the probes are asked, through its SSH server; nothing is installed there."""

    name: str
    host: str
    port: int = 22
    user: str = "maestro"
    host_key: str
    credentials_secret: SecretReference

    @property
    def ssh(self) -> Ssh:
        """Return how it is reached, in the form of a node's."""
        return Ssh(
            host=self.host,
            port=self.port,
            user=self.user,
            host_key=self.host_key,
            credentials_secret=self.credentials_secret,
        )


class PrometheusQuery(ResourceValue):
    """What a Prometheus server knows of the active side: 1 where it answers, 0 where it does not."""

    name: str
    url: str
    """Such as http://prometheus.monitoring.svc:9090, without a query."""
    query: str
    """Whether the service answers; `{{ node.address }}` and `{{ node.name }}` stand for the active side."""
    machine_query: str | None = None
    """Whether the machine answers, such as an echo request of a blackbox exporter: then it is sick, not dead."""
    max_age_seconds: int = 60
    """A sample older than this says nothing."""
    secret: SecretReference | None = None
    """A Secret with `token`, or `username` and `password`, and perhaps `ca.crt`."""


class DrbdView(ResourceValue):
    """What DRBD on the standby says of its peer's kernel."""

    resource: str


class VantagePoint(ResourceValue):
    """One place from which the active side is looked at."""

    operator: Empty | None = None
    peer: Empty | None = None
    ssh: Witness | None = None
    prometheus: PrometheusQuery | None = None
    drbd: DrbdView | None = None

    @property
    def name(self) -> str:
        """Return the one name this vantage point has in votes, metrics and status."""
        named = self.ssh or self.prometheus
        if named is not None:
            return named.name
        if self.drbd is not None:
            return "drbd"
        return "operator" if self.operator is not None else "peer"


class MaintenanceWindow(ResourceValue):
    """A time that comes again and again, in which the operator does not move by itself."""

    name: str
    schedule: str
    """When it begins: five fields of cron, in the window's own time zone."""
    duration_seconds: int
    time_zone: str = "UTC"
    """A name of the time zone database; the change to and from summer time is followed as Debian's cron does."""


def _both_vantage_points() -> tuple[VantagePoint, ...]:
    return (VantagePoint(operator=Empty()), VantagePoint(peer=Empty()))


class Detection(ResourceValue):
    """When the active side counts as down."""

    vantage_points: tuple[VantagePoint, ...] = Field(default_factory=_both_vantage_points)
    probes: tuple[DetectionProbe, ...] = ()
    period_seconds: int = 5
    full_look_periods: int = 3
    """While all is well, in every how many periods the nodes are read in full."""
    timeout_seconds: int = 2
    slow_seconds: float | None = None
    """An answer that took longer is one of a sick service; without it, half of the time-out."""
    down_for_seconds: int = 60
    misses_needed: int = 3
    """How many looks of one vantage point in a row must be met by silence, however long that takes."""
    startup_grace_seconds: int = 300
    flap_limit: int = 3
    """How often a node may fall silent and come back within an hour before it is quarantined."""
    quarantine_seconds: int = 7200
    maintenance_until: str | None = None
    """RFC 3339: no automatic failover before this moment, because a planned reboot is no outage."""
    maintenance_windows: tuple[MaintenanceWindow, ...] = ()

    @property
    def slow_after_seconds(self) -> float:
        """Return after how long an answer is a slow one."""
        return self.slow_seconds if self.slow_seconds is not None else self.timeout_seconds / 2


class VersionsRule(StrEnum):
    """What different versions on the two nodes mean for a move."""

    WARN = "Warn"
    REQUIRE = "Require"


class Standby(ResourceValue):
    """What the standby must have, all the time, to count as able to take over."""

    minimum_free_disk_mebibytes: int = 64
    minimum_free_memory_mebibytes: int = 64
    files: tuple[str, ...] = ()
    """Files that must be there and not empty, such as the licence."""
    versions: VersionsRule = VersionsRule.WARN
