"""How an episode under way goes on: the next step, the same one again, or a wait.

The law of this file: an episode is never left half done in silence. Where it turns round, and how, is in
`turns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.decide.ability import declare
from maestro_operator.decide.machine_steps import MACHINE_PHASES, turn_machine
from maestro_operator.decide.phases import PHASES, Phase, next_rung
from maestro_operator.decide.prove import NoProof, could_not_be_left, may_permit, prove
from maestro_operator.decide.regain import give_up
from maestro_operator.decide.restoring import is_up, restore_of
from maestro_operator.decide.turns import CAN_BE_TAKEN_BACK, turn
from maestro_operator.decide.upkeep import is_discarded
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.outcome import Done
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import STEPS, StepName, following

if TYPE_CHECKING:
    from maestro_operator.model.decision import Perform
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

BACKOFF_SECONDS = (0.2, 1.0, 3.0, 5.0)
MAY_NOT_COME = (StepName.RESTORE, StepName.DISCARD)
"""Steps that are given up after some attempts: the pair goes on as it was, and the episode is abandoned."""
NOT_HELD_BY_NODES = (StepName.FENCE, StepName.MOVE_TRAFFIC, StepName.MIGRATE)
"""Steps whose effects no guard refuses to a former leader: the next one waits for the deadline."""


def carry_on(seen: Seen) -> Decision | None:
    """Continue the episode that the journal holds, if it holds one."""
    episode = seen.status.episode
    if episode is None:
        return None
    strange = _strange(seen, episode)
    if strange is not None:
        return strange
    record = episode.record(episode.step)
    inherited = record is not None and record.state == "Running" and record.term != seen.leadership.term
    if inherited and episode.step in NOT_HELD_BY_NODES and not seen.deadline_passed:
        return Hold(Reason.INHERITED_STEP, f"{episode.step} of a former leader may still be running")
    turned = (turn if seen.spec.machine is None else turn_machine)(seen, episode)
    if turned is not None:
        return turned
    phase = phase_of(seen, episode.step)
    is_done = phase.done(seen, episode)
    if _is_back_too_late(seen, episode, is_done=is_done):
        return _perform(seen, episode, StepName.STORE_EPOCH)
    if is_done:
        return _go_on(seen, episode)
    hold = phase.ready(seen, episode)
    if hold is not None:
        return hold
    if phase.is_look:
        return _go_on(seen, episode)
    return _again(seen, episode)


def phase_of(seen: Seen, step: StepName) -> Phase:
    """Return a step's questions, which are others where a cluster keeps the machine."""
    return (PHASES if seen.spec.machine is None else MACHINE_PHASES)[step]


def _is_back_too_late(seen: Seen, episode: Episode, *, is_done: bool) -> bool:
    """Tell whether the other side can be read now and has not the epoch that it was to store before."""
    waits = (StepName.RESTORE,) if is_done else (StepName.CONFIRM, StepName.SWAP_PERMIT)
    if episode.step not in waits:
        return False
    is_there = facts.readable(seen, episode.source) is not None
    return is_there and not PHASES[StepName.STORE_EPOCH].done(seen, episode)


def _strange(seen: Seen, episode: Episode) -> Hold | None:
    """Hold a journal that no operator can have written: nothing is concluded from it, and nothing done."""
    steps = STEPS[episode.kind]
    named = {episode.step, *(item.name for item in episode.steps)}
    sides = {episode.source, episode.target}
    if named <= set(steps) and sides == set(seen.spec.names) == {node.name for node in episode.frozen}:
        return None
    text = "no operator wrote this journal; take status.episode out by hand, and the nodes are discovered anew"
    return Hold(Reason.STRANGE_JOURNAL, text)


def _again(seen: Seen, episode: Episode) -> Decision:
    """Perform the current step, or wait a little after an attempt that failed."""
    record, last = episode.record(episode.step), seen.last
    mine = last if last and (last.episode, last.step) == (episode.id, episode.step) else None
    attempts = record.attempts if record is not None and mine is not None else 0
    if mine is not None and not isinstance(mine.outcome, Done) and episode.step is not StepName.FENCE:
        pause = BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]
        if mine.age_seconds < pause:
            is_given_up = episode.step is StepName.PROMOTE and episode.kind in CAN_BE_TAKEN_BACK
            way_out = f"; {give_up(episode)}" if is_given_up else ""
            text = f"{episode.step} attempt {attempts}: {mine.outcome.message}{way_out}"
            return Hold(getattr(mine.outcome, "reason", Reason.STEP_FAILED), text)
    return _perform(seen, episode, episode.step)


def _perform(seen: Seen, episode: Episode, step: StepName) -> Perform | Hold:
    proof = episode.proof
    if step is StepName.FENCE:
        episode = episode.model_copy(update={"rung": next_rung(seen, episode)})
    if step in journal.CHANGES_OWNER:
        repeated = episode.step is step
        found = may_permit(seen, episode) if repeated and seen.spec.machine is None else prove(seen, episode)
        if isinstance(found, NoProof) and not _needs_none(seen, episode, step):
            return Hold(found.reason, found.message)
        proof = episode.proof if isinstance(found, NoProof) else found
    text = f"{episode.kind} {episode.id}: {step}"
    return journal.intend(seen, episode, step, because=Reason.STEP_TAKEN, message=text, proof=proof)


