"""Where turns are seen from outside: metrics, one event a change, one log line a change."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal, assert_never

from maestro_operator.model.decision import Decided, Hold, Perform, Record, Steady

if TYPE_CHECKING:
    from maestro_operator.kube.events import EventRecorder
    from maestro_operator.metrics import PairMetrics
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

log = logging.getLogger(__name__)

Kind = Literal["Normal", "Warning"]


class Announcer:
    """Publishes the turns of every pair; what did not change is not said again."""

    def __init__(self, *, metrics: PairMetrics, events: EventRecorder) -> None:
        """Keep where to publish."""
        self._metrics = metrics
        self._events = events
        self._said: dict[str, tuple[str, ...]] = {}

    async def publish(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Publish what a turn saw and decided; nothing is waited for."""
        self._metrics.show(seen, decided, status)
        kind, reason, note = _words(decided)
        # What holds may word its message anew at every look; its reason is the news.
        said = (decided.rule, reason) if kind == "Warning" else (decided.rule, reason, note)
        if self._said.get(seen.key.uid) == said:
            return
        self._said[seen.key.uid] = said
        log.log(
            logging.WARNING if kind == "Warning" else logging.INFO,
            "%s: %s: %s",
            seen.key,
            reason,
            note,
            extra={"pair": str(seen.key), "rule": decided.rule, "reason": reason},
        )
        if seen.leadership.has_lease:
            self._events.record(seen.key, kind=kind, reason=reason, action=decided.rule, note=note)

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        """Count a turn, also one that ended in a surprise."""
        self._metrics.count_turn(key, seconds=seconds, failed=failed)

    def forget(self, key: PairKey) -> None:
        """Forget a pair that is gone."""
        self._said.pop(key.uid, None)
        self._metrics.forget(key)


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
