"""The episodes as data: which steps each has, in which order, and how long a step may take.

The law of this file: in every kind that promotes, `PROMOTE` stands after a step that makes the
other node provably unable to write (`DEMOTE`, `FENCE`, `STORE_EPOCH` or `MIGRATE`), and nothing after `FENCE`
depends on the dead side. The tests read these tables; the diagram in the docs is drawn from them.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class EpisodeKind(StrEnum):
    """Everything the operator does that takes more than one step."""

    ADOPT = "Adopt"
    ACTIVATE = "Activate"
    SWITCHOVER = "Switchover"
    FAILOVER = "Failover"
    REJOIN = "Rejoin"
    RENEW = "Renew"
    RESTART = "Restart"
    REPAIR = "Repair"
    SEPARATE = "Separate"
    TAKE_BACK = "TakeBack"
    REFIT = "Refit"
    RELEASE = "Release"
    STANDBY_LOST = "StandbyLost"
    RESTORE = "Restore"
    DISCARD = "Discard"
    MIGRATE = "Migrate"
    FOLLOW = "Follow"


class StepName(StrEnum):
    """One journaled step; its intent is in status before its first effect."""

    EQUIP = "Equip"
    PREFLIGHT = "Preflight"
    LOWER_TTL = "LowerTTL"
    QUIESCE = "Quiesce"
    CONCLUDE = "Conclude"
    RAISE = "Raise"
    FINAL_SYNC = "FinalSync"
    DEMOTE = "Demote"
    FENCE = "Fence"
    SEVER = "Sever"
    DECLARE = "Declare"
    PROMOTE = "Promote"
    ADOPT = "Adopt"
    LOCALISE = "Localise"
    MOVE_TRAFFIC = "MoveTraffic"
    START_SERVICES = "StartServices"
    VERIFY = "Verify"
    REVERSE = "Reverse"
    STOP = "Stop"
    STORE_EPOCH = "StoreEpoch"
    QUARANTINE = "Quarantine"
    GRANT = "Grant"
    RESYNC = "Resync"
    SWAP_PERMIT = "SwapPermit"
    CONFIRM = "Confirm"
    RELEASE = "Release"
    STANDBY_LOST = "StandbyLost"
    RESTORE = "Restore"
    DISCARD = "Discard"
    MIGRATE = "Migrate"


S = StepName
_BRING_UP = (S.LOCALISE, S.MOVE_TRAFFIC, S.START_SERVICES, S.VERIFY)

STEPS: Mapping[EpisodeKind, tuple[StepName, ...]] = MappingProxyType(
    {
        # Discovery found one node running alone: record it, touch nothing that runs.
        EpisodeKind.ADOPT: (S.EQUIP, S.RAISE, S.STORE_EPOCH, S.ADOPT),
        # Neither node has ever run: the declared one becomes active.
        EpisodeKind.ACTIVATE: (S.EQUIP, S.PREFLIGHT, S.RAISE, S.DEMOTE, S.PROMOTE, *_BRING_UP),
        EpisodeKind.SWITCHOVER: (
            S.PREFLIGHT,
            S.LOWER_TTL,
            S.QUIESCE,
            S.RAISE,
            S.FINAL_SYNC,
            S.DEMOTE,
            S.PROMOTE,
            *_BRING_UP,
            S.REVERSE,
        ),
        EpisodeKind.FAILOVER: (
            S.CONCLUDE,
            S.PREFLIGHT,
            S.RAISE,
            S.FENCE,
            S.SEVER,
            S.DECLARE,
            S.PROMOTE,
            *_BRING_UP,
        ),
        # A standby is localised beforehand, so that a switch need not wait for it.
        EpisodeKind.REJOIN: (S.EQUIP, S.STOP, S.STORE_EPOCH, S.QUARANTINE, S.LOCALISE, S.GRANT, S.RESYNC),
        # The owner goes on under the next epoch: rollback and Abandon.
        EpisodeKind.RENEW: (S.STORE_EPOCH, S.SWAP_PERMIT, S.START_SERVICES, S.VERIFY),
        # The owner rebooted and its peer could not vouch.
        EpisodeKind.RESTART: (S.STORE_EPOCH, S.CONFIRM, *_BRING_UP),
        # Names or pins do not point at the active node: put right what an episode had to leave.
        EpisodeKind.REPAIR: (S.LOCALISE, S.MOVE_TRAFFIC),
        # Both nodes run: the one that the epochs do not name is stopped; no data is touched.
        EpisodeKind.SEPARATE: (S.STOP, S.STORE_EPOCH),
        # The old owner takes back what the new one was promoted for and never permitted: its data is the newest.
        EpisodeKind.TAKE_BACK: (S.RAISE, S.STORE_EPOCH, S.PROMOTE, *_BRING_UP),
        # What is installed on a node is not what this operator and this spec install: another version, another address.
        EpisodeKind.REFIT: (S.EQUIP,),
        # A person wants everything off the nodes; what runs there runs on.
        EpisodeKind.RELEASE: (S.RELEASE,),
        # The owner of a mirror froze for its peer: status says that the standby is lost, then it may go on alone.
        EpisodeKind.STANDBY_LOST: (S.STANDBY_LOST,),
        # A person wants a backup in the place of the owner's data: the standby knows of the next epoch first.
        EpisodeKind.RESTORE: (
            *(S.PREFLIGHT, S.STOP, S.STORE_EPOCH, S.DECLARE, S.RESTORE, S.SWAP_PERMIT),
            *(S.START_SERVICES, S.VERIFY),
        ),
        # A person gives up one thing that is kept aside.
        EpisodeKind.DISCARD: (S.DISCARD,),
        # People order a virtual machine to the other host: it takes its right to run along.
        EpisodeKind.MIGRATE: (S.PREFLIGHT, S.MIGRATE, S.PROMOTE, S.VERIFY),
        # Its cluster has it running here: status says so.
        EpisodeKind.FOLLOW: (S.ADOPT, S.VERIFY),
    },
)

BY_A_CLUSTER = (EpisodeKind.MIGRATE, EpisodeKind.FOLLOW)
"""Kinds of a virtual machine that a cluster keeps: no guard is ordered, no host is fenced, nothing is promoted."""

KEEPS_DATA = (EpisodeKind.ACTIVATE, EpisodeKind.TAKE_BACK)
"""Kinds whose promotion uses the live data that is there; every other one brings a whole copy up."""

DEADLINE_SECONDS: Mapping[StepName, int] = MappingProxyType(
    {
        S.EQUIP: 60,
        S.PREFLIGHT: 30,
        S.LOWER_TTL: 30,
        S.QUIESCE: 120,
        S.CONCLUDE: 30,
        S.RAISE: 30,
        S.FINAL_SYNC: 300,
        S.DEMOTE: 60,
        S.FENCE: 180,
        S.SEVER: 30,
        S.DECLARE: 30,
        S.PROMOTE: 60,
        S.ADOPT: 30,
        S.LOCALISE: 30,
        S.MOVE_TRAFFIC: 30,
        S.START_SERVICES: 600,
        S.VERIFY: 120,
        S.REVERSE: 60,
        S.STOP: 120,
        S.STORE_EPOCH: 30,
        S.QUARANTINE: 60,
        S.GRANT: 30,
        S.RESYNC: 30,
        S.SWAP_PERMIT: 30,
        S.CONFIRM: 30,
        S.RELEASE: 120,
        S.STANDBY_LOST: 30,
        S.RESTORE: 600,
        S.DISCARD: 120,
        S.MIGRATE: 600,
    },
)
"""How long one attempt of a step may take, in seconds, before it is cut off and looked at again."""


LEAVES_ALONE: Mapping[StepName, tuple[str, ...]] = MappingProxyType(
    {
        S.VERIFY: ("source", "target"),
        S.REVERSE: ("target",),
    }
)
"""The sides that a step does nothing to and whose reading neither a proof nor a permit rests on next.

The look after such a step may take the reading from right before it. While a promotion or a permit is
still to come, the side that its proof speaks of is read anew after every step, whatever was done to it.
"""


TRAFFIC = "the traffic"
"""Beside the names of nodes, which have no space, what a step left where it was."""


def following(kind: EpisodeKind, step: StepName) -> StepName | None:
    """Return the step after this one, or None after the last.

    Raises:
        ValueError: the kind has no such step.

    """
    steps = STEPS[kind]
    index = steps.index(step) + 1
    return steps[index] if index < len(steps) else None


def is_before(kind: EpisodeKind, step: StepName, mark: StepName) -> bool:
    """Tell whether a step stands before the mark in its episode; False where the mark is absent."""
    steps = STEPS[kind]
    return mark in steps and steps.index(step) < steps.index(mark)
