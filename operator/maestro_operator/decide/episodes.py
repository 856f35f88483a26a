"""How an episode under way goes on: the next step, the same one again, a wait, or the way back.

The law of this file: before Promote's intent the way back is a Renew by the owner that never
left; after it the only way is on. An episode is never left half done in silence.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.decide.ability import declare
from maestro_operator.decide.phases import PHASES, next_rung
from maestro_operator.decide.prove import NoProof, may_permit, prove
from maestro_operator.decide.verdict import Verdict, conclude
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.steps import EpisodeKind, StepName, following, is_before

if TYPE_CHECKING:
    from maestro_operator.model.decision import Perform
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

TRIES_BEFORE_ROLLBACK = 3
BACKOFF_SECONDS = (0.2, 1.0, 3.0, 5.0)
NOT_HELD_BY_NODES = (StepName.FENCE, StepName.MOVE_TRAFFIC)
"""Steps whose effects no guard refuses to a former leader: the next one waits for the deadline."""
ROLLS_BACK = (StepName.QUIESCE, StepName.RAISE, StepName.FINAL_SYNC, StepName.DEMOTE)
GIVEN_UP_WHEN_UNREADABLE = (EpisodeKind.REJOIN, EpisodeKind.RESTART, EpisodeKind.REPAIR)


def carry_on(seen: Seen) -> Decision | None:
    """Continue the episode that the journal holds, if it holds one."""
    episode = seen.status.episode
    if episode is None:
        return None
    record = episode.record(episode.step)
    inherited = record is not None and record.state == "Running" and record.term != seen.leadership.term
    if inherited and episode.step in NOT_HELD_BY_NODES and not seen.deadline_passed:
        return Hold(Reason.INHERITED_STEP, f"{episode.step} of a former leader may still be running")
    turned = _turn(seen, episode)
    if turned is not None:
        return turned
    phase = PHASES[episode.step]
    if phase.done(seen, episode):
        return _go_on(seen, episode)
    hold = phase.ready(seen, episode)
    if hold is not None:
        return hold
    if phase.is_look:
        return _go_on(seen, episode)
    return _again(seen, episode)


def _again(seen: Seen, episode: Episode) -> Decision:
    """Perform the current step, or wait a little after an attempt that failed."""
    record, last = episode.record(episode.step), seen.last
    mine = last if last and (last.episode, last.step) == (episode.id, episode.step) else None
    attempts = record.attempts if record is not None and mine is not None else 0
    if mine is not None and not isinstance(mine.outcome, Done) and episode.step is not StepName.FENCE:
        pause = BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]
        if mine.age_seconds < pause:
            text = f"{episode.step} attempt {attempts}: {mine.outcome.message}"
            return Hold(getattr(mine.outcome, "reason", Reason.STEP_FAILED), text)
    return _perform(seen, episode, episode.step)


def _perform(seen: Seen, episode: Episode, step: StepName) -> Perform | Hold:
    proof = episode.proof
    if step is StepName.FENCE:
        episode = episode.model_copy(update={"rung": next_rung(seen, episode)})
    if step in (StepName.PROMOTE, StepName.ADOPT):
        repeated = episode.step is step
        found = may_permit(seen, episode) if repeated else prove(seen, episode)
        if isinstance(found, NoProof) and not (repeated and facts.is_behind(seen, episode.source)):
            return Hold(found.reason, found.message)
        proof = episode.proof if isinstance(found, NoProof) else found
    text = f"{episode.kind} {episode.id}: {step}"
    return journal.intend(seen, episode, step, because=Reason.STEP_TAKEN, message=text, proof=proof)


def _go_on(seen: Seen, episode: Episode) -> Decision:
    """Close the current step and begin the next one that has something to do."""
    failed = episode.step in (StepName.MOVE_TRAFFIC, StepName.VERIFY, StepName.REVERSE) and not (
        facts.last_done(seen, episode, episode.step) or _is_moot(seen, episode)
    )
    closed = journal.finish_step(seen, episode, episode.step, state="Failed" if failed else "Done")
    closed = _with_results(seen, closed)
    step = following(episode.kind, episode.step)
    while step is not None:
        phase = PHASES[step]
        must_act = step in (StepName.PROMOTE, StepName.ADOPT)
        hold = phase.ready(seen, closed)
        if hold is not None:
            return _wait_at(seen, episode, closed=closed, step=step, hold=hold)
        if not phase.is_look and (must_act or not phase.done(seen, closed)):
            return _perform(seen, closed, step)
        if step is StepName.DECLARE:
            closed = closed.model_copy(update={"loss": declare(seen, closed)})
        closed = journal.finish_step(seen, closed, step, state="Done")
        step = following(episode.kind, step)
    text = f"{episode.kind} {episode.id} is done"
    return journal.finish(seen, closed, result="Done", because=Reason.AS_ORDERED, message=text)


def _is_moot(seen: Seen, episode: Episode) -> bool:
    if episode.step is StepName.MOVE_TRAFFIC:
        return facts.points_at(seen, episode.target)
    if episode.step is StepName.VERIFY:
        return not seen.spec.verification
    return facts.receives(seen, episode.source)


def _with_results(seen: Seen, episode: Episode) -> Episode:
    """Keep in the journal what a finished step found: its proof, its generation."""
    if episode.step is StepName.FENCE:
        found = prove(seen, episode)
        episode = episode.model_copy(update={"proof": None if isinstance(found, NoProof) else found})
    if episode.step in (StepName.FINAL_SYNC, StepName.FENCE) and facts.last_done(seen, episode, episode.step):
        outcome = seen.last.outcome if seen.last else None
        target = facts.readable(seen, episode.target)
        named = outcome.facts.get("generation") if isinstance(outcome, Done) else None
        if target is not None and named is not None and str(target.replica.newest) == named:
            episode = episode.model_copy(update={"generation": target.replica.newest})
    return episode


def _wait_at(seen: Seen, episode: Episode, *, closed: Episode, step: StepName, hold: Hold) -> Decision:
    """Hold before a step; a look that holds becomes the current step, so that people see it."""
    if PHASES[step].is_look and episode.step is not step:
        moved = closed.model_copy(update={"step": step})
        status = seen.status.model_copy(update={"episode": moved})
        return Record(status=status, because=hold.reason, message=hold.message)
    return hold


def _back_to_fence(seen: Seen, episode: Episode, lost: NoProof) -> Decision:
    reset = episode.model_copy(update={"proof": None, "rung": None, "step": StepName.FENCE})
    status = seen.status.model_copy(update={"episode": reset})
    return Record(status=status, because=lost.reason, message=lost.message)


# The ways out of an episode before its point of no return.


def _turn(seen: Seen, episode: Episode) -> Decision | None:
    if episode.kind in GIVEN_UP_WHEN_UNREADABLE and _is_pointless(seen, episode):
        text = f"{episode.kind} cannot go on: a node it needs is gone"
        return journal.finish(seen, episode, result="Abandoned", because=Reason.RETURN_UNREADABLE, message=text)
    if episode.step is StepName.CONFIRM and not PHASES[StepName.STORE_EPOCH].done(seen, episode):
        # The peer was not to be read when its turn came, and is now.
        return _perform(seen, episode, StepName.STORE_EPOCH)
    if episode.kind is EpisodeKind.SWITCHOVER and is_before(episode.kind, episode.step, StepName.PROMOTE):
        return _turn_switchover(seen, episode)
    if episode.kind is EpisodeKind.FAILOVER and is_before(episode.kind, episode.step, StepName.SEVER):
        return _abandon(seen, episode)
    if episode.kind is EpisodeKind.FAILOVER and is_before(episode.kind, episode.step, StepName.PROMOTE):
        lost = prove(seen, episode)
        return _back_to_fence(seen, episode, lost) if isinstance(lost, NoProof) else None
    return None


def _is_pointless(seen: Seen, episode: Episode) -> bool:
    """Tell whether a node is gone without which the episode cannot go on; the owner comes first."""
    is_for_a_standby = episode.kind is EpisodeKind.REJOIN
    return isinstance(seen.node(episode.target), Unknown) or (is_for_a_standby and not facts.owner_serves(seen))


def _turn_switchover(seen: Seen, episode: Episode) -> Decision | None:
    if facts.answer(seen, episode.id, Say.FAIL_OVER) is not None:
        return _to_failover(seen, episode)
    source = facts.readable(seen, episode.source)
    if source is None:
        down = conclude(seen, episode.source).verdict is Verdict.DOWN
        return _to_failover(seen, episode) if down else None
    in_force = source.guard.in_force
    left = in_force is not None and in_force.owner != episode.source
    if left:
        return None
    if episode.order is not None and seen.spec.active_node == episode.source:
        return roll_back(seen, episode, "the order was taken back")
    record, last = episode.record(episode.step), seen.last
    failed = last is not None and last.step is episode.step and not isinstance(last.outcome, Done)
    if failed and record and episode.step in ROLLS_BACK and record.attempts >= TRIES_BEFORE_ROLLBACK:
        if not facts.is_ours(seen, source.guard):
            text = f"the guard of {episode.source} is {source.guard.state}: answer FailOver of {episode.id} to fence it"
            return Hold(Reason.DEMOTION_UNPROVEN, text)
        return roll_back(seen, episode, f"{episode.step} failed {record.attempts} times")
    return None


def roll_back(seen: Seen, episode: Episode, why: str) -> Record:
    """Give the owner its service back: by a Renew where it was stopped, else by ending here."""
    text = f"{episode.id} goes back: {why}"
    source = facts.readable(seen, episode.source)
    is_able = source is not None and facts.is_ours(seen, source.guard)
    if episode.record(StepName.QUIESCE) is None or not is_able:
        return journal.finish(seen, episode, result="Abandoned", because=Reason.ROLLED_BACK, message=text)
    ended = journal.finish(seen, episode, result="RolledBack", because=Reason.ROLLED_BACK, message=text)
    renew = journal.begin(
        seen,
        EpisodeKind.RENEW,
        source=episode.target,
        target=episode.source,
        trigger=f"rollback of {episode.id}",
        epoch=facts.next_epoch(seen),
    )
    status = ended.status.model_copy(update={"episode": renew})
    return Record(status=status, because=Reason.ROLLED_BACK, message=text)


def _to_failover(seen: Seen, episode: Episode) -> Record:
    text = f"{episode.source} is down or was given up by a person; {episode.id} becomes a failover"
    ended = journal.finish(seen, episode, result="Abandoned", because=Reason.OUTAGE_CONCLUDED, message=text)
    failover = journal.begin(
        seen,
        EpisodeKind.FAILOVER,
        source=episode.source,
        target=episode.target,
        trigger=episode.trigger,
        epoch=facts.next_epoch(seen),
        order=episode.order,
        down_since=seen.now,
    )
    status = _still_ordered(seen, ended).status.model_copy(update={"episode": failover})
    return Record(status=status, because=Reason.OUTAGE_CONCLUDED, message=text)


def _still_ordered(seen: Seen, ended: Record) -> Record:
    """Leave the order as it was before the episode, so that it is taken again in another way."""
    update = {"observed_active_node": seen.status.observed_active_node, "order_not_done": seen.status.order_not_done}
    return replace(ended, status=ended.status.model_copy(update=update))


def _abandon(seen: Seen, episode: Episode) -> Decision | None:
    """Leave a failover whose old side is healthy again, while nothing proves it out."""
    source = facts.readable(seen, episode.source)
    healthy = source is not None and source.guard.may_run and source.runs_everything
    is_taken_back = episode.order is not None and seen.spec.active_node == episode.source
    if is_taken_back and episode.record(StepName.RAISE) is None:
        text = f"{episode.id} ends before anything was promised: the order was taken back"
        return journal.finish(seen, episode, result="Abandoned", because=Reason.ROLLED_BACK, message=text)
    is_begun = episode.order is not None and not is_taken_back and episode.record(StepName.FENCE) is not None
    if not healthy or is_begun:
        return None
    text = f"{episode.source} is healthy again and was not fenced"
    ended = journal.finish(seen, episode, result="Abandoned", because=Reason.SEEN_ALIVE, message=text)
    ended = _still_ordered(seen, ended)
    if episode.record(StepName.RAISE) is None:
        return ended
    renew = journal.begin(
        seen,
        EpisodeKind.RENEW,
        source=episode.target,
        target=episode.source,
        trigger=f"abandon of {episode.id}",
        epoch=facts.next_epoch(seen),
    )
    status = ended.status.model_copy(update={"episode": renew})
    return Record(status=status, because=Reason.SEEN_ALIVE, message=text)
