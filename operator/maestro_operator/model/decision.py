"""What one look at the world leads to: nothing, a wait with its reason, or one action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.proof import Proof
    from maestro_operator.model.reasons import Reason
    from maestro_operator.model.status import Episode, Loss, PairStatus
    from maestro_operator.model.steps import StepName


@dataclass(frozen=True, slots=True)
class Steady:
    """Everything is as ordered."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Something is held back, and this is why and what a person can do."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write this status, with no effect on any node."""

    status: PairStatus
    because: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Perform:
    """Write `status`, whose journal has `step` running, and then perform the step.

    `status` is complete: the intent, the results of the step before it, and for a promotion the
    new owner, epoch and proof, all in the one compare-and-swap that law 9 asks for.
    """

    step: StepName
    episode: Episode
    status: PairStatus
    because: Reason
    message: str
    proof: Proof | None = None
    """The proof for the other node; the act of promoting refuses to run without it."""
    loss: Loss | None = None


Decision = Steady | Hold | Record | Perform


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, one word of four, and why it is no other."""

    verdict: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules make of one look, whatever they decide; the report shows it."""

    verdicts: Mapping[str, str]
    """Node name to Healthy, Sick, Down or Uncertain."""
    reasons: Mapping[str, Reason]
    """Node name to why the verdict is no other."""
    service: Judged
    """The verdict on the service of the active node."""
    no_outage: Hold | None
    """Why the active side does not count as down, None where it does."""
    brakes: tuple[Hold, ...]
    """Everything that would hold an automatic failover back, in order."""
    peer_not_ready: Hold | None
    out_of_sync: Hold | None
    fencing_ready: Mapping[str, bool]
    planned: str | None = None
    """What would be done now, where management is Observe."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision, the name of the rule that made it, and what was made of the look."""

    rule: str
    decision: Decision
    assessment: Assessment
