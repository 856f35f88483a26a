"""What the matrix must contain, written down by hand: the judge's own list, which a test holds to the operator's.

Run as a program it prints the id of every claim that the report must have, one a line; of these stories only where
some are named.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

STORIES: Mapping[str, str] = {
    "adopt": "Adopt",
    "activate": "Activate",
    "switchover": "Switchover",
    "failover-automatic": "Failover",
    "failover-ordered": "Failover",
    "rejoin": "Rejoin",
    "renew-rollback": "Renew",
    "renew-abandon": "Renew",
    "restart": "Restart",
    "repair": "Repair",
    "separate": "Separate",
    "take-back": "TakeBack",
    "refit": "Refit",
    "standby-lost": "StandbyLost",
    "release": "Release",
    "restore": "Restore",
    "discard": "Discard",
}
"""Each story of the memory half, and the kind of its episode."""

STEPS: Mapping[str, tuple[str, ...]] = {
    "Adopt": ("Equip", "Raise", "StoreEpoch", "Adopt"),
    "Activate": (
        "Equip", "Raise", "Demote", "Promote", "Localise", "MoveTraffic", "StartServices", "Verify",
    ),
    "Switchover": (
        "Quiesce", "Raise", "FinalSync", "Demote", "Promote", "Localise", "MoveTraffic", "StartServices", "Verify",
        "Reverse",
    ),
    "Failover": ("Raise", "Fence", "Sever", "Promote", "Localise", "MoveTraffic", "StartServices", "Verify"),
    "Rejoin": ("StoreEpoch", "Quarantine", "Localise", "Grant", "Resync"),
    "Renew": ("StoreEpoch", "SwapPermit", "StartServices", "Verify"),
    "Restart": ("StoreEpoch", "Localise", "MoveTraffic", "StartServices", "Verify"),
    "Repair": ("Localise", "MoveTraffic"),
    "Separate": ("Stop", "StoreEpoch"),
    "Refit": ("Equip",),
    "StandbyLost": ("StandbyLost",),
    "Release": ("Release",),
    "Discard": ("Discard",),
    "Restore": ("Stop", "StoreEpoch", "Restore", "SwapPermit", "StartServices", "Verify"),
    "TakeBack": ("Raise", "StoreEpoch", "Promote", "Localise", "MoveTraffic", "StartServices", "Verify"),
}  # fmt: skip
"""The steps of each kind that do something, and around whose intent and effects the operator must have died."""

LAWS = (
    "one-writer",
    "one-owner-an-epoch",
    "name-only-at-the-promoted",
    "nothing-thrown-away",
    "intent-first",
    "loss-was-declared",
)


@dataclass(frozen=True, slots=True)
class BedCell:
    """One death on real parts."""

    name: str
    boundary: str
    """The pattern that the boundary's name must match."""

    @property
    def kind(self) -> str:
        """Return the kind of the episode in which the operator dies."""
        return self.boundary.split(".", 1)[0]

    @property
    def step(self) -> str:
        """Return the step at which it dies."""
        return self.boundary.split(".", 2)[1]


PLANNED = (
    BedCell("quiesce-before", "Switchover.Quiesce.order-quiesce-*.before"),
    BedCell("quiesce-after", "Switchover.Quiesce.stop-*.after"),
    BedCell("final-sync-before", "Switchover.FinalSync.final_sync-*.before"),
    BedCell("final-sync-after", "Switchover.FinalSync.final_sync-*.after"),
    BedCell("promote-before", "Switchover.Promote.order-promote-*.before"),
    BedCell("promote-after", "Switchover.Promote.promote-*.after"),
    BedCell("move-traffic-before", "Switchover.MoveTraffic.move-*.before"),
    BedCell("move-traffic-after", "Switchover.MoveTraffic.move-*.after"),
    BedCell("start-services-before", "Switchover.StartServices.order-permit-*.before"),
    BedCell("start-services-after", "Switchover.StartServices.start-*.after"),
)
"""Each is one planned switch."""

UNPLANNED = (
    (
        BedCell("fence-before", "Failover.Fence.off-*.before"),
        BedCell("rejoin-before", "Rejoin.Quarantine.quarantine-*.before"),
    ),
    (
        BedCell("fence-after", "Failover.Fence.off-*.after"),
        BedCell("rejoin-after", "Rejoin.Quarantine.quarantine-*.after"),
    ),
    (
        BedCell("sever-before", "Failover.Sever.order-sever-*.before"),
        BedCell("resync-before", "Rejoin.Resync.sync-*.before"),
    ),
    (
        BedCell("sever-after", "Failover.Sever.order-sever-*.after"),
        BedCell("resync-after", "Rejoin.Resync.sync-*.after"),
    ),
)
"""Each is one power cut and the return of the node: two deaths."""

BED_LAWS = ("one-writer", "lost-nothing-planned", "loss-was-declared", "files-and-rows-agree", "fence-was-true")


def memory_claims(stories: Iterable[str] = tuple(STORIES)) -> tuple[str, ...]:
    """Return the claims of the memory half for these stories."""
    return (*(f"memory-{story}" for story in stories), "memory-every-step", *(f"memory-{law}" for law in LAWS))


def bed_claims() -> tuple[str, ...]:
    """Return the claims of the half on real parts."""
    cells = (*PLANNED, *(cell for both in UNPLANNED for cell in both))
    laws = (f"bed-{session}-{law}" for session in ("planned", "unplanned") for law in BED_LAWS)
    return (*(f"bed-{cell.name}" for cell in cells), *laws)


if __name__ == "__main__":
    chosen = sys.argv[1:] or tuple(STORIES)
    print("\n".join((*memory_claims(chosen), *bed_claims())))
