"""What of the spec a node is read for: its units, the data path, the service ports, the pinned names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.errors import BadInput

if TYPE_CHECKING:
    from maestro_operator.model.pair import PairSpec

CONTACT_SECONDS = 5
"""How often a mirror's standby writes down that it is in sync, and a shared disk is looked after."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The part of a spec that is the same for both nodes and that every reading needs."""

    units: tuple[str, ...]
    live: str
    ports: tuple[int, ...]
    """Ports whose listeners count as a running service: those of the services' own readiness."""
    names: tuple[str, ...]
    interval_seconds: int
    versions: tuple[str, ...] = ()
    """Where each version stands, as the reading script takes it."""
    files: tuple[str, ...] = ()
    """Files that a standby must have."""


def watched(spec: PairSpec) -> Watched:
    """Return what the spec wants watched.

    Raises:
        BadInput: the consistency group is not one path that rsync can copy.

    """
    live, interval_seconds = _live(spec)
    ports = {
        port
        for service in spec.services
        for probe in service.readiness
        for port in (probe.http.port if probe.http else None, probe.tcp.port if probe.tcp else None)
        if port is not None
    }
    names = [name for item in spec.localise if item.hosts_pin for name in item.hosts_pin.names]
    return Watched(
        units=tuple(service.unit for service in spec.services),
        live=live,
        ports=tuple(sorted(ports)),
        names=tuple(dict.fromkeys(names)),
        interval_seconds=interval_seconds,
        versions=tuple(
            f"{item.name}:package:{item.package}" if item.package else f"{item.name}:file:{item.file}"
            for item in spec.versions
        ),
        files=spec.standby.files,
    )


def _live(spec: PairSpec) -> tuple[str, int]:
    """Return where the data lives, and how often the node's own timer looks after its copy."""
    rsync, drbd = spec.replication.rsync, spec.replication.drbd
    if drbd is not None:
        return drbd.mount.rstrip("/"), CONTACT_SECONDS
    if spec.replication.shared_disk is not None:
        return spec.replication.shared_disk.mount.rstrip("/"), CONTACT_SECONDS
    command = spec.replication.command
    if command is not None:
        return command.data.rstrip("/"), command.interval_seconds
    if rsync is None or len(rsync.paths) != 1:
        raise BadInput("spec.replication.rsync.paths", "name exactly one path: the subvolume with files and database")
    return rsync.paths[0].rstrip("/"), rsync.interval_seconds
