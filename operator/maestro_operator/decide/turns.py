"""Where an episode under way turns round: a rollback, an abandon, a take-back, or another episode in its place.

The law of this file: before Promote's intent the way back is a Renew by the owner that never left. After it the
only way is on, unless the target's own guard shows that it was never permitted: then the old owner takes back,
without loss. What the nodes know beyond the journal ends it: the last good owner is discovered anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from maestro_operator.decide import facts, journal
from maestro_operator.decide.brakes import standby_able
from maestro_operator.decide.drilling import called_off
from maestro_operator.decide.phases import PHASES
from maestro_operator.decide.prove import NoProof, prove
from maestro_operator.decide.regain import (
    SWAPS,
    discovered_anew,
    owner_lost,
    promised_away,
    regain,
    rejoined_anew,
    restored_anew,
)
from maestro_operator.decide.restoring import unasked, withdrawn
from maestro_operator.decide.verdict import Verdict, conclude
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown
from maestro_operator.model.steps import EpisodeKind, StepName, is_before

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

TRIES_BEFORE_ROLLBACK = 3
ROLLS_BACK = (StepName.QUIESCE, StepName.RAISE, StepName.FINAL_SYNC, StepName.DEMOTE)
KEEPS_THE_OWNER = (
    *(EpisodeKind.REJOIN, EpisodeKind.RESTART, EpisodeKind.REPAIR, EpisodeKind.SEPARATE),
    *(EpisodeKind.REFIT, EpisodeKind.RELEASE, EpisodeKind.STANDBY_LOST, EpisodeKind.DISCARD),
)
GIVEN_UP_WHEN_UNREADABLE = KEEPS_THE_OWNER
NEEDS_BOTH = (EpisodeKind.REFIT, EpisodeKind.RELEASE)
AFTER_THE_INTENT = (
    StepName.PROMOTE,
    StepName.LOCALISE,
    StepName.MOVE_TRAFFIC,
    StepName.START_SERVICES,
    StepName.VERIFY,
)
CAN_BE_TAKEN_BACK = (EpisodeKind.SWITCHOVER, EpisodeKind.FAILOVER)
BEFORE_THE_RESTORE = (StepName.STOP, StepName.STORE_EPOCH, StepName.DECLARE)
UNTIL_RENEWED = (StepName.STORE_EPOCH, StepName.SWAP_PERMIT)


def turn(seen: Seen, episode: Episode) -> Decision | None:
    """Return how the episode turns round at this look, or None where it goes on."""
    return next((found for ask in TURNS if (found := ask(seen, episode)) is not None), None)


def _overtaken(seen: Seen, episode: Episode) -> Decision | None:
    """End an episode where a node has an epoch in force that neither status nor the episode can have given it."""
    known = seen.status.epoch.in_force.number if seen.status.epoch.in_force else 0
    for node in seen.nodes.values():
        if isinstance(node, NodeSeen) and facts.is_ours(seen, node.guard):
            number = facts.in_force_number(node.guard)
            # Before Promote's intent the target cannot have it; the other side stores it first.
            promotes = episode.kind not in KEEPS_THE_OWNER
            given = episode.epoch - 1 if promotes and node.name == episode.target else episode.epoch
            if number > max(known, given):
                text = f"{node.name} has epoch {number} in force, which {episode.id} did not give it"
                ended = journal.finish(seen, episode, result="Abandoned", because=Reason.OVERTAKEN, message=text)
                return _still_ordered(seen, ended)
    return None


def _not_begun(seen: Seen, episode: Episode) -> Decision | None:
    """Rest before the first effect where people paused or deleted the pair meanwhile."""
    wanted = Management.RELEASE if episode.kind is EpisodeKind.RELEASE else Management.ENFORCE
    is_wanted = seen.spec.management is wanted and not seen.is_deleting
    if is_wanted or not all(PHASES[record.name].is_look for record in episode.steps):
        return None
    text = f"{episode.id} ends before its first effect: the pair is paused or being deleted"
    ended = journal.finish(seen, episode, result="Abandoned", because=Reason.PAUSED, message=text)
    return _still_ordered(seen, ended)


def _not_restored(seen: Seen, episode: Episode) -> Record | None:
    """Let a stopped owner go on with its own data where its backup is gone, or nobody asks for it any more."""
    if episode.kind is not EpisodeKind.RESTORE or episode.step not in BEFORE_THE_RESTORE:
        return None
    why = unasked(seen, episode)
    if why is None:
        return None
    text = f"{episode.id} goes back: {why}"
    return _renewed(seen, episode, owner=episode.target, result="RolledBack", because=Reason.ROLLED_BACK, message=text)


def _promised_more(seen: Seen, episode: Episode) -> Record | None:
    """Go on under a later epoch where a node was promised one by nobody that the journal knows of."""
    if episode.kind not in SWAPS or episode.step not in UNTIL_RENEWED:
        return None
    for node in seen.nodes.values():
        promise = node.guard.promised if isinstance(node, NodeSeen) and facts.is_ours(seen, node.guard) else None
        if promise is None or promise.number <= episode.epoch or facts.is_yielded(promise):
            continue
        text = f"{episode.id} ends: epoch {promise.number} was promised in {promise.episode}"
        return _renewed(seen, episode, owner=episode.target, result="Abandoned", because=Reason.OVERTAKEN, message=text)
    return None


def _no_standby(seen: Seen, episode: Episode) -> Decision | None:
    """End a switchover before its first effect whose target receives nothing any more: it has to rejoin first."""
    target = facts.readable(seen, episode.target)
    is_begun = not all(PHASES[record.name].is_look for record in episode.steps)
    if episode.kind is not EpisodeKind.SWITCHOVER or is_begun or target is None or not facts.owner_serves(seen):
        return None
    mark, source = seen.status.epoch.in_force, facts.readable(seen, episode.source)
    has_data = mark is not None and source is not None and source.has_data_of(mark)
    if not has_data or not facts.is_ours(seen, target.guard) or facts.receives(seen, target.name):
        return None
    text = f"{episode.id} ends before its first effect: {target.name} is no standby any more and rejoins first"
    ended = journal.finish(seen, episode, result="Abandoned", because=Reason.SYNC_BEHIND, message=text)
    return _still_ordered(seen, ended)


def _pointless(seen: Seen, episode: Episode) -> Decision | None:
    if episode.kind not in GIVEN_UP_WHEN_UNREADABLE or not _is_pointless(seen, episode):
        return None
    text = f"{episode.kind} cannot go on: a node it needs is gone"
    return journal.finish(seen, episode, result="Abandoned", because=Reason.RETURN_UNREADABLE, message=text)


def _back(seen: Seen, episode: Episode) -> Decision | None:
    """Turn round before Promote's intent."""
    if not is_before(episode.kind, episode.step, StepName.PROMOTE):
        return None
    if episode.kind is EpisodeKind.SWITCHOVER:
        return _turn_switchover(seen, episode)
    if episode.kind is EpisodeKind.TAKE_BACK:
        return _leave_after_all(seen, episode)
    if episode.kind is not EpisodeKind.FAILOVER:
        return None
    if is_before(episode.kind, episode.step, StepName.SEVER):
        return _abandon(seen, episode)
    lost = prove(seen, episode)
    return _back_to_fence(seen, episode, lost) if isinstance(lost, NoProof) else None


