"""What follows from a mirror: how much a failover may lose, and what its frozen owner may do.

The law of this file: UpToDate alone proves no zero loss. What is lost counts from the last contact that was observed,
less the time for which the owner then froze, where its settings made it freeze; and status says that the standby is
lost before the owner goes on alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.model import coarse
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.mirroring import PeerLost
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen
from maestro_operator.model.status import Alone
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from maestro_operator.model.seen import Mirror, Seen
    from maestro_operator.model.status import Episode

ALONE = "StandAlone"
DISCARD = "/usr/local/lib/maestro-guard/maestro-replica discard --episode"


def mirror_of(seen: Seen, name: str) -> Mirror | None:
    """Return what a node says of its side of the mirror, None where nothing is known."""
    node = facts.readable(seen, name)
    return node.replica.mirror if node is not None else None


def copy_age_seconds(seen: Seen, name: str, *, later_seconds: float = 0.0) -> float | None:
    """Return for how long the owner may have written what this node's copy lacks, None where that cannot be said.

    With `later_seconds` what it will be then, where nothing arrives any more. Of a copy that is its announcement's age,
    of a disk that both nodes reach none, whenever: what was stored is there. Of a mirror: max(0, age of the last
    observed contact - freeze), and the freeze counts only while status does not say that the owner went on before its
    time or has settings that let it, and while this node's own settings, which are one file with the owner's, would
    make it freeze.
    """
    node, drbd = facts.readable(seen, name), seen.spec.replication.drbd
    age_seconds = node.replica.announced_age_seconds if node is not None else None
    if age_seconds is None or seen.spec.replication.shared_disk is not None:
        return age_seconds
    age_seconds += later_seconds
    if drbd is None or _is_alone(seen) or unsafe(seen, name) is not None:
        return age_seconds
    if drbd.peer_lost is PeerLost.FREEZE:
        return 0.0
    return max(0.0, age_seconds - drbd.peer_lost_freeze_seconds)


def behind(seen: Seen, name: str) -> Hold | None:
    """Return why this side of the mirror is not in sync, or None where it is."""
    mirror = mirror_of(seen, name)
    if mirror is None:
        return Hold(Reason.STANDBY_ABSENT, f"{name}: nothing is known of its side of the mirror")
    if mirror.is_in_sync:
        return None
    if mirror.resync_percent is not None or mirror.disk == "Inconsistent":
        done = "" if mirror.resync_percent is None else f", {coarse.percent_at_least(mirror.resync_percent)} % done"
        return Hold(Reason.RESYNCING, f"{name} is being synced{done}")
    text = f"{name}: {mirror.connection}, {mirror.disk}/{mirror.peer_disk}"
    return Hold(Reason.SYNC_BEHIND, f"{text}, {coarse.bytes_at_most(mirror.out_of_sync_bytes)} out of sync")


def standby_lost(seen: Seen) -> Decision | None:
    """Let the owner of a mirror that froze for its peer go on alone, once status says so."""
    owner = _owner(seen)
    if owner is None or owner.replica.mirror is None or not owner.replica.mirror.is_frozen:
        return None
    episode = journal.begin(seen, EpisodeKind.STANDBY_LOST, target=owner.name, trigger="Frozen")
    status = seen.status.model_copy(update={"episode": episode})
    text = f"{owner.name} froze for its mirror's peer: {episode.source} is not in sync any more"
    return Record(status=status, because=Reason.STANDBY_LOST, message=text)


def unfrozen(seen: Seen) -> Decision | None:
    """Write down that the owner of a mirror may write alone at any time, as its settings let it."""
    owner, mark = _owner(seen), seen.status.epoch.in_force
    held = unsafe(seen, owner.name) if owner is not None else None
    if held is None or mark is None or _is_alone(seen):
        return None
    status = seen.status.model_copy(update={"alone": Alone(epoch=mark.number, since=seen.now)})
    return Record(status=status, because=held.reason, message=held.message)


def together(seen: Seen) -> Decision | None:
    """Take out of status that the owner may have written alone, when both sides have everything again."""
    owner = _owner(seen)
    if seen.status.alone is None or owner is None or owner.replica.mirror is None or owner.replica.mirror.unsafe:
        return None
    if not owner.replica.mirror.is_in_sync or behind(seen, facts.other_name(seen, owner.name)) is not None:
        return None
    status = seen.status.model_copy(update={"alone": None})
    return Record(status=status, because=Reason.ALL_GOOD, message="both sides of the mirror have everything again")


def split(seen: Seen, episode: Episode) -> Hold | None:
    """Return the hold of a mirror whose two sides were told to join and both stand alone: each wrote by itself."""
    sides = [mirror_of(seen, name) for name in (episode.source, episode.target)]
    if not all(side is not None and side.connection == ALONE for side in sides):
        return None
    text = f"what {episode.target} wrote is kept aside; to give it up, on {episode.target}: {DISCARD} {episode.id}"
    return Hold(Reason.MIRROR_SPLIT, f"{text}; {episode.source} goes on")


def unsafe(seen: Seen, name: str) -> Hold | None:
    """Return the hold of settings under which the mirror may lose or fork data."""
    mirror = mirror_of(seen, name)
    if mirror is None or not mirror.unsafe:
        return None
    return Hold(Reason.MIRROR_UNSAFE, f"{name}: {', '.join(mirror.unsafe)}; see the page of the driver")


def _is_alone(seen: Seen) -> bool:
    """Tell whether status says of the epoch in force that its owner may have written alone."""
    mark, alone = seen.status.epoch.in_force, seen.status.alone
    return alone is not None and mark is not None and alone.epoch == mark.number


def _owner(seen: Seen) -> NodeSeen | None:
    """Return the active node where it was read under its permit of the epoch in force."""
    mark, node = seen.status.epoch.in_force, facts.readable(seen, seen.status.active_node or "")
    if node is None or mark is None or not node.guard.may_run or not facts.holds_epoch(node, mark):
        return None
    return node
