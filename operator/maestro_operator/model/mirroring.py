"""What people say of a mirror: the disk it keeps, and what its owner does while its peer is lost."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from maestro_operator.model.resource import ResourceValue


class PeerLost(StrEnum):
    """What the owner of a mirror does while its peer is lost and nobody says anything."""

    GO_ON = "GoOn"
    """It freezes for a time, then goes on alone and writes that down."""
    FREEZE = "Freeze"
    """It stays frozen until the peer is back or the operator has said in status that the standby is lost."""


class Drbd(ResourceValue):
    """A mirror of one disk, written on both nodes before anything is acknowledged (protocol C)."""

    shares_data: ClassVar[bool] = True
    """A side that is cut off goes on alone, and of two that did only one's writes can stay."""

    resource: str
    minor: int = 0
    disk: str
    mount: str
    peer_lost: PeerLost = PeerLost.GO_ON
    peer_lost_freeze_seconds: int = 30
    verify_every_seconds: int = 604800
    """How often both sides are compared, block by block; 0 is never."""
