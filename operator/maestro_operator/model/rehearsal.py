"""Rehearsals: what is tried before it is needed, how often people want it, and how it went."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from maestro_operator.model.resource import ResourceValue

REHEARSALS_KEPT = 3
"""So many are kept, beside the last one that passed."""


class Rehearsals(ResourceValue):
    """How often the pair is tried, as people want it."""

    drill_within_days: int | None = None
    """The condition DrillRecent is False when the last drill that passed is older; without it nobody is told."""


class RehearsalKind(StrEnum):
    """What is tried."""

    DRILL = "Drill"
    """A planned switchover there and back."""


class RehearsalResult(StrEnum):
    """How a rehearsal ended."""

    PASSED = "Passed"
    FAILED = "Failed"
    ENDED = "Ended"
    """Something else came in between: an order, an outage."""
    REFUSED = "Refused"
    """Nothing was begun."""


class Leg(ResourceValue):
    """One way of a drill: a switchover, and what it cost."""

    episode: str
    target: str
    lag_seconds: float | None = None
    """How old the copy on its target was when it was begun."""
    result: Literal["Done", "RolledBack", "Abandoned"] | None = None
    seconds: float | None = None
    downtime_seconds: float | None = None
    is_verified: bool | None = None
    """Whether the checks after the start passed; without any, nothing is said."""


class Rehearsal(ResourceValue):
    """One rehearsal, under way as long as it has no result."""

    id: str
    kind: RehearsalKind
    node: str
    """The node that was active when it was begun."""
    started_at: str
    by: str | None = None
    finished_at: str | None = None
    result: RehearsalResult | None = None
    message: str | None = None
    legs: tuple[Leg, ...] = ()


def under_way(rehearsals: tuple[Rehearsal, ...]) -> Rehearsal | None:
    """Return the drill under way, or None."""
    return next((item for item in rehearsals if item.result is None), None)


def last_passed(rehearsals: tuple[Rehearsal, ...]) -> Rehearsal | None:
    """Return the newest that passed, or None for never."""
    return next((item for item in rehearsals if item.result is RehearsalResult.PASSED), None)


def noted(rehearsals: tuple[Rehearsal, ...], new: Rehearsal) -> tuple[Rehearsal, ...]:
    """Return the rehearsals with a new one, or a newer word on one, newest first and no more than are kept."""
    found = (new, *(item for item in rehearsals if item.id != new.id))
    passed = last_passed(found)
    return tuple(item for at, item in enumerate(found) if at < REHEARSALS_KEPT or item is passed)
