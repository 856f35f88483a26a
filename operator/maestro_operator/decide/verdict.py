"""What the votes and the readings together say of the active side: of the machine, and of its service.

The law of this file: Down needs every fresh vantage point, at least two of them, saying dead for
the whole of `downForSeconds` and `missesNeeded` looks in a row, a node that cannot be read and did
not say that it goes down, and an operator that is not itself cut off. What lives and is not well is
Sick. Everything less is Uncertain, and neither Sick nor Uncertain ever moves anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote

if TYPE_CHECKING:
    from maestro_operator.model.seen import NodeSeen, Seen, VoteSeen

VANTAGE_POINTS_NEEDED = 2
SIGNS_OF_LIFE = (Reason.CONNECTION_REFUSED, Reason.WRONG_CREDENTIALS, Reason.COMMAND_FAILED, Reason.BAD_ANSWER)
"""Failures to read a node that only a living machine gives."""
SEES_NO_SERVICE = frozenset({"peer", "drbd"})
"""Vantage points that know of units, ports or a kernel, and never asked the service itself."""
FULL_BYTES = 8 * 1024 * 1024
"""With less free, a database cannot begin the next piece of its log."""


class Verdict(StrEnum):
    """What is concluded of a node, or of the service."""

    HEALTHY = "Healthy"
    SICK = "Sick"
    DOWN = "Down"
    UNCERTAIN = "Uncertain"


@dataclass(frozen=True, slots=True)
class Concluded:
    """A verdict and why it is no other."""

    verdict: Verdict
    reason: Reason
    message: str


def conclude(seen: Seen, name: str) -> Concluded:
    """Return the verdict on a node, with the reason that decided it."""
    node = facts.readable(seen, name)
    if node is not None and name != seen.status.active_node:
        return Concluded(Verdict.HEALTHY, Reason.ANSWERS, f"{name} answers")
    if node is not None:
        if node.replica.mirror is not None and node.replica.mirror.is_frozen:
            return Concluded(Verdict.SICK, Reason.MIRROR_FROZEN, f"{name} waits for its mirror's peer and cannot write")
        if seen.runs_everything(node):
            return Concluded(Verdict.HEALTHY, Reason.ANSWERS, f"{name} runs its services")
        return Concluded(Verdict.SICK, Reason.SERVICE_DOWN, f"{name} lives and does not run everything")
    return _unreadable(seen, name)


def _unreadable(seen: Seen, name: str) -> Concluded:
    if seen.operator_is_isolated:
        return _uncertain(Reason.OBSERVER_ISOLATED, "the operator reaches nothing at all")
    votes = [vote for vote in seen.votes if vote.node == name]
    for vote in votes:
        if vote.vote is Vote.ALIVE:
            return _uncertain(Reason.SEEN_ALIVE, f"{vote.vantage_point} sees {name}: {vote.message}")
    for vote in votes:
        if vote.vote is Vote.SICK:
            text = f"{vote.vantage_point} sees {name}, alive but sick: {vote.message}"
            return Concluded(Verdict.SICK, vote.reason, text)
    node = seen.nodes.get(name)
    if isinstance(node, Unknown) and node.reason in SIGNS_OF_LIFE:
        return _uncertain(Reason.SEEN_ALIVE, f"{name} answers and cannot be read: {node.message}")
    return _silent(seen, name, dead=[vote for vote in votes if vote.vote is Vote.DEAD])


def _silent(seen: Seen, name: str, *, dead: list[VoteSeen]) -> Concluded:
    """Return the verdict on a node that nobody sees alive."""
    if len(dead) < VANTAGE_POINTS_NEEDED:
        return _uncertain(Reason.TOO_FEW_VOTES, f"{len(dead)} fresh votes say that {name} is dead")
    detection = seen.spec.detection
    if min(vote.for_seconds for vote in dead) < detection.down_for_seconds:
        text = f"{name} is dead to all for less than {detection.down_for_seconds} s"
        return _uncertain(Reason.NOT_DOWN_LONG_ENOUGH, text)
    if min(vote.times for vote in dead) < detection.misses_needed:
        text = f"{name} was dead to all in fewer than {detection.misses_needed} looks in a row"
        return _uncertain(Reason.NOT_DOWN_LONG_ENOUGH, text)
    if seen.grace is not None:
        return _uncertain(seen.grace.reason, seen.grace.message)
    names = " and ".join(vote.vantage_point for vote in dead)
    return Concluded(Verdict.DOWN, Reason.OUTAGE_CONCLUDED, f"{names} agree: {name} is down")


def conclude_service(seen: Seen) -> Concluded:
    """Return the verdict on the service, with the reason that decided it.

    It is Sick where the node does not run everything or has no room left to write, or where who asks the service
    itself was told so for the whole of `downForSeconds`, and nobody who asks it is answered well.
    """
    active = seen.status.active_node
    if active is None:
        return _uncertain(Reason.NOT_YET_KNOWN, "no node is active")
    node, found = facts.readable(seen, active), conclude(seen, active)
    if node is None:
        return found
    if found.verdict is not Verdict.HEALTHY:
        # Between a boot and the last service's start a service that is down is no news.
        return found if seen.grace is None else _uncertain(seen.grace.reason, f"{found.message}; {seen.grace.message}")
    if node.disk_free_bytes is not None and node.disk_free_bytes < FULL_BYTES:
        return Concluded(Verdict.SICK, Reason.DISK_FULL, f"{active} has no room left where the data is")
    return _asked(seen, active, node) or _reached(seen) or found


def _asked(seen: Seen, active: str, node: NodeSeen) -> Concluded | None:
    """Return what those say who ask the service itself, where that is not well."""
    asked = [
        vote
        for vote in seen.votes
        if vote.node == active and vote.vantage_point not in SEES_NO_SERVICE and vote.vote is not Vote.UNKNOWN
    ]
    if not asked or any(vote.vote is Vote.ALIVE for vote in asked):
        return None
    shortest = min(vote.for_seconds for vote in asked)
    if shortest < seen.spec.detection.down_for_seconds or min(vote.times for vote in asked) < (
        seen.spec.detection.misses_needed
    ):
        return None
    sick = next((vote for vote in asked if vote.vote is Vote.SICK), asked[0])
    return Concluded(Verdict.SICK, sick.reason, f"{node.name} lives; {sick.vantage_point}: {sick.message}")


def _reached(seen: Seen) -> Concluded | None:
    """Return what is not known of how clients get there."""
    for item in seen.traffic:
        if isinstance(item, Unknown):
            return _uncertain(Reason.TRAFFIC_UNPROVEN, item.message)
    return None


def _uncertain(reason: Reason, message: str) -> Concluded:
    return Concluded(Verdict.UNCERTAIN, reason, message)
