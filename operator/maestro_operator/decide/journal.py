"""The journal's moves: each takes a status and gives the next one, whole.

The law of this file: an episode begins, goes on and ends in `status` alone; the one write that
carries Promote's, Adopt's or Renew's intent is the one that changes owner and epoch (laws 3, 9).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from maestro_operator.decide import facts
from maestro_operator.model.decision import Perform, Record
from maestro_operator.model.outcome import Failed, InProgress, Refused
from maestro_operator.model.pair import Say
from maestro_operator.model.status import (
    Alone,
    AutomaticMove,
    Episode,
    Epoch,
    EpochMark,
    FrozenNode,
    HistoryEntry,
    HistoryStep,
    StepRecord,
    TakenAnswer,
)
from maestro_operator.model.steps import DEADLINE_SECONDS, STEPS, EpisodeKind, StepName

if TYPE_CHECKING:
    from maestro_operator.model.pair import Answer
    from maestro_operator.model.proof import Proof
    from maestro_operator.model.reasons import Reason
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

HISTORY_KEPT = 10
MESSAGE_KEPT = 1024
KEEPS_EPOCH = (
    EpisodeKind.REJOIN,
    EpisodeKind.RESTART,
    EpisodeKind.SEPARATE,
    EpisodeKind.STANDBY_LOST,
    EpisodeKind.DISCARD,
)
"""Kinds that give a node the epoch in force, and make no new one."""
AUTOMATIC = "Automatic"
WENT_BACK = "VerificationFailed"
"""The trigger of a switchover that the operator began by itself, because the checks after the last one failed."""
DRILL = "Drill"
"""The trigger of both ways of a drill."""
CHANGES_OWNER = (StepName.PROMOTE, StepName.ADOPT, StepName.SWAP_PERMIT)
RAISES = (StepName.RAISE, StepName.SWAP_PERMIT, StepName.STORE_EPOCH)


def begin(
    seen: Seen,
    kind: EpisodeKind,
    *,
    target: str,
    trigger: str,
    epoch: int | None = None,
    order: str | None = None,
    down_since: str | None = None,
    named: str | None = None,
) -> Episode:
    """Return a new episode, its target and devices frozen, with no step begun.

    Without an `epoch` the one in force goes on. `named` is the id by which a person already spoke of it.
    """
    if epoch is None:
        in_force = seen.status.epoch.in_force
        epoch = in_force.number if in_force else 0
    stamp = "".join(digit for digit in seen.now if digit.isdigit())[:17]
    return Episode(
        id=named or f"{kind.lower()}-{epoch}-{stamp}",
        kind=kind,
        source=facts.other_name(seen, target),
        target=target,
        trigger=trigger,
        started_at=seen.now,
        epoch=epoch,
        step=STEPS[kind][0],
        frozen=tuple(_frozen(seen, name) for name in seen.spec.names),
        order=order,
        down_since=down_since,
    )


def _frozen(seen: Seen, name: str) -> FrozenNode:
    node, reading = seen.spec.node(name), seen.nodes.get(name)
    return FrozenNode(
        name=name,
        address=seen.spec.reached_at(name),
        ssh=node.ssh,
        machine_id=getattr(reading, "machine_id", None),
        fencing=node.fencing,
    )


def intend(
    seen: Seen,
    episode: Episode,
    step: StepName,
    *,
    because: Reason,
    message: str,
    proof: Proof | None = None,
) -> Perform:
    """Return the action whose one write makes `step` the running one, and then performs it."""
    record = _running(seen, episode, step)
    kept = tuple(item for item in episode.steps if item.name is not step)
    updated = episode.model_copy(update={"step": step, "steps": (*kept, record), "proof": proof or episode.proof})
    status = seen.status.model_copy(update={"episode": updated})
    mark = EpochMark(number=episode.epoch, owner=episode.target, episode=episode.id)
    if step in RAISES and episode.kind not in KEEPS_EPOCH:
        status = status.model_copy(update={"epoch": Epoch(promised=mark, in_force=status.epoch.in_force)})
    if step is StepName.STANDBY_LOST:
        status = status.model_copy(update={"alone": Alone(epoch=episode.epoch, since=seen.now)})
    if step in CHANGES_OWNER:
        status = status.model_copy(
            update={
                "active_node": episode.target,
                "epoch": Epoch(promised=mark, in_force=mark),
                "observed_active_node": episode.order or status.observed_active_node or seen.spec.active_node,
            }
        )
    return Perform(
        step=step,
        episode=updated,
        status=status,
        because=because,
        message=message,
        proof=updated.proof,
        loss=updated.loss,
    )


def _running(seen: Seen, episode: Episode, step: StepName) -> StepRecord:
    before = episode.record(step)
    again = before is not None and before.state == "Running" and episode.step is step
    deadline = datetime.fromisoformat(seen.now) + timedelta(seconds=_deadline_seconds(episode, step))
    return StepRecord(
        name=step,
        state="Running",
        attempts=before.attempts + 1 if before and again else 1,
        term=seen.leadership.term,
        started_at=before.started_at if before and again else seen.now,
        deadline=deadline.isoformat().replace("+00:00", "Z"),
    )


def _deadline_seconds(episode: Episode, step: StepName) -> int:
    """Return how long this attempt may take; the devices of a rung carry a deadline of their own.

    The next leader waits for it, and all that time counts as loss.
    """
    frozen = episode.frozen_node(episode.source)
    rungs = [rung for rung in (frozen.fencing if frozen else ()) if rung.name == episode.rung and rung.devices]
    own = [rung.deadline_seconds for rung in rungs] if step is StepName.FENCE else []
    return min((DEADLINE_SECONDS[step], *own))


def finish_step(seen: Seen, episode: Episode, step: StepName, *, state: Literal["Done", "Failed"]) -> Episode:
    """Return the episode with one step's record closed, its cost taken from the last attempt.

    A step that this leader made no attempt of, such as a look that waited, took as long as it stood in the journal.
    """
    before = episode.record(step) or _running(seen, episode, step)
    last = seen.last
    mine = last if last and (last.episode, last.step) == (episode.id, step) else None
    stood = datetime.fromisoformat(seen.now) - _began(episode, step)
    update: dict[str, object] = {"state": state, "seconds": round(max(0.0, stood.total_seconds()), 3)}
    if mine is not None:
        update |= {
            "seconds": round(mine.seconds, 3),
            "remote_commands": mine.remote_commands,
            "api_writes": mine.api_writes,
        }
        if state == "Failed" and isinstance(mine.outcome, (Failed, Refused, InProgress)):
            update["message"] = mine.outcome.message[:512]
    kept = tuple(item for item in episode.steps if item.name is not step)
    return episode.model_copy(update={"steps": (*kept, before.model_copy(update=update))})


def _began(episode: Episode, step: StepName) -> datetime:
    """Return since when a step is the running one; a look has no intent, so it began where the step before ended."""
    record = episode.record(step)
    if record is not None:
        return datetime.fromisoformat(record.started_at)
    ends = [datetime.fromisoformat(it.started_at) + timedelta(seconds=it.seconds or 0.0) for it in episode.steps]
    return max(ends, default=datetime.fromisoformat(episode.started_at))


def finish(
    seen: Seen,
    episode: Episode,
    *,
    result: Literal["Done", "RolledBack", "Abandoned"],
    because: Reason,
    message: str,
) -> Record:
    """Return the write that ends an episode and keeps what it cost in the history."""
    status = seen.status
    entry = HistoryEntry(
        id=episode.id,
        kind=episode.kind,
        source=episode.source,
        target=episode.target,
        trigger=episode.trigger,
        started_at=episode.started_at,
        finished_at=seen.now,
        result=result,
        downtime_seconds=_downtime_seconds(episode),
        declared_loss_seconds=episode.loss.declared_seconds if episode.loss else None,
        accepted_loss_seconds=episode.loss.accepted_seconds if episode.loss else None,
        may_be_sent_twice=_may_be_sent_twice(seen, episode),
        restored=_restored(episode),
        proof=episode.proof,
        steps=tuple(
            HistoryStep(
                name=item.name,
                state="Failed" if item.state == "Failed" else "Done",
                seconds=item.seconds or 0.0,
                remote_commands=item.remote_commands,
                api_writes=item.api_writes,
                message=item.message[:MESSAGE_KEPT] if item.state == "Failed" and item.message else None,
            )
            for item in episode.steps
        ),
    )
    update: dict[str, object] = {"episode": None, "history": (entry, *status.history)[:HISTORY_KEPT]}
    if result == "Done" and episode.order is not None:
        update |= {"observed_active_node": episode.order, "order_not_done": None}
    if result != "Done" and episode.order is not None:
        update |= {"observed_active_node": seen.spec.active_node, "order_not_done": episode.id}
    if result == "Done" and episode.trigger in (AUTOMATIC, WENT_BACK):
        update["automatic_move"] = AutomaticMove(episode=episode.id, finished_at=seen.now)
    ended = status.model_copy(update=update)
    for word in seen.spec.answers:
        # What was to be restored in this episode is no wish for the time after it.
        if word.say is Say.RESTORE and word.episode == episode.id:
            ended = take_answer(ended, word)
    return Record(status=ended, because=because, message=message)


def _stop_of_a_restore(episode: Episode) -> StepRecord | None:
    return episode.record(StepName.STOP) if episode.kind is EpisodeKind.RESTORE else None


def _may_be_sent_twice(seen: Seen, episode: Episode) -> int | None:
    """Return how many messages the target counted in the queue that this episode brought up, None where it did not."""
    node = facts.readable(seen, episode.target)
    return node.replica.queued if node is not None and node.replica.queued_episode == episode.id else None


def _restored(episode: Episode) -> str | None:
    """Return the backup that was brought up, None where none was."""
    step = StepName.RESTORE if episode.kind is EpisodeKind.RESTORE else StepName.PROMOTE
    record = episode.record(step)
    return episode.restore if record is not None and record.state == "Done" else None


def _downtime_seconds(episode: Episode) -> float | None:
    """Return how long no side served: from the stop, or the first dead vote, to services ready."""
    started = episode.record(StepName.START_SERVICES)
    stopped = episode.record(StepName.QUIESCE) or _stop_of_a_restore(episode)
    begin_at = stopped.started_at if stopped else episode.down_since
    if started is None or started.seconds is None or begin_at is None:
        return None
    # The seconds are the last attempt's, which began its time before its deadline.
    last = datetime.fromisoformat(started.deadline) - timedelta(seconds=_deadline_seconds(episode, started.name))
    up = last + timedelta(seconds=started.seconds)
    return round(max(0.0, (up - datetime.fromisoformat(begin_at)).total_seconds()), 3)


def take_answer(status: PairStatus, answer: Answer) -> PairStatus:
    """Return the status in which an answer is taken, so that it is never taken again."""
    taken = TakenAnswer(episode=answer.episode, say=answer.say.value, of=answer.of)
    return status.model_copy(update={"taken_answers": (*status.taken_answers, taken)[-50:]})
