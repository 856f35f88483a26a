"""What is tried beside the pair: a start on a copy, a restore of a backup, on the standby and out of reach; pure.

The law of this file: nothing that serves is touched and nothing is decided from a result. A test is written down before
it is begun, begins only at rest on a standby that has nothing else to do, and gives way to everything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.model.decision import Decision, Record
from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import (
    Rehearsal,
    RehearsalKind,
    RehearsalResult,
    beside,
    last_ended,
    noted,
)
from maestro_operator.model.seen import NodeSeen

if TYPE_CHECKING:
    from maestro_operator.model.pair import Answer
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

KINDS = {Say.TEST_START: RehearsalKind.START_TEST, Say.TEST_RESTORE: RehearsalKind.RESTORE_TEST}
AGAIN_AFTER = timedelta(days=1)
"""A start test that failed is made again after so long, where people want one less often."""
GIVEN_UP_AFTER_SECONDS = 600
"""What a test may take beyond its own limit, before nobody waits for its result any more."""


def rehearse(seen: Seen) -> Decision | None:
    """Write down how a test beside the pair ended, or that one begins, where nothing else is to be done."""
    found = beside(seen.status.rehearsals)
    if found is not None:
        return _ended(seen, found)
    word = _asked(seen)
    if word is not None:
        return _begin_asked(seen, word)
    return _begin_due(seen)


def _asked(seen: Seen) -> Answer | None:
    words = (facts.answer(seen, entry.id, *KINDS) for entry in seen.status.history)
    return next((word for word in words if word is not None), None)


def _begin_asked(seen: Seen, word: Answer) -> Record:
    """Take the word: the test begins, or it is said why not."""
    kind = KINDS[word.say]
    new = _new(seen, kind, name=word.of or _name(seen), by=word.by)
    taken = journal.take_answer(seen.status, word)
    against = _against(seen, kind)
    if against is None:
        return _begun(seen, taken, new)
    text = f"{_words(new)} is refused: {against}"
    return Record(
        _closed(taken, new, RehearsalResult.REFUSED, message=against, now=seen.now), Reason.REHEARSAL_REFUSED, text
    )


def _begin_due(seen: Seen) -> Record | None:
    """Begin a start test of its own accord, where people want one and its day has come."""
    test = seen.spec.rehearsals.start_test if seen.spec.rehearsals else None
    if test is None or _against(seen, RehearsalKind.START_TEST) is not None:
        return None
    last = last_ended(seen.status.rehearsals, RehearsalKind.START_TEST)
    every = timedelta(days=test.every_days)
    if last is not None and last.finished_at is not None:
        wait = every if last.result is RehearsalResult.PASSED else min(every, AGAIN_AFTER)
        if datetime.fromisoformat(seen.now) - datetime.fromisoformat(last.finished_at) < wait:
            return None
    return _begun(seen, seen.status, _new(seen, RehearsalKind.START_TEST, name=_name(seen), by=None))


def _against(seen: Seen, kind: RehearsalKind) -> str | None:
    """Return why no test of this kind begins now, or None."""
    standby = facts.other_name(seen, seen.status.active_node or "")
    node = seen.nodes.get(standby)
    if seen.spec.replication.rsync is None:
        return f"copies are made by rsync alone, and this pair has {seen.spec.replication.driver}"
    if not isinstance(node, NodeSeen) or not facts.receives(seen, standby) or not facts.cannot_write(node):
        return f"{standby} is no standby at rest now"
    if kind is RehearsalKind.RESTORE_TEST:
        return None if node.replica.backups else f"{standby} keeps no backup"
    if seen.spec.rehearsals is None or seen.spec.rehearsals.start_test is None:
        return "spec.rehearsals.startTest is not set: write what it needs there"
    return None if node.replica.is_whole else f"{standby} has no whole copy"


def _ended(seen: Seen, test: Rehearsal) -> Record | None:
    """Return how a test ended, as this operator saw it; None while it goes on."""
    tried = seen.rehearsed
    if tried is not None and tried.id == test.id:
        result = RehearsalResult.PASSED if tried.passed else RehearsalResult.FAILED
        because = Reason.ALL_GOOD if tried.passed else _failed_because(test)
        return _recorded(seen, test, result, because=because, message=tried.message)
    standby = facts.other_name(seen, seen.status.active_node or "")
    if seen.status.active_node != test.node:
        text = f"{seen.status.active_node} is active by now; it is made anew on {standby}"
        return _recorded(seen, test, RehearsalResult.ENDED, because=Reason.REHEARSAL_ENDED, message=text)
    limit = timedelta(seconds=limit_seconds(seen, test) + GIVEN_UP_AFTER_SECONDS)
    if datetime.fromisoformat(seen.now) - datetime.fromisoformat(test.started_at) > limit:
        text = f"{standby} gave no result in time"
        return _recorded(seen, test, RehearsalResult.FAILED, because=_failed_because(test), message=text)
    return None


def limit_seconds(seen: Seen, test: Rehearsal) -> int:
    """Return how long a test may take by what people wrote; none of a spec that names no such test any more."""
    spec = seen.spec
    if test.kind is RehearsalKind.RESTORE_TEST:
        return spec.backup.restore_test.timeout_seconds if spec.backup and spec.backup.restore_test else 0
    return spec.rehearsals.start_test.timeout_seconds if spec.rehearsals and spec.rehearsals.start_test else 0


def _failed_because(test: Rehearsal) -> Reason:
    is_start = test.kind is RehearsalKind.START_TEST
    return Reason.START_TEST_FAILED if is_start else Reason.RESTORE_TEST_FAILED


def _new(seen: Seen, kind: RehearsalKind, *, name: str, by: str | None) -> Rehearsal:
    return Rehearsal(id=name, kind=kind, node=seen.status.active_node or "", started_at=seen.now, by=by)


def _name(seen: Seen) -> str:
    return f"start-{''.join(sign for sign in seen.now if sign.isdigit())[:14]}"


def _words(test: Rehearsal) -> str:
    return f"{'start' if test.kind is RehearsalKind.START_TEST else 'restore'} test {test.id}"


def _begun(seen: Seen, status: PairStatus, test: Rehearsal) -> Record:
    new = status.model_copy(update={"rehearsals": noted(seen.status.rehearsals, test)})
    standby = facts.other_name(seen, test.node)
    return Record(new, Reason.REHEARSING, f"{_words(test)} begins on {standby}, out of reach of everything")


def _recorded(seen: Seen, test: Rehearsal, result: RehearsalResult, *, because: Reason, message: str) -> Record:
    status = _closed(seen.status, test, result, message=message, now=seen.now)
    return Record(status, because, f"{_words(test)}: {result}: {message}")


def _closed(status: PairStatus, test: Rehearsal, result: RehearsalResult, *, message: str, now: str) -> PairStatus:
    ended = test.model_copy(update={"result": result, "message": message[: journal.MESSAGE_KEPT], "finished_at": now})
    return status.model_copy(update={"rehearsals": noted(status.rehearsals, ended)})
