"""What people say of copies by rsync: how one is made of one moment, how often, how many, at what cost."""

from __future__ import annotations

from typing import ClassVar

from maestro_operator.model.resource import ResourceValue


class BtrfsConsistency(ResourceValue):
    """One moment by a read-only btrfs snapshot of the subvolume that holds files and database."""


class LvmConsistency(ResourceValue):
    """One moment by a snapshot of the logical volume on which the folder lies."""

    volume: str
    snapshot_mebibytes: int = 1024
    """Room for what is written during a run; 0 for a thin volume, whose pool has it."""


class ZfsConsistency(ResourceValue):
    """One moment by a snapshot of the ZFS dataset in which the folder lies."""

    dataset: str


class FreezeConsistency(ResourceValue):
    """One moment by freezing the services' processes during a local copy."""

    max_seconds: int = 30
    """They are let go after so long, and the copy is none."""


class CommandConsistency(ResourceValue):
    """One moment by a program of the site's on the node, such as the database's own backup."""

    program: str
    max_seconds: int = 300


class PlainConsistency(ResourceValue):
    """No moment: files are copied while they are written. Such a copy is never whole."""


class Consistency(ResourceValue):
    """How a copy is made whole: exactly one way."""

    btrfs: BtrfsConsistency | None = None
    lvm: LvmConsistency | None = None
    zfs: ZfsConsistency | None = None
    freeze: FreezeConsistency | None = None
    command: CommandConsistency | None = None
    plain: PlainConsistency | None = None


class Rsync(ResourceValue):
    """Scheduled copies in whole, numbered generations."""

    shares_data: ClassVar[bool] = False
    """Each node has a copy of its own, and sends or takes none without its guard's word."""

    paths: tuple[str, ...]
    interval_seconds: int = 60
    deadline_seconds: int = 300
    consistency: Consistency
    keep_generations: int = 3
    """How many whole generations the standby keeps."""
    nice: int = 10
    """How far a run stands back behind the service on the active node's processors."""
    bandwidth_kibibytes_per_second: int | None = None
    """The most that a run takes of the network; what ends a downtime takes all of it."""
