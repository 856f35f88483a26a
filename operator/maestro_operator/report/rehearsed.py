"""Whether the pair was tried lately: what people see of its rehearsals; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import RehearsalKind, RehearsalResult, last_ended, last_passed, under_way

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

LATE_FACTOR = 2
"""A test that was due is not late before the next one would be."""
Answer = tuple[Literal["True", "False", "Unknown"], Reason, str]


def is_drilling(status: PairStatus) -> bool:
    """Tell whether a drill is under way, and no episode of another kind."""
    episode = status.episode
    is_its_own = episode is None or any(
        leg.episode == episode.id for item in status.rehearsals for leg in item.legs if item.result is None
    )
    return is_its_own and under_way(status.rehearsals) is not None


def drill_recent(seen: Seen, status: PairStatus) -> Answer:
    """A drill passed within the days that spec.rehearsals names."""
    days = seen.spec.rehearsals.drill_within_days if seen.spec.rehearsals else None
    if days is None:
        return "Unknown", Reason.NOT_CONFIGURED, "spec.rehearsals.drillWithinDays is not set: nobody waits for a drill"
    last = last_passed(status.rehearsals, RehearsalKind.DRILL)
    if last is None or last.finished_at is None:
        return "False", Reason.NEVER_REHEARSED, "no drill passed yet"
    if datetime.fromisoformat(seen.now) - datetime.fromisoformat(last.finished_at) > timedelta(days=days):
        text = f"the last drill that passed ended at {last.finished_at}, more than {days} days ago"
        return "False", Reason.REHEARSAL_OVERDUE, text
    return "True", Reason.ALL_GOOD, f"drill {last.id} passed at {last.finished_at}"


def start_tested(seen: Seen, status: PairStatus) -> Answer:
    """The services were started lately on a copy of the standby's data, and every check passed."""
    test = seen.spec.rehearsals.start_test if seen.spec.rehearsals else None
    if test is None:
        return "Unknown", Reason.NOT_CONFIGURED, "spec.rehearsals.startTest is not set: no start is tested"
    last = last_ended(status.rehearsals, RehearsalKind.START_TEST)
    if last is None or last.finished_at is None:
        return "False", Reason.NEVER_REHEARSED, "no start was tested yet"
    if last.result is RehearsalResult.FAILED:
        return "False", Reason.START_TEST_FAILED, f"start test {last.id}: {last.message}"
    days = LATE_FACTOR * test.every_days
    if datetime.fromisoformat(seen.now) - datetime.fromisoformat(last.finished_at) > timedelta(days=days):
        text = f"the last start test that passed ended at {last.finished_at}, more than {days} days ago"
        return "False", Reason.REHEARSAL_OVERDUE, text
    return "True", Reason.ALL_GOOD, f"start test {last.id}: {last.message}"
