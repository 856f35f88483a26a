"""Rehearsals: what is tried before it is needed, how often people want it, and how it went."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from maestro_operator.model.resource import ResourceValue

REHEARSALS_KEPT = 3
"""So many of a kind are kept, beside the last one that passed."""


class StartTest(ResourceValue):
    """The services are started on a copy of the standby's data, out of reach of everything, checked and thrown away."""

    every_days: int = 7
    timeout_seconds: int = 900
    """Of one test, from its copy to its last check; the node ends it then, whoever is gone."""
    bounces: tuple[str, ...] = ()
    """Mail addresses that nobody has there: a message to one comes back to its sender as from a server far away."""
    names: tuple[str, ...] = ()
    """Names of the world outside that the services have to find, as a mail relay's; each is the mail sink there."""


class Rehearsals(ResourceValue):
    """How often the pair is tried, as people want it."""

    start_test: StartTest | None = None
    """Made by the operator, on the standby, while the pair is at rest."""

    drill_within_days: int | None = None
    """The condition DrillRecent is False when the last drill that passed is older; without it nobody is told."""


class RehearsalKind(StrEnum):
    """What is tried."""

    DRILL = "Drill"
    """A planned switchover there and back."""
    START_TEST = "StartTest"
    """The services on a copy of the standby's data, out of reach of everything."""
    RESTORE_TEST = "RestoreTest"
    """One that a person asked for; those of the node's own schedule are told by the node."""


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


BESIDE = (RehearsalKind.START_TEST, RehearsalKind.RESTORE_TEST)
"""What is tried beside the pair that serves, and moves nothing."""


def under_way(rehearsals: tuple[Rehearsal, ...]) -> Rehearsal | None:
    """Return the drill under way, or None."""
    return next((item for item in rehearsals if item.result is None and item.kind not in BESIDE), None)


def beside(rehearsals: tuple[Rehearsal, ...]) -> Rehearsal | None:
    """Return what is being tried beside the pair, or None."""
    return next((item for item in rehearsals if item.result is None and item.kind in BESIDE), None)


def last_ended(rehearsals: tuple[Rehearsal, ...], kind: RehearsalKind) -> Rehearsal | None:
    """Return the newest of a kind that said something of the pair: it passed or failed; None for never."""
    said = (RehearsalResult.PASSED, RehearsalResult.FAILED)
    return next((item for item in rehearsals if item.kind is kind and item.result in said), None)


def last_passed(rehearsals: tuple[Rehearsal, ...], kind: RehearsalKind) -> Rehearsal | None:
    """Return the newest of a kind that passed, or None for never."""
    return next((item for item in rehearsals if item.kind is kind and item.result is RehearsalResult.PASSED), None)


def noted(rehearsals: tuple[Rehearsal, ...], new: Rehearsal) -> tuple[Rehearsal, ...]:
    """Return the rehearsals with a new one, or a newer word on one, newest first, of each kind as many as are kept."""
    found = (new, *(item for item in rehearsals if (item.kind, item.id) != (new.kind, new.id)))
    kept = [
        item
        for kind in RehearsalKind
        for at, item in enumerate([it for it in found if it.kind is kind])
        if at < REHEARSALS_KEPT or item is last_passed(found, kind)
    ]
    return tuple(item for item in found if item in kept)
