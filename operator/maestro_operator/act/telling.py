"""How a step ended, in one line of the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Outcome

if TYPE_CHECKING:
    from maestro_operator.model.decision import Perform

log = logging.getLogger(__name__)


def log_outcome(action: Perform, outcome: Outcome, seconds: float) -> None:
    """Log one line about an attempt of a step; what is not done is a warning."""
    good = isinstance(outcome, Done)
    log.log(
        logging.INFO if good else logging.WARNING,
        "%s of %s: %s in %.3f s%s",
        action.step,
        action.episode.id,
        type(outcome).__name__,
        seconds,
        "" if isinstance(outcome, Done) else f": {outcome.message}",
        extra={
            "episode": action.episode.id,
            "step": action.step.value,
            "outcome": type(outcome).__name__,
            "seconds": round(seconds, 3),
        },
    )
