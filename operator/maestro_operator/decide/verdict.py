"""What the votes and the readings together say of the active side.

The law of this file: Down needs every fresh vantage point, at least two of them, saying dead for
the whole of `downForSeconds`, a node that cannot be read, and an operator that is not itself cut
off. Everything less is Uncertain, and Uncertain never moves anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Vote

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen

VANTAGE_POINTS_NEEDED = 2


class Verdict(StrEnum):
    """What is concluded of one node."""

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
        if seen.runs_everything(node):
            return Concluded(Verdict.HEALTHY, Reason.ANSWERS, f"{name} runs its services")
        return Concluded(Verdict.SICK, Reason.SERVICE_DOWN, f"{name} lives and does not run everything")
    return _unreadable(seen, name)


def _unreadable(seen: Seen, name: str) -> Concluded:
    if seen.operator_is_isolated:
        return _uncertain(Reason.OBSERVER_ISOLATED, "the operator reaches nothing at all")
    votes = [vote for vote in seen.votes if vote.node == name]
    for vote in votes:
        if vote.vote in (Vote.ALIVE, Vote.SICK):
            return _uncertain(Reason.SEEN_ALIVE, f"{vote.vantage_point} sees {name}: {vote.message}")
    dead = [vote for vote in votes if vote.vote is Vote.DEAD]
    if len(dead) < VANTAGE_POINTS_NEEDED:
        return _uncertain(Reason.TOO_FEW_VOTES, f"{len(dead)} fresh votes say that {name} is dead")
    shortest = min(vote.for_seconds for vote in dead)
    wanted = seen.spec.detection.down_for_seconds
    if shortest < wanted:
        return _uncertain(Reason.NOT_DOWN_LONG_ENOUGH, f"{name} is dead to all for less than {wanted} s")
    names = " and ".join(vote.vantage_point for vote in dead)
    return Concluded(Verdict.DOWN, Reason.OUTAGE_CONCLUDED, f"{names} agree: {name} is down")


def _uncertain(reason: Reason, message: str) -> Concluded:
    return Concluded(Verdict.UNCERTAIN, reason, message)
