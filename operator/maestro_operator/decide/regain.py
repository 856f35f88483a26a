"""What to do where a node loses, in the middle of an episode, what its guard knew: its state, its disk or itself.

The law of this file: what was promoted is promoted anew only where its data cannot be older than what it was promoted
with. A machine that stands in another one's place has none, and a person says what becomes of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.decide.phases import PHASES
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState
from maestro_operator.model.steps import STEPS, EpisodeKind, StepName, is_before

if TYPE_CHECKING:
    from maestro_operator.model.seen import NodeSeen, Seen
    from maestro_operator.model.status import Episode

UNTIL_IT_SERVES = (StepName.PROMOTE, StepName.LOCALISE, StepName.MOVE_TRAFFIC, StepName.START_SERVICES)
OWNER_GOES_ON = (EpisodeKind.RENEW, EpisodeKind.RESTART, EpisodeKind.RESTORE)
DISCOVERIES = (EpisodeKind.ACTIVATE, EpisodeKind.ADOPT)
STORED = (StepName.STORE_EPOCH, StepName.QUARANTINE, StepName.GRANT)
"""Steps of a Rejoin that leave something in the node's guard."""


def owner_lost(seen: Seen, episode: Episode) -> Record | None:
    """End what an owner does alone where its guard does not know the pair any more: the rules say what is left."""
    owner = facts.readable(seen, episode.target)
    if episode.kind not in OWNER_GOES_ON or owner is None or facts.is_ours(seen, owner.guard):
        return None
    return _abandoned(seen, episode, owner)


def discovered_anew(seen: Seen, episode: Episode) -> Record | None:
    """Begin a discovery anew, as long as nothing was decided by it, where a guard that was installed lost the pair.

    A guard that lost its state gets another one: nobody was let in since. Another machine is looked at first.
    """
    is_begun = any(episode.record(step) is not None for step in journal.CHANGES_OWNER)
    if episode.kind not in DISCOVERIES or is_begun or episode.step is StepName.EQUIP:
        return None
    sides = [node for name in seen.spec.names if (node := facts.readable(seen, name)) is not None]
    strangers = [node for node in sides if not facts.is_ours(seen, node.guard)]
    if not strangers:
        return None
    if all(_is_itself(seen, episode, node) for node in strangers):
        return _back_to(seen, episode, StepName.EQUIP, why=f"{strangers[0].name} lost its guard's state")
    return _abandoned(seen, episode, strangers[0])


def rejoined_anew(seen: Seen, episode: Episode) -> Record | None:
    """End a Rejoin whose node lost what an earlier step stored in its guard: it rejoins from the beginning."""
    node = facts.readable(seen, episode.target)
    if episode.kind is not EpisodeKind.REJOIN or node is None or is_before(episode.kind, episode.step, StepName.STOP):
        return None
    stored = (step for step in STORED if is_before(episode.kind, step, episode.step))
    if facts.is_ours(seen, node.guard) and all(PHASES[step].done(seen, episode) for step in stored):
        return None
    return _abandoned(seen, episode, node)


def regain(seen: Seen, episode: Episode) -> Decision | None:
    """Give a target back what it was promoted to, between Promote's intent and its services' start."""
    target = facts.readable(seen, episode.target)
    if StepName.PROMOTE not in STEPS[episode.kind] or episode.step not in UNTIL_IT_SERVES or target is None:
        return None
    if PHASES[StepName.PROMOTE].done(seen, episode):
        return None
    if _is_itself(seen, episode, target):
        return _promoted_anew(seen, episode, target)
    if episode.kind is EpisodeKind.ACTIVATE:
        # Nothing but its own data was ever anywhere: what stands there now is made fit for its own.
        return _back_to(seen, episode, StepName.EQUIP, why=f"{target.name} is not what was promoted any more")
    return _gone(seen, episode, target)


def promised_away(seen: Seen, episode: Episode) -> Record | None:
    """End an episode whose target was promised a later epoch by nobody that the journal knows, and gets no permit.

    What is left is a Renew of that owner, as at rest.
    """
    owner, mark, promise = facts.readable(seen, episode.target), seen.status.epoch.in_force, facts.promise_above(seen)
    if episode.step is not StepName.START_SERVICES or owner is None or mark is None or promise is None:
        return None
    if facts.is_yielded(promise) or owner.guard.promised != promise or not facts.holds_epoch(owner, mark):
        return None
    text = f"{episode.id} ends: epoch {promise.number} was promised to {owner.name} in {promise.episode}"
    return journal.finish(seen, episode, result="Abandoned", because=Reason.OVERTAKEN, message=text)


def _is_itself(seen: Seen, episode: Episode, target: NodeSeen) -> bool:
    """Tell whether the machine that was promoted stands there still, whatever its guard knows."""
    knows = target.guard.state is GuardState.LOST or facts.is_ours(seen, target.guard)
    return knows and not facts.is_another_machine(target, episode)


def _promoted_anew(seen: Seen, episode: Episode, target: NodeSeen) -> Decision | None:
    if episode.step is StepName.PROMOTE:
        return None
    is_put_back = target.guard.state is not GuardState.LOST
    if is_put_back and episode.record(StepName.START_SERVICES) is not None:
        text = f"{target.name} was put back to before {episode.id} promoted it, and what it wrote since is gone"
        return Hold(Reason.NODE_ROLLED_BACK, f"{text}; {give_up(episode)}")
    return _back_to(seen, episode, StepName.PROMOTE, why=f"{target.name} lost what it was promoted to")


def _gone(seen: Seen, episode: Episode, target: NodeSeen) -> Decision:
    if episode.kind is EpisodeKind.TAKE_BACK:
        return _abandoned(seen, episode, target)
    text = f"{target.name} is not what was promoted any more, its guard is {target.guard.state}; {give_up(episode)}"
    return Hold(Reason.STATE_LOST, text)


def _abandoned(seen: Seen, episode: Episode, node: NodeSeen) -> Record:
    text = f"{episode.id} cannot go on: the guard of {node.name} is {node.guard.state} and lost what it was told"
    return journal.finish(seen, episode, result="Abandoned", because=Reason.STATE_LOST, message=text)


def give_up(episode: Episode) -> str:
    """Say how a person gives the target up for the other side, where that is possible."""
    return f"answer FailOver of {episode.id} to give it up and have {episode.source} take back, which must be there"


def _back_to(seen: Seen, episode: Episode, step: StepName, *, why: str) -> Record:
    again = episode.model_copy(update={"step": step})
    status = seen.status.model_copy(update={"episode": again})
    return Record(status=status, because=Reason.STATE_LOST, message=f"{episode.id} goes back to {step}: {why}")