def _needs_none(seen: Seen, episode: Episode, step: StepName) -> bool:
    """Tell whether the step may be taken without a new proof.

    A repeated promotion first demotes a source that came back behind, and does no more then. An owner that nobody
    can have taken over from swaps its permit in one write of its own guard; only the long way needs a proof.
    """
    if step is StepName.SWAP_PERMIT:
        return could_not_be_left(seen, episode)
    return episode.step is step and facts.is_behind(seen, episode.source)


def _go_on(seen: Seen, episode: Episode) -> Decision:
    """Close the current step and begin the next one that has something to do."""
    may_fail = (StepName.LOWER_TTL, StepName.MOVE_TRAFFIC, StepName.VERIFY, StepName.REVERSE, *MAY_NOT_COME)
    failed = episode.step in may_fail and not (facts.last_done(seen, episode, episode.step) or _is_moot(seen, episode))
    closed = journal.finish_step(seen, episode, episode.step, state="Failed" if failed else "Done")
    closed = _with_results(seen, closed)
    step = following(episode.kind, episode.step)
    while step is not None:
        phase = phase_of(seen, step)
        must_act = step in (StepName.PROMOTE, StepName.ADOPT)
        hold = phase.ready(seen, closed)
        if hold is not None:
            return _wait_at(seen, episode, closed=closed, step=step, hold=hold)
        if not phase.is_look and (must_act or not phase.done(seen, closed)):
            return _perform(seen, closed, step)
        if step is StepName.DECLARE:
            closed = closed.model_copy(update={"loss": declare(seen, closed)})
        closed = _with_restore(seen, journal.finish_step(seen, closed, step, state="Done"), step)
        step = following(episode.kind, step)
    if any(record.state == "Failed" for record in closed.steps if record.name in MAY_NOT_COME):
        text = f"{episode.kind} {episode.id} left {episode.target} as it was: it failed too often"
        return journal.finish(seen, closed, result="Abandoned", because=Reason.STEP_FAILED, message=text)
    text = f"{episode.kind} {episode.id} is done"
    return journal.finish(seen, closed, result="Done", because=Reason.AS_ORDERED, message=text)


def _with_restore(seen: Seen, episode: Episode, step: StepName) -> Episode:
    """Freeze the backup that a person named, before anything is cut for it."""
    if step is not StepName.PREFLIGHT:
        return episode
    return episode.model_copy(update={"restore": restore_of(seen, episode)})


def _is_moot(seen: Seen, episode: Episode) -> bool:
    if episode.step is StepName.LOWER_TTL:
        return not facts.lowers(seen)
    if episode.step is StepName.MOVE_TRAFFIC:
        return facts.points_at(seen, episode.target)
    if episode.step is StepName.DISCARD:
        return is_discarded(seen, episode)
    if episode.step is StepName.RESTORE:
        return is_up(seen, episode)
    if episode.step is StepName.VERIFY:
        return not seen.spec.verification
    return facts.receives(seen, episode.source)


def _with_results(seen: Seen, episode: Episode) -> Episode:
    """Keep in the journal what a finished step found: its proof, its generation, the loss that was accepted."""
    if episode.step is StepName.PREFLIGHT:
        return _with_restore(seen, episode, episode.step)
    if episode.step is StepName.DECLARE:
        return episode.model_copy(update={"loss": declare(seen, episode)})
    if episode.step is StepName.FENCE:
        found = prove(seen, episode)
        episode = episode.model_copy(update={"proof": None if isinstance(found, NoProof) else found})
    if episode.step in (StepName.FINAL_SYNC, StepName.FENCE) and facts.last_done(seen, episode, episode.step):
        outcome = seen.last.outcome if seen.last else None
        target = facts.readable(seen, episode.target)
        named = outcome.facts.get("generation") if isinstance(outcome, Done) else None
        if target is not None and named is not None and str(target.replica.newest) == named:
            episode = episode.model_copy(update={"generation": target.replica.newest})
    if episode.step is StepName.DEMOTE:
        episode = _with_newest_sent(seen, episode)
    return episode


def _with_newest_sent(seen: Seen, episode: Episode) -> Episode:
    """Name the newest copy: until it was demoted the stopped source sent on, and the target keeps the last few only."""
    target, final = facts.readable(seen, episode.target), episode.generation
    newest = target.replica.newest if target is not None else None
    if newest is None or final is None or newest.epoch != final.epoch:
        return episode
    return episode.model_copy(update={"generation": max(newest, final, key=lambda item: item.counter)})


def _wait_at(seen: Seen, episode: Episode, *, closed: Episode, step: StepName, hold: Hold) -> Decision:
    """Hold before a step; a look that holds becomes the current step, so that people see it."""
    if phase_of(seen, step).is_look and episode.step is not step:
        moved = closed.model_copy(update={"step": step})
        status = seen.status.model_copy(update={"episode": moved})
        return Record(status=status, because=hold.reason, message=hold.message)
    return hold
