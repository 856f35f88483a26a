"""The guard's configuration on a node, and everything that is installed with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maestro_operator.drivers.nodes.watched import watched
from maestro_operator.model.errors import BadInput
from maestro_operator.model.mirroring import PeerLost
from maestro_operator.transport.bundle import BUNDLE, CONFIGURATION, UNITS, NodeFile, fingerprint, program_files

if TYPE_CHECKING:
    from maestro_operator.drivers.ports import Equipment
    from maestro_operator.model.copying import Consistency
    from maestro_operator.model.pair import PairSpec

WATCH_SECONDS = 3
MOST_PROBE_SECONDS = 3
"""How long a node waits at most for its peer's kernel when it is asked what it sees of it; a question has a bound."""
_VALUE = re.compile(r"[A-Za-z0-9@._:/ -]*")


def configuration(equipment: Equipment) -> str:
    """Return the guard's configuration file: KEY=VALUE lines that are parsed, never sourced.

    Raises:
        BadInput: a value could not be carried by such a line.

    """
    spec = equipment.spec
    node, peer, view = spec.node(equipment.node), spec.other(equipment.node), watched(spec)
    entries = [
        ("pair", equipment.pair_uid),
        ("node", node.name),
        ("peer", peer.name),
        ("peer_host", peer.ssh.host),
        ("peer_port", str(peer.ssh.port)),
        ("peer_user", "root"),
        ("address", node.address),
        ("peer_address", peer.address),
        ("services", " ".join(view.units)),
        ("live", view.live),
        ("ports", " ".join(str(port) for port in view.ports)),
        ("names", " ".join(view.names)),
        *(("pin", name) for name in view.names),
        ("interval_seconds", str(view.interval_seconds)),
        *_mirror(spec),
        *_shared(spec),
        *_product(spec),
        *_copies(spec),
        *_backups(spec),
        *_spool(spec, view.live),
        ("watch_seconds", str(WATCH_SECONDS)),
        ("probe_seconds", str(min(MOST_PROBE_SECONDS, spec.detection.timeout_seconds))),
        ("start_seconds", str(max(service.start_timeout_seconds for service in spec.services))),
        ("stop_seconds", str(max(service.stop_timeout_seconds for service in spec.services))),
    ]
    for key, value in entries:
        if not _VALUE.fullmatch(value):
            raise BadInput(f"{key} of node {node.name}", f"{value[:60]!r} has characters the guard does not read")
    return "".join(f"{key}={value}\n" for key, value in entries)


def _mirror(spec: PairSpec) -> tuple[tuple[str, str], ...]:
    drbd = spec.replication.drbd
    if drbd is None:
        return ()
    freezes = drbd.peer_lost is PeerLost.FREEZE
    return (
        ("drbd_resource", drbd.resource),
        ("drbd_minor", str(drbd.minor)),
        ("drbd_disk", drbd.disk),
        ("drbd_freeze_seconds", "forever" if freezes else str(drbd.peer_lost_freeze_seconds)),
        ("drbd_verify_seconds", str(drbd.verify_every_seconds)),
    )


def _shared(spec: PairSpec) -> tuple[tuple[str, str], ...]:
    shared = spec.replication.shared_disk
    return () if shared is None else (("shared_disk", shared.disk), ("shared_identity", shared.identity))


def _product(spec: PairSpec) -> tuple[tuple[str, str], ...]:
    """Return the standby's unit, and of each program its deadline, its path and its arguments, none with a space."""
    command = spec.replication.command
    if command is None:
        return ()
    said = ((f"command_{verb}", item, seconds) for verb, item, seconds in command.programs)
    words = ((key, " ".join((str(seconds), item.program, *item.arguments))) for key, item, seconds in said)
    return (("command_unit", command.standby_unit), *words)


def _copies(spec: PairSpec) -> tuple[tuple[str, str], ...]:
    """Return how the node takes one moment, and what a run may cost; nothing where all is as it always was."""
    rsync = spec.replication.rsync
    if rsync is None:
        return ()
    limit = rsync.bandwidth_kibibytes_per_second
    return (
        *_moment(rsync.consistency),
        ("keep", str(rsync.keep_generations)),
        ("nice", str(rsync.nice)),
        *((("bandwidth_kib", str(limit)),) if limit is not None else ()),
    )


def _backups(spec: PairSpec) -> tuple[tuple[str, str], ...]:
    backup = spec.backup
    if backup is None:
        return ()
    found: list[tuple[str, str]] = [("backup_keep", str(backup.keep))]
    if backup.reports is not None:
        found += [("backup_reports", backup.reports.folder)]
        found += [("backup_path", path) for path in backup.reports.paths]
    if backup.command is not None:
        found.append(("backup_program", backup.command.program))
    if backup.restore_program is not None:
        found.append(("backup_restore", backup.restore_program))
    test = backup.restore_test
    if test is not None:
        found += [("test_days", str(test.every_days)), ("test_seconds", str(test.timeout_seconds))]
        found += [("test_program", test.program)] if test.program is not None else []
    return tuple(found)


def _spool(spec: PairSpec, live: str) -> tuple[tuple[str, str], ...]:
    spool = spec.spool
    if spool is None:
        return ()
    for folder in spool.folders:
        if not folder.startswith(f"{live}/"):
            raise BadInput("spec.spool.folders", f"{folder} is not below {live}: write folders of the data")
    hold = (("spool_hold", spool.hold_program),) if spool.hold_program is not None else ()
    return (*(("spool", folder) for folder in spool.folders), *hold)


def _moment(way: Consistency) -> tuple[tuple[str, str], ...]:
    if way.lvm is not None:
        size = str(way.lvm.snapshot_mebibytes)
        return ("moment", "lvm"), ("moment_volume", way.lvm.volume), ("moment_snapshot_mib", size)
    if way.zfs is not None:
        return ("moment", "zfs"), ("moment_dataset", way.zfs.dataset)
    if way.freeze is not None:
        return ("moment", "freeze"), ("moment_seconds", str(way.freeze.max_seconds))
    if way.command is not None:
        seconds = str(way.command.max_seconds)
        return ("moment", "command"), ("moment_program", way.command.program), ("moment_seconds", seconds)
    return (("moment", "plain" if way.plain is not None else "btrfs"),)


def node_files(equipment: Equipment) -> tuple[NodeFile, ...]:
    """Return every file of a node: programs, units, configuration, the replication's interval, the word for all.

    Raises:
        BadInput: the spec cannot be written into the guard's configuration.

    """
    interval = watched(equipment.spec).interval_seconds
    timer = f"[Timer]\nOnBootSec=\nOnUnitInactiveSec=\nOnBootSec=15s\nOnUnitInactiveSec={interval}s\n"
    found = (
        *program_files(),
        NodeFile(f"{CONFIGURATION}/config", configuration(equipment).encode(), 0o600),
        NodeFile(f"{UNITS}/maestro-replica.timer.d/50-interval.conf", timer.encode()),
    )
    return (*found, NodeFile(BUNDLE, f"{fingerprint(found)}\n".encode()))


def wanted_bundle(equipment: Equipment) -> str:
    """Return the fingerprint that a node shows on which all of this is installed.

    Raises:
        BadInput: the spec cannot be written into the guard's configuration.

    """
    return node_files(equipment)[-1].content.decode().strip()