def _take_back(seen: Seen, episode: Episode) -> Decision | None:
    """Give the old owner its service back where its data is the newest that there is.

    That is so where the target's own guard shows that it was never permitted in this epoch, and a person ordered
    the way back; or where the target is gone, or has lost what its guard knew, and a person gives it up: then they
    are asked where it is, too.
    """
    source, target = facts.readable(seen, episode.source), facts.readable(seen, episode.target)
    if episode.kind not in CAN_BE_TAKEN_BACK or source is None or not _holds_its_data(seen, source):
        return None
    word = facts.answer(seen, episode.id, Say.FAIL_OVER)
    if target is None or not facts.is_ours(seen, target.guard):
        is_after = not is_before(episode.kind, episode.step, StepName.PROMOTE)
        if word is None or not is_after:
            return None
        taken = replace(seen, status=journal.take_answer(seen.status, word))
        return _begin_take_back(taken, episode, order=None, why=f"a person gave {episode.target} up")
    never = target.guard.max_permit_epoch < episode.epoch
    is_ordered = episode.order is not None and seen.spec.active_node == episode.source
    if not (never and (is_ordered or word is not None) and facts.cannot_write(target)):
        return None
    why = f"{episode.target} was never permitted and the order was taken back"
    taken = seen if word is None else replace(seen, status=journal.take_answer(seen.status, word))
    return _begin_take_back(taken, episode, order=episode.source if is_ordered else None, why=why)


def _holds_its_data(seen: Seen, source: NodeSeen) -> bool:
    return facts.is_ours(seen, source.guard) and facts.cannot_write(source) and source.replica.live_present


