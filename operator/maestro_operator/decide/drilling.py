"""A drill: a planned switchover there and back, each way an episode like any other; pure.

The law of this file: a drill adds no way to move a pair. It begins only where nothing else is to be done or held,
goes back only where a person could order it, and where a way fails the pair stays where that left it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.decide import brakes, facts, journal, mirror
from maestro_operator.decide.moves import begin_move, flapping
from maestro_operator.decide.phases import PHASES
from maestro_operator.decide.verdict import Verdict, conclude
from maestro_operator.model.decision import Decision, Hold, Record, Steady
from maestro_operator.model.pair import OnFailure, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import Leg, Rehearsal, RehearsalKind, RehearsalResult, noted, under_way
from maestro_operator.model.steps import EpisodeKind, StepName

if TYPE_CHECKING:
    from maestro_operator.model.pair import Answer
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode, HistoryEntry, PairStatus

WAY_BACK_WITHIN = timedelta(minutes=30)
"""A way back that could not begin for so long is left to people."""
WAYS = 2


def asked(seen: Seen) -> Answer | None:
    """Return the first answer that asks for a drill and was not taken yet, or None."""
    words = (facts.answer(seen, entry.id, Say.DRILL) for entry in seen.status.history)
    return next((word for word in words if word is not None), None)


def begin_drill(seen: Seen, word: Answer, *, otherwise: Decision) -> Record:
    """Return the write that begins a drill, or that says why it is refused; either way the word is taken."""
    active = seen.status.active_node or ""
    taken = journal.take_answer(seen.status, word)
    drill = Rehearsal(id=word.of or seen.now, kind=RehearsalKind.DRILL, node=active, started_at=seen.now, by=word.by)
    against = _against(seen, word, otherwise)
    if against is not None:
        text = f"drill {drill.id} is refused: {against}"
        return Record(
            _closed(seen, taken, drill, result=RehearsalResult.REFUSED, message=against), Reason.DRILL_REFUSED, text
        )
    begun = begin_move(seen, EpisodeKind.SWITCHOVER, trigger=journal.DRILL)
    episode = begun.status.episode
    status = taken.model_copy(update={"episode": episode, "rehearsals": _with_leg(seen, drill, episode)})
    return Record(status=status, because=Reason.DRILLING, message=f"drill {drill.id}: {begun.message}")


def _against(seen: Seen, word: Answer, otherwise: Decision) -> str | None:
    """Return why no drill begins now, or None: it is no time for one while anything else is to be done or held."""
    newest = seen.status.history[0].id
    if word.episode != newest:
        return f"it was asked for after {word.episode}, and {newest} came since; ask again"
    if not isinstance(otherwise, Steady):
        return otherwise.message
    if seen.spec.active_node != seen.status.active_node:
        return f"{seen.status.active_node} is active and {seen.spec.active_node} is declared; make them one first"
    held = flapping(seen) or brakes.on_a_drill(seen)
    return f"{held.reason}: {held.message}" if held is not None else None


def drill_back(seen: Seen) -> Decision | None:
    """Go on with the drill under way once its first way has ended, or write down how it ended."""
    found = under_way(seen.status.rehearsals)
    if found is None:
        return None
    last, entry = found.legs[-1], _entry(seen, found.legs[-1])
    if entry is not None:
        settled = _settled(seen, last, entry)
        found = found.model_copy(update={"legs": (*found.legs[:-1], settled)})
    end = _end(seen, found, entry)
    if end is not None:
        result, text = end
        status = _closed(seen, seen.status, found, result=result, message=text)
        because = Reason.ALL_GOOD if result is RehearsalResult.PASSED else Reason.DRILL_FAILED
        return Record(status=status, because=because, message=f"drill {found.id}: {result}: {text}")
    waits = _not_yet(seen)
    if waits is not None:
        return Hold(Reason.DRILLING, f"the way back of drill {found.id} waits: {waits}")
    begun = begin_move(seen, EpisodeKind.SWITCHOVER, trigger=journal.DRILL, order=found.node)
    update = {"rehearsals": _with_leg(seen, found, begun.status.episode)}
    text = f"drill {found.id}: {begun.message}"
    return Record(status=begun.status.model_copy(update=update), because=Reason.DRILLING, message=text)


def called_off(seen: Seen, episode: Episode) -> Record | None:
    """End a way of a drill before its first effect, where an order would have to wait; no order is left undone."""
    is_begun = not all(PHASES[record.name].is_look for record in episode.steps)
    if episode.trigger != journal.DRILL or episode.step is not StepName.PREFLIGHT or is_begun:
        return None
    held = PHASES[StepName.PREFLIGHT].ready(seen, episode)
    if held is None:
        return None
    text = f"{episode.id} ends before its first effect: {held.message}"
    ended = journal.finish(seen, episode, result="Abandoned", because=held.reason, message=text)
    update = {"observed_active_node": seen.status.observed_active_node, "order_not_done": seen.status.order_not_done}
    return replace(ended, status=ended.status.model_copy(update=update))


def _end(seen: Seen, drill: Rehearsal, entry: HistoryEntry | None) -> tuple[RehearsalResult, str] | None:
    """Return how the drill has ended and where that leaves the pair, or None while its way back is to come."""
    last, stays = drill.legs[-1], _stays(seen, drill)
    if entry is None or entry.result != "Done":
        how = f"ended, {entry.result}{_why(entry)}" if entry is not None else "is not in the history"
        return RehearsalResult.FAILED, f"{last.episode} {how}; {stays}"
    if len(drill.legs) == WAYS:
        failed = [leg.target for leg in drill.legs if leg.is_verified is False]
        if failed:
            return RehearsalResult.FAILED, f"there and back, and checks failed on {' and '.join(failed)}; {stays}"
        return RehearsalResult.PASSED, f"there and back{_downtimes(drill)}; {stays}"
    return _end_over_there(seen, drill, entry)


def _end_over_there(seen: Seen, drill: Rehearsal, entry: HistoryEntry) -> tuple[RehearsalResult, str] | None:
    """Return why there will be no way back after a first way that was done, or None."""
    last, stays, status = drill.legs[-1], _stays(seen, drill), seen.status
    if status.active_node != last.target:
        return RehearsalResult.ENDED, f"the pair was moved meanwhile; {stays}"
    if not seen.spec.active_node == status.observed_active_node == drill.node:
        return RehearsalResult.ENDED, f"{seen.spec.active_node} was ordered meanwhile; {stays}"
    if last.is_verified is False and seen.spec.verification_policy.on_failure is OnFailure.STAY:
        return RehearsalResult.FAILED, f"checks failed on {last.target}{_why(entry)}; {stays}"
    if conclude(seen, last.target).verdict is Verdict.DOWN:
        return RehearsalResult.ENDED, f"{last.target} went down; {stays}"
    waits, since = _not_yet(seen), datetime.fromisoformat(entry.finished_at)
    if waits is not None and datetime.fromisoformat(seen.now) - since > WAY_BACK_WITHIN:
        minutes = int(WAY_BACK_WITHIN.total_seconds()) // 60
        return RehearsalResult.FAILED, f"the way back could not begin within {minutes} minutes: {waits}; {stays}"
    return None


def _not_yet(seen: Seen) -> str | None:
    """Return what the way back waits for, or None where it may begin."""
    active = seen.status.active_node or ""
    if not facts.owner_serves(seen):
        return f"{active} does not run every service"
    held = brakes.standby_able(seen, active, kind=EpisodeKind.SWITCHOVER) or brakes.out_of_sync(seen)
    return held.message if held is not None else None


def _stays(seen: Seen, drill: Rehearsal) -> str:
    """Say where the pair is left, and what people can do where that is not where it was."""
    active = seen.status.active_node
    if active in (drill.node, seen.spec.active_node):
        return f"{active} is active"
    named = seen.status.order_not_done
    answer = f"Retry to {named}" if named is not None else f"HandBack to {drill.legs[-1].episode}"
    return f"{active} stays active: accept that by activeNode, or answer {answer}"


def _why(entry: HistoryEntry) -> str:
    """Return what the step that failed last said."""
    said = [f"{step.name}: {step.message}" for step in entry.steps if step.state == "Failed" and step.message]
    return f" ({said[-1]})" if said else ""


def _downtimes(drill: Rehearsal) -> str:
    down = [f"{leg.target} {leg.downtime_seconds:.1f} s" for leg in drill.legs if leg.downtime_seconds is not None]
    return f", down for {', '.join(down)}" if down else ""


def _entry(seen: Seen, leg: Leg) -> HistoryEntry | None:
    return next((entry for entry in seen.status.history if entry.id == leg.episode), None)


def _settled(seen: Seen, leg: Leg, entry: HistoryEntry) -> Leg:
    """Return a leg with what it cost, once it is over."""
    took = datetime.fromisoformat(entry.finished_at) - datetime.fromisoformat(entry.started_at)
    made = next((step for step in entry.steps if step.name is StepName.VERIFY), None)
    is_verified = made.state == "Done" if made is not None and seen.spec.verification else None
    update = {
        "result": entry.result,
        "seconds": round(took.total_seconds(), 3),
        "downtime_seconds": entry.downtime_seconds,
        "is_verified": is_verified,
    }
    return leg.model_copy(update=update)


def _with_leg(seen: Seen, drill: Rehearsal, episode: Episode | None) -> tuple[Rehearsal, ...]:
    target = facts.other_name(seen, seen.status.active_node or "")
    age = mirror.copy_age_seconds(seen, target)
    lag = None if age is None else round(age, 1)
    leg = Leg(episode=episode.id if episode else "", target=target, lag_seconds=lag)
    return noted(seen.status.rehearsals, drill.model_copy(update={"legs": (*drill.legs, leg)}))


def _closed(seen: Seen, status: PairStatus, drill: Rehearsal, *, result: RehearsalResult, message: str) -> PairStatus:
    ended = drill.model_copy(
        update={"result": result, "message": message[: journal.MESSAGE_KEPT], "finished_at": seen.now}
    )
    return status.model_copy(update={"rehearsals": noted(status.rehearsals, ended)})
