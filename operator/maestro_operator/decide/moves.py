"""How a pair at rest begins a move, by whose word, and when it begins none.

The law of this file: pure. The operator moves by itself once, and not again before people have seen it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.decide import brakes, facts, journal
from maestro_operator.decide.verdict import Verdict, conclude
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.pair import OnFailure, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import HistoryEntry

MOVES = (EpisodeKind.SWITCHOVER, EpisodeKind.FAILOVER)
COUNT_AS_MOVES = (*MOVES, EpisodeKind.MIGRATE)
MAKES_EPOCH = (*MOVES, EpisodeKind.RENEW, EpisodeKind.RESTORE)
FLAPPING_MOVES = 2
FLAPPING_WINDOW = timedelta(hours=1)
OWN_WAYS = (journal.WENT_BACK, journal.DRILL)
"""Triggers of switchovers that nobody ordered for good."""
GO_BACK_WITHIN = timedelta(minutes=10)
"""What was served for longer is not left by the operator itself: people have long begun to use it."""


def go_back(seen: Seen) -> Decision | None:
    """Switch back once after an ordered switchover whose checks failed for good, where the resource says so.

    The other side must be a whole and young standby: the way back is a switchover like any other, without loss. An
    earlier move by the operator itself that nobody acknowledged, or that is too recent, keeps it from this one.
    """
    status = seen.status
    last = next((entry for entry in status.history if entry.kind in MOVES), None)
    if last is None or seen.spec.verification_policy.on_failure is not OnFailure.GO_BACK:
        return None
    failed = any(step.name is StepName.VERIFY and step.state == "Failed" for step in last.steps)
    is_ordered = last.kind is EpisodeKind.SWITCHOVER and last.trigger not in OWN_WAYS and last.result == "Done"
    is_there = last.target == status.active_node == seen.spec.active_node
    age = datetime.fromisoformat(seen.now) - datetime.fromisoformat(last.finished_at)
    if not (failed and is_ordered and is_there and age <= GO_BACK_WITHIN):
        return None
    blocked = seen.block_remaining_seconds > 0
    if (
        blocked
        or brakes.standby_able(seen, last.target, kind=EpisodeKind.SWITCHOVER) is not None
        or brakes.out_of_sync(seen) is not None
    ):
        return None
    return begin_move(seen, EpisodeKind.SWITCHOVER, trigger=journal.WENT_BACK)


def kind_of_move(seen: Seen) -> EpisodeKind:
    """Return what an order becomes: a failover where the active side is down, and a virtual machine's own move."""
    if seen.spec.machine is not None:
        return EpisodeKind.MIGRATE
    down = conclude(seen, seen.status.active_node or "").verdict is Verdict.DOWN
    return EpisodeKind.FAILOVER if down else EpisodeKind.SWITCHOVER


def begin_move(seen: Seen, kind: EpisodeKind, *, trigger: str, order: str | None = None) -> Record:
    """Return the write that begins a move to the other node."""
    active = seen.status.active_node or ""
    down_since = None
    if kind is EpisodeKind.FAILOVER:
        dead = max((vote.for_seconds for vote in seen.votes if vote.node == active), default=0.0)
        down_since = (datetime.fromisoformat(seen.now) - timedelta(seconds=dead)).isoformat()
    target = facts.other_name(seen, active)
    return begin(seen, kind, target=target, trigger=trigger, order=order, down_since=down_since)


def begin(
    seen: Seen,
    kind: EpisodeKind,
    *,
    target: str,
    trigger: str,
    order: str | None = None,
    down_since: str | None = None,
) -> Record:
    """Return the write that begins an episode."""
    episode = journal.begin(
        seen,
        kind,
        target=target,
        trigger=trigger,
        epoch=facts.next_epoch(seen) if kind in MAKES_EPOCH else None,
        order=order,
        down_since=down_since,
    )
    status = seen.status.model_copy(update={"episode": episode})
    text = f"{kind} to {target} begins: {trigger}"
    return Record(status=status, because=Reason.ORDERED, message=text)


def is_drill(entry: HistoryEntry) -> bool:
    """Tell whether it was one way of a drill: a person asked for both together."""
    return entry.kind is EpisodeKind.SWITCHOVER and entry.trigger == journal.DRILL


def flapping(seen: Seen) -> Hold | None:
    """Return the hold of a third move within an hour that nobody acknowledged."""
    since = datetime.fromisoformat(seen.now) - FLAPPING_WINDOW
    moves: list[HistoryEntry] = [
        entry
        for entry in seen.status.history
        if entry.kind in COUNT_AS_MOVES
        and entry.result == "Done"
        and not is_drill(entry)
        and datetime.fromisoformat(entry.finished_at) > since
    ]
    if len(moves) < FLAPPING_MOVES:
        return None
    word = {(item.episode, item.say) for item in seen.status.taken_answers}
    if (moves[0].id, Say.ACKNOWLEDGE.value) in word:
        return None
    text = f"the third move within an hour; answer {{episode: {moves[0].id}, say: Acknowledge}} or wait"
    return Hold(Reason.FLAPPING, text)