def _begin_take_back(seen: Seen, episode: Episode, *, order: str | None, why: str) -> Record:
    text = f"{episode.id}: {why}"
    ended = journal.finish(seen, episode, result="RolledBack", because=Reason.ROLLED_BACK, message=text)
    stopped = episode.record(StepName.QUIESCE)
    back = journal.begin(
        seen,
        EpisodeKind.TAKE_BACK,
        target=episode.source,
        trigger=f"rollback of {episode.id}",
        epoch=facts.next_epoch(seen),
        order=order,
        down_since=stopped.started_at if stopped else episode.down_since,
    )
    # The machine that was promoted is the one that must be proven out, whatever stands in its place by now.
    was = episode.frozen_node(back.source)
    frozen = tuple(
        item.model_copy(update={"machine_id": was.machine_id}) if was and item.name == was.name else item
        for item in back.frozen
    )
    back = back.model_copy(update={"frozen": frozen})
    return replace(ended, status=ended.status.model_copy(update={"episode": back}))


def _leave_after_all(seen: Seen, episode: Episode) -> Record | None:
    """Go on with the new owner where a former leader's permit reached it before the old one could take back."""
    new, old = facts.readable(seen, episode.source), facts.readable(seen, episode.target)
    if new is None or old is None or new.guard.max_permit_epoch <= old.guard.max_permit_epoch:
        return None
    text = f"{episode.source} was permitted meanwhile, so {episode.target} has no longer the newest data"
    return _renewed(seen, episode, owner=episode.source, result="RolledBack", because=Reason.ROLLED_BACK, message=text)


def _target_is_gone(seen: Seen, episode: Episode) -> Record | None:
    """Leave a switchover whose target died after its promotion to the old side, which becomes the standby."""
    if episode.kind is not EpisodeKind.SWITCHOVER or episode.step not in AFTER_THE_INTENT:
        return None
    gone = conclude(seen, episode.target).verdict is Verdict.DOWN
    if not gone or facts.readable(seen, episode.source) is None:
        return None
    text = f"{episode.target} is down after its promotion; {episode.source} becomes its standby"
    return _to_reverse(seen, episode, because=Reason.OUTAGE_CONCLUDED, message=text)


def _will_not_start(seen: Seen, episode: Episode) -> Record | None:
    """Leave services that will not start where people have ordered the other node, and that one is able.

    Nothing is lost: the order is a switchover from where they will not start, with its final copy.
    """
    record, wanted = episode.record(episode.step), seen.spec.active_node
    is_ordered = wanted not in (episode.target, seen.status.observed_active_node)
    fails = seen.last is not None and seen.last.step is episode.step and not isinstance(seen.last.outcome, Done)
    if episode.step is not StepName.START_SERVICES or not is_ordered or not fails or record is None:
        return None
    if record.attempts < TRIES_BEFORE_ROLLBACK:
        return None
    text = f"the services do not start on {episode.target}, and {wanted} is ordered"
    if episode.kind is EpisodeKind.SWITCHOVER:
        is_there = facts.readable(seen, episode.source) is not None
        return _to_reverse(seen, episode, because=Reason.ORDERED, message=text) if is_there else None
    if standby_able(seen, episode.target, kind=EpisodeKind.SWITCHOVER) is not None:
        return None
    ended = journal.finish(seen, episode, result="Abandoned", because=Reason.ORDERED, message=text)
    return _still_ordered(seen, ended)


def _to_reverse(seen: Seen, episode: Episode, *, because: Reason, message: str) -> Record:
    """Give up what is left of bringing the target up, and make the old side the standby, with a whole copy."""
    closed = journal.finish_step(seen, episode, episode.step, state="Failed")
    moved = closed.model_copy(update={"step": StepName.REVERSE})
    status = seen.status.model_copy(update={"episode": moved})
    return Record(status=status, because=because, message=message)


def _is_pointless(seen: Seen, episode: Episode) -> bool:
    """Tell whether a node is gone without which the episode cannot go on; the owner comes first."""
    is_for_a_standby = episode.kind is EpisodeKind.REJOIN
    is_half = episode.kind in NEEDS_BOTH and isinstance(seen.node(episode.source), Unknown)
    is_blind = is_half or isinstance(seen.node(episode.target), Unknown)
    return is_blind or (is_for_a_standby and not facts.owner_serves(seen))


