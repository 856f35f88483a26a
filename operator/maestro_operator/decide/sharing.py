"""What follows from a disk that both nodes reach: who holds it, and what stands in the way of another one's taking it.

The law of this file: the reservation is read from the disk, by each node for itself, and is the second lock beside the
proof, never in its place. Where it could not be read nothing is known; a key of somebody else's is not taken away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.model.decision import Hold
from maestro_operator.model.reasons import Reason
from maestro_operator.model.replica import FOREIGN

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen, SharedSide

ALONE = 1
"""How many keys the disk of a pair at rest has."""


def unable(seen: Seen, name: str) -> Hold | None:
    """Return why a node could not take the shared disk whatever is proven of the other one, None where it could."""
    if seen.spec.replication.shared_disk is None:
        return None
    side = _side(seen, name)
    if side is None:
        return Hold(Reason.DISK_UNREADABLE, f"{name} says nothing of the shared disk")
    if side.problem is not None:
        return Hold(Reason.DISK_UNREADABLE, f"{name}: {side.problem}")
    if side.holder == FOREIGN:
        text = "the disk is held under a key that is not this pair's: find out whose it is, and clear it by hand"
        return Hold(Reason.DISK_FOREIGN, f"{name}: {text}")
    return None


def behind(seen: Seen, standby: str) -> Hold | None:
    """Return why the disk is not the owner's alone in the eyes of both nodes, or None where it is.

    The standby is the second reader: that it is kept out is what it met itself, not what the owner says.
    """
    hold = unable(seen, standby) or _lost(seen)
    side, mark = _side(seen, standby), seen.status.epoch.in_force
    if hold is not None or side is None or mark is None:
        return hold
    if side.is_mounted:
        return Hold(Reason.DISK_MOUNTED_TWICE, f"{standby} has the disk mounted and does not own it")
    if (side.holder, side.holder_epoch) != (mark.owner, mark.number) or side.keys != ALONE:
        found = f"epoch {side.holder_epoch} of {side.holder}" if side.holder else "nobody"
        text = f"{standby} reads {side.keys} keys on the disk, held by {found}"
        return Hold(Reason.DISK_NOT_HELD, f"{text}, and not by epoch {mark.number} of {mark.owner} alone")
    return _unguarded(side, standby)


def _lost(seen: Seen) -> Hold | None:
    """Return the hold of an owner that reads by itself that it does not hold the disk."""
    owner = seen.status.active_node or ""
    side = _side(seen, owner)
    if side is None or side.holds:
        return None
    return Hold(Reason.DISK_NOT_HELD, f"{owner} does not hold the disk: {side.problem or f'{side.holder} does'}")


def _unguarded(side: SharedSide, standby: str) -> Hold | None:
    if not side.is_exclusive:
        return Hold(Reason.DISK_UNGUARDED, "the reservation is of a kind that does not keep others out")
    if side.enforces is False:
        text = f"{standby} reads the disk that another node holds, so the storage does not keep reservations"
        return Hold(Reason.DISK_UNGUARDED, f"{text}: use one that does")
    if not side.persists:
        text = "the storage forgets the reservation when its power goes (no APTPL)"
        return Hold(Reason.DISK_UNGUARDED, f"{text}: set it to keep them, or use one that does")
    return None


def _side(seen: Seen, name: str) -> SharedSide | None:
    node = facts.readable(seen, name)
    return node.replica.disk if node is not None else None
