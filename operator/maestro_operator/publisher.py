"""Where turns are seen from outside: metrics, one event a change, one log line a change."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Literal, assert_never

from maestro_operator.model.decision import Decided, Hold, Perform, Record, Steady
from maestro_operator.model.recorded import DECISION, LOOK, LOOK_LENGTH, digest, to_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.kube.events import EventRecorder
    from maestro_operator.metrics import PairMetrics
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus
    from maestro_operator.statuspage.board import Board

log = logging.getLogger(__name__)

Kind = Literal["Normal", "Warning"]
AGAIN_SECONDS = 1500.0
"""What did not change is an event again after so long: an API server forgets events after an hour."""


class Announcer:
    """Publishes the turns of every pair; what did not change is not logged again, and seldom an event.

    The event that says what was decided carries the look that it was decided from.
    """

    def __init__(self, *, metrics: PairMetrics, events: EventRecorder, board: Board | None = None) -> None:
        """Keep where to publish; without a board there is no status page."""
        self._metrics = metrics
        self._board = board
        self._events = events
        self._said: dict[str, tuple[tuple[str, ...], float]] = {}

    async def publish(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Publish what a turn saw and decided; nothing is waited for."""
        self._metrics.show(seen, decided, status)
        if self._board is not None:
            self._board.show(seen, status)
        kind, reason, note = _words(decided)
        # What holds may word its message anew at every look; its reason is the news.
        said = (decided.rule, reason) if kind == "Warning" else (decided.rule, reason, note)
        before, at_seconds = self._said.get(seen.key.uid, ((), 0.0))
        if before == said and seen.monotonic_seconds - at_seconds < AGAIN_SECONDS:
            return
        self._said[seen.key.uid] = said, seen.monotonic_seconds
        if before != said:
            log.log(
                logging.WARNING if kind == "Warning" else logging.INFO,
                "%s: %s: %s",
                seen.key,
                reason,
                note,
                extra={"pair": str(seen.key), "rule": decided.rule, "reason": reason},
            )
        if seen.leadership.has_lease:
            look = _look(seen, decided)
            self._events.record(seen.key, kind=kind, reason=reason, action=decided.rule, note=note, annotations=look)

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        """Count a turn, also one that ended in a surprise."""
        self._metrics.count_turn(key, seconds=seconds, failed=failed)

    def forget(self, key: PairKey) -> None:
        """Forget a pair that is gone."""
        self._said.pop(key.uid, None)
        self._metrics.forget(key)
        if self._board is not None:
            self._board.forget(key)


def _look(seen: Seen, decided: Decided) -> Mapping[str, str]:
    """Return what an event keeps of a decision: the look, and a word for what was made of it; else nothing."""
    try:
        told = json.dumps(to_plain(seen))
        found = {LOOK: told, DECISION: digest(decided.decision)}
    except Exception:
        log.exception("%s: the look that %s decided from could not be written down", seen.key, decided.rule)
        return {}
    if len(told) > LOOK_LENGTH:
        log.warning("%s: the look that %s decided from is too long to be kept", seen.key, decided.rule)
        return {}
    return found


def _words(decided: Decided) -> tuple[Kind, str, str]:
    """Return an event's type, reason and note."""
    decision = decided.decision
    match decision:
        case Hold():
            return "Warning", decision.reason.value, decision.message
        case Steady():
            return "Normal", decision.reason.value, decision.message
        case Record() | Perform():
            return "Normal", decision.because.value, decision.message
        case _:
            assert_never(decision)