def _turn_switchover(seen: Seen, episode: Episode) -> Decision | None:
    if facts.answer(seen, episode.id, Say.FAIL_OVER) is not None:
        return _to_failover(seen, episode)
    source = facts.readable(seen, episode.source)
    if source is None:
        down = conclude(seen, episode.source).verdict is Verdict.DOWN
        return _to_failover(seen, episode) if down else None
    in_force = source.guard.in_force
    left = in_force is not None and (in_force.number, in_force.owner) == (episode.epoch, episode.target)
    if left:
        return _take_back(seen, episode)
    if episode.order is not None and seen.spec.active_node == episode.source:
        return roll_back(seen, episode, "the order was taken back")
    record, last = episode.record(episode.step), seen.last
    failed = last is not None and last.step is episode.step and not isinstance(last.outcome, Done)
    if failed and record and episode.step in ROLLS_BACK and record.attempts >= TRIES_BEFORE_ROLLBACK:
        if not _can_go_on(seen, source):
            state = source.guard.state
            text = f"the guard of {episode.source} is {state} and does not hold the epoch in force"
            return Hold(Reason.DEMOTION_UNPROVEN, f"{text}: answer FailOver of {episode.id} to fence it")
        closed = journal.finish_step(seen, episode, episode.step, state="Failed")
        return roll_back(seen, closed, f"{episode.step} failed {record.attempts} times")
    return None


def roll_back(seen: Seen, episode: Episode, why: str) -> Record:
    """Give the owner its service back: by a Renew where it was stopped, else by ending here."""
    text = f"{episode.id} goes back: {why}"
    source = facts.readable(seen, episode.source)
    is_able = source is not None and _can_go_on(seen, source)
    if episode.record(StepName.QUIESCE) is None or not is_able:
        return journal.finish(seen, episode, result="Abandoned", because=Reason.ROLLED_BACK, message=text)
    return _renewed(seen, episode, owner=episode.source, result="RolledBack", because=Reason.ROLLED_BACK, message=text)


def _can_go_on(seen: Seen, owner: NodeSeen) -> bool:
    """Tell whether the owner's own guard holds the epoch in force: one that never heard of it has not its data."""
    mark = seen.status.epoch.in_force
    return facts.is_ours(seen, owner.guard) and mark is not None and facts.holds_epoch(owner, mark)


def _renewed(
    seen: Seen,
    episode: Episode,
    *,
    owner: str,
    result: Literal["RolledBack", "Abandoned"],
    because: Reason,
    message: str,
) -> Record:
    """End an episode and let its owner go on under the next epoch, in one write."""
    ended = journal.finish(seen, episode, result=result, because=because, message=message)
    if result == "Abandoned":
        ended = _still_ordered(seen, ended)
    renew = journal.begin(
        seen,
        EpisodeKind.RENEW,
        target=owner,
        trigger=f"{'rollback' if result == 'RolledBack' else 'abandon'} of {episode.id}",
        epoch=facts.next_epoch(seen),
    )
    return replace(ended, status=ended.status.model_copy(update={"episode": renew}))


def _to_failover(seen: Seen, episode: Episode) -> Record:
    text = f"{episode.source} is down or was given up by a person; {episode.id} becomes a failover"
    ended = journal.finish(seen, episode, result="Abandoned", because=Reason.OUTAGE_CONCLUDED, message=text)
    failover = journal.begin(
        seen,
        EpisodeKind.FAILOVER,
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
    healthy = source is not None and source.guard.may_run and seen.runs_everything(source)
    is_taken_back = episode.order is not None and seen.spec.active_node == episode.source
    if is_taken_back and episode.record(StepName.RAISE) is None:
        text = f"{episode.id} ends before anything was promised: the order was taken back"
        return journal.finish(seen, episode, result="Abandoned", because=Reason.ROLLED_BACK, message=text)
    is_begun = episode.order is not None and not is_taken_back and episode.record(StepName.FENCE) is not None
    is_given_up = episode.trigger == Say.FAIL_OVER.value and not is_taken_back
    if not healthy or is_begun or is_given_up:
        return None
    text = f"{episode.source} is healthy again and was not fenced"
    if episode.record(StepName.RAISE) is None:
        ended = journal.finish(seen, episode, result="Abandoned", because=Reason.SEEN_ALIVE, message=text)
        return _still_ordered(seen, ended)
    return _renewed(seen, episode, owner=episode.source, result="Abandoned", because=Reason.SEEN_ALIVE, message=text)


def _back_to_fence(seen: Seen, episode: Episode, lost: NoProof) -> Decision:
    reset = episode.model_copy(update={"proof": None, "rung": None, "step": StepName.FENCE})
    status = seen.status.model_copy(update={"episode": reset})
    return Record(status=status, because=lost.reason, message=lost.message)


TURNS: tuple[Callable[[Seen, Episode], Decision | None], ...] = (
    _overtaken,
    _not_begun,
    withdrawn,
    _no_standby,
    called_off,
    _pointless,
    _back,
    _take_back,
    owner_lost,
    _not_restored,
    _promised_more,
    restored_anew,
    discovered_anew,
    rejoined_anew,
    regain,
    promised_away,
    _target_is_gone,
    _will_not_start,
)
