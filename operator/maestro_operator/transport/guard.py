"""The guard on a node: spoken to in its own words, its answer as an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.transport.answers import outcome_of
from maestro_operator.transport.bundle import scripted

if TYPE_CHECKING:
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.seen import Unknown
    from maestro_operator.transport.session import Completed

_REFUSALS = {
    "ForeignPair": Reason.FOREIGN_PAIR,
    "LowerTerm": Reason.LOWER_TERM,
}


def guard_words(*words: str) -> tuple[str, ...]:
    """Return the command that says these words to the guard of a node."""
    return scripted("order", *words)


def guard_outcome(answer: Completed | Unknown, *, what: str) -> Outcome:
    """Return what the guard's answer means; its word for a refusal is kept."""
    return outcome_of(answer, what=what, refusals=_REFUSALS, otherwise=Reason.REFUSED_BY_GUARD)
