"""One node's side of the replication: what arrived, what was sent, what is kept, and the disk that both sides share."""

from __future__ import annotations

from dataclasses import dataclass

from maestro_operator.model.status import Generation


@dataclass(frozen=True, slots=True)
class Mirror:
    """One node's side of a mirror, as DRBD says it."""

    connection: str
    role: str
    disk: str
    peer_role: str = "Unknown"
    peer_disk: str = "DUnknown"
    out_of_sync_bytes: int = 0
    is_frozen: bool = False
    """Input and output wait: the peer is lost, and nobody has said yet that this side may go on alone."""
    resync_percent: float | None = None
    alone_epoch: int | None = None
    """The epoch in which this side went on alone, until both are in sync again."""
    unsafe: tuple[str, ...] = ()
    """Settings in force under which the mirror may lose or fork data, each with its value."""
    verified_age_seconds: float | None = None
    """How long ago this side ended a comparison with the other one, block by block."""

    @property
    def is_in_sync(self) -> bool:
        """Tell whether both sides are connected and have everything."""
        joined = self.connection in ("Connected", "VerifyS", "VerifyT")
        return joined and (self.disk, self.peer_disk) == ("UpToDate", "UpToDate") and not self.out_of_sync_bytes


FOREIGN = "foreign"
"""Who holds a disk under a key that is not this pair's."""


@dataclass(frozen=True, slots=True)
class SharedSide:
    """What one node reads of the disk that both nodes reach, from the disk itself."""

    problem: str | None = None
    """Why nothing is known of it: it is not there, silent, or another disk."""
    holder: str | None = None
    """The node whose key holds it, `foreign`, or None where nobody does."""
    holder_epoch: int | None = None
    keys: int = 0
    """How many keys are registered; a pair at rest has the owner's alone."""
    is_exclusive: bool = False
    persists: bool = False
    """Keys and reservation outlast a loss of the storage's power."""
    enforces: bool | None = None
    """This node was refused in this boot while the other one held the disk; None where that was not tried yet."""
    is_mounted: bool = False
    holds: bool = False
    """This very node is registered alone, holds the disk, and the disk lets it read."""


@dataclass(frozen=True, slots=True)
class Product:
    """One node's side of a product that replicates itself, as its programs and systemd say it."""

    role: str = "unknown"
    """primary, standby, absent where there are no data, unknown where nobody says so for certain."""
    is_running: bool = False
    is_connected: bool = False
    behind_bytes: int | None = None
    behind_seconds: int | None = None
    """How much of the owner's the standby did not have when it was asked last."""
    trouble: str | None = None
    """Why it cannot be believed now, in fixed words: `StatusTimedOut`."""


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """One backup of the application that a node keeps, whole and with checksums."""

    name: str
    age_seconds: float | None = None
    """How long ago it ended, by the wall clock; None where that cannot be said."""
    bytes: int = 0
    is_on_both: bool = False
    """The other node made the same checksums of it."""


@dataclass(frozen=True, slots=True)
class TriedRestore:
    """The last restore test on a node: of which backup, how long ago by its wall clock, and how it ended."""

    name: str
    age_seconds: float | None
    result: str
    """passed, or what went wrong: BackupDamaged, NoRoom, RestoreFailed, CheckFailed, TimedOut, NotIsolated."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One node's side of the replication."""

    newest: Generation | None = None
    """The newest whole generation that was committed here."""
    announced_age_seconds: float | None = None
    """How long ago, on this node's clock, the run of `newest` was announced."""
    clock: str = "none"
    """`uptime` where the announcement was in this boot, else `wall` or `none`."""
    is_whole: bool = False
    torn: Generation | None = None
    """The newest that was committed here and is of no one moment: nothing promotes it unasked."""
    torn_age_seconds: float | None = None
    sent: Generation | None = None
    """The last generation that this node sent and the peer committed."""
    sent_age_seconds: float | None = None
    live_present: bool = False
    promoted: Generation | None = None
    promoted_episode: str | None = None
    quarantine: tuple[tuple[str, int], ...] = ()
    """Episode and bytes of everything kept aside here."""
    kept_at: tuple[tuple[str, int], ...] = ()
    """Since when, in seconds since 1970 by the node's clock; one is missing where the node does not say."""
    receivers: int = 0
    is_sending: bool = False
    mirror: Mirror | None = None
    """What DRBD says, where the driver is a mirror."""
    disk: SharedSide | None = None
    """What the shared disk says, where there is one."""
    product: Product | None = None
    """What the site's programs say, where the product replicates itself."""

    backups: tuple[KeptBackup, ...] = ()
    queued: int | None = None
    """How many messages lay in the queue that came up with older data, and in which episode it was held."""
    queued_episode: str | None = None
    backup_result: str = "none"
    """What the newest report or program said here: ok, running, failed, unreadable, none."""
    backup_failed: str | None = None
    tested: TriedRestore | None = None

    def restorable(self, item: str) -> tuple[bool, float | None]:
        """Tell whether a backup or a generation of no one moment of this name is here, and its age."""
        for backup in self.backups:
            if backup.name == item:
                return True, backup.age_seconds
        if self.torn is not None and str(self.torn) == item:
            return True, self.torn_age_seconds
        return False, None

    @property
    def arrived(self) -> tuple[Generation, float | None] | None:
        """Return the newest generation that arrived, whole or not, and the age of its announcement."""
        found = [(self.newest, self.announced_age_seconds), (self.torn, self.torn_age_seconds)]
        known = [(generation, age) for generation, age in found if generation is not None]
        return max(known, key=lambda item: (item[0].epoch, item[0].counter), default=None)
