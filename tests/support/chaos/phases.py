"""The rows and columns of the matrix: when something is done to the pair, and what.

A phase is what `status.episode` says at the moment of a strike; steps that are over in an instant and
mean the same to a fault share one. `LISTED` are the cells that a run of twenty minutes has to fill; run as a
program this prints them, one a line.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(StrEnum):
    """What the pair is doing."""

    REST = "Rest"
    PREPARE = "Prepare"
    QUIESCE = "Quiesce"
    FINAL_SYNC = "FinalSync"
    DEMOTE = "Demote"
    FENCE = "Fence"
    SEVER = "Sever"
    PROMOTE = "Promote"
    MOVE_TRAFFIC = "MoveTraffic"
    START_SERVICES = "StartServices"
    VERIFY = "Verify"
    REJOIN = "Rejoin"
    RESYNC = "Resync"
    RENEW = "Renew"
    RESTART = "Restart"
    OTHER = "Other"


class Fault(StrEnum):
    """What is done to it."""

    OPERATOR_KILLED = "operator-killed"
    OPERATOR_STOPPED = "operator-stopped"
    TWO_OPERATORS = "two-operators"
    API_KILLED = "api-killed"
    API_STOPPED = "api-stopped"
    POWER_CUT = "power-cut"
    REBOOT = "reboot"
    FROZEN = "frozen"
    CUT = "cut"
    PARTED = "parted"
    BMC = "bmc"
    DNS_FROZEN = "dns-frozen"
    SERVICE_KILLED = "service-killed"
    DISK_FULL = "disk-full"
    BOTH_OFF = "both-off"
    BOTH_REBOOT = "both-reboot"
    MAINTENANCE = "maintenance"
    SPEC_EDIT = "spec-edit"
    SECRET_EDIT = "secret-edit"
    DELETED = "deleted"
    ORDER_BACK = "order-back"
    PAUSED = "paused"
    GIT = "git"


class Opening(StrEnum):
    """How a round begins."""

    STILL = "Still"
    """Nothing is under way."""
    SWITCH = "Switch"
    """The other node is ordered."""
    OUTAGE = "Outage"
    """The active node is taken away."""


Cell = tuple[Phase, Fault]
"""A fault in a phase."""

P, F = Phase, Fault
LISTED: tuple[Cell, ...] = (
    *((P.REST, fault) for fault in (F.TWO_OPERATORS, F.API_KILLED, F.POWER_CUT, F.REBOOT, F.FROZEN, F.CUT)),
    *((P.REST, fault) for fault in (F.PARTED, F.SERVICE_KILLED, F.DISK_FULL, F.GIT)),
    *((P.REST, fault) for fault in (F.BOTH_OFF, F.BOTH_REBOOT, F.MAINTENANCE, F.DELETED)),
    *((P.QUIESCE, fault) for fault in (F.OPERATOR_KILLED, F.OPERATOR_STOPPED, F.API_KILLED, F.POWER_CUT)),
    *((P.QUIESCE, fault) for fault in (F.ORDER_BACK, F.SPEC_EDIT, F.DELETED)),
    *((P.FINAL_SYNC, fault) for fault in (F.OPERATOR_KILLED, F.POWER_CUT, F.PARTED, F.ORDER_BACK)),
    *((P.FENCE, fault) for fault in (F.OPERATOR_KILLED, F.OPERATOR_STOPPED, F.BMC, F.API_KILLED)),
    *((P.FENCE, fault) for fault in (F.SPEC_EDIT, F.SECRET_EDIT, F.POWER_CUT)),
    (P.SEVER, F.OPERATOR_KILLED),
    *((P.PROMOTE, fault) for fault in (F.OPERATOR_KILLED, F.API_KILLED, F.TWO_OPERATORS)),
    *((P.MOVE_TRAFFIC, fault) for fault in (F.OPERATOR_KILLED, F.DNS_FROZEN)),
    *((P.START_SERVICES, fault) for fault in (F.OPERATOR_KILLED, F.POWER_CUT, F.SERVICE_KILLED, F.ORDER_BACK)),
    *((P.VERIFY, fault) for fault in (F.API_STOPPED, F.PAUSED)),
    *((P.REJOIN, fault) for fault in (F.OPERATOR_KILLED, F.REBOOT)),
    *((P.RESYNC, fault) for fault in (F.OPERATOR_KILLED, F.POWER_CUT, F.CUT)),
)
"""The cells none of which may be empty after twenty minutes."""

_OPENINGS: dict[Phase, tuple[Opening, ...]] = {
    P.REST: (Opening.STILL,),
    P.QUIESCE: (Opening.SWITCH,),
    P.FINAL_SYNC: (Opening.SWITCH,),
    P.DEMOTE: (Opening.SWITCH,),
    P.FENCE: (Opening.OUTAGE,),
    P.SEVER: (Opening.OUTAGE,),
    P.PROMOTE: (Opening.SWITCH, Opening.OUTAGE),
    P.MOVE_TRAFFIC: (Opening.SWITCH, Opening.OUTAGE),
    P.START_SERVICES: (Opening.SWITCH, Opening.OUTAGE),
    P.VERIFY: (Opening.SWITCH,),
    P.REJOIN: (Opening.OUTAGE,),
    P.RESYNC: (Opening.OUTAGE,),
}
ORDER: dict[Opening, tuple[Phase, ...]] = {
    Opening.STILL: (P.REST,),
    Opening.SWITCH: (P.QUIESCE, P.FINAL_SYNC, P.DEMOTE, P.PROMOTE, P.MOVE_TRAFFIC, P.START_SERVICES, P.VERIFY),
    Opening.OUTAGE: (P.FENCE, P.SEVER, P.PROMOTE, P.MOVE_TRAFFIC, P.START_SERVICES, P.REJOIN, P.RESYNC),
}
"""The phases that a round passes through after its opening, in order."""

_BY_STEP: dict[str, Phase] = {
    "Conclude": P.PREPARE,
    "Preflight": P.PREPARE,
    "Raise": P.PREPARE,
    "LowerTTL": P.PREPARE,
    "Quiesce": P.QUIESCE,
    "FinalSync": P.FINAL_SYNC,
    "Demote": P.DEMOTE,
    "Fence": P.FENCE,
    "Sever": P.SEVER,
    "Declare": P.SEVER,
    "Promote": P.PROMOTE,
    "Localise": P.MOVE_TRAFFIC,
    "MoveTraffic": P.MOVE_TRAFFIC,
    "StartServices": P.START_SERVICES,
    "Verify": P.VERIFY,
    "Reverse": P.VERIFY,
}


def openings_for(phase: Phase) -> tuple[Opening, ...]:
    """Return the openings of a round that passes through a phase."""
    return _OPENINGS[phase]


def phase_of(status: Mapping[str, Any]) -> Phase:
    """Return what the pair is doing, by the journal in its status."""
    episode = status.get("episode")
    if not episode:
        return P.REST
    kind, step = episode["kind"], episode["step"]
    match kind:
        case "Rejoin":
            return P.RESYNC if step == "Resync" else P.REJOIN
        case "Renew":
            return P.RENEW
        case "Restart":
            return P.RESTART
        case "Switchover" | "Failover":
            return _BY_STEP.get(step, P.OTHER)
        case _:
            return P.OTHER


if __name__ == "__main__":
    print("\n".join("/".join(cell) for cell in LISTED))
