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
OWNER_GOES_ON = (EpisodeKind.RENEW, EpisodeKind.RESTART, EpisodeKind.RESTORE, EpisodeKind.REPAIR)
SWAPS = (EpisodeKind.RENEW, EpisodeKind.RESTORE)
DISCOVERIES = (EpisodeKind.ACTIVATE, EpisodeKind.ADOPT)
STORED = (StepName.STORE_EPOCH, StepName.QUARANTINE, StepName.GRANT)
"""Steps of a Rejoin that leave something in the node's guard."""


def owner_lost(seen: Seen, episode: Episode) -> Record | None:
    """End what an owner does alone where its guard lost the epoch in force: the rules say what is left.

    Until the permit was swapped the guard may be an epoch behind what status says.
    """
    owner, mark = facts.readable(seen, episode.target), seen.status.epoch.in_force
    if episode.kind not in OWNER_GOES_ON or owner is None:
        return None
    is_not_yet = is_before(episode.kind, episode.step, StepName.START_SERVICES) and episode.kind in SWAPS
    holds = mark is not None and facts.holds_epoch(owner, mark)
    if facts.is_ours(seen, owner.guard) and (holds or is_not_yet):
        return None
    return _abandoned(seen, episode, owner)


def restored_anew(seen: Seen, episode: Episode) -> Record | None:
    """Restore once more where the owner was put back to before the restore, as long as nothing runs on it."""
    owner, record = facts.readable(seen, episode.target), episode.record(StepName.RESTORE)
    if episode.step is not StepName.SWAP_PERMIT or owner is None or record is None or record.state != "Done":
        return None
    if PHASES[StepName.RESTORE].done(seen, episode):
        return None
    return _back_to(seen, episode, StepName.RESTORE, why=f"{episode.restore} is not up on {owner.name} any more")


def discovered_anew(seen: Seen, episode: Episode) -> Record | None:
    """Begin a discovery anew where a guard that was installed lost the pair, or another machine stands there.

    A guard that lost its state gets another one: nobody was let in since. Another machine is looked at first. Once it
    was decided, only the adopted side is asked; one that was promoted is given its data back instead.
    """
    is_begun = any(episode.record(step) is not None for step in journal.CHANGES_OWNER)
    if episode.kind not in DISCOVERIES or (is_begun and episode.kind is EpisodeKind.ACTIVATE):
        return None
    asked = (episode.target,) if is_begun else seen.spec.names
    sides = [node for name in asked if (node := facts.readable(seen, name)) is not None]
    replaced = next((node for node in sides if facts.is_another_machine(node, episode)), None)
    if replaced is not None:
        return _abandoned(seen, episode, replaced)
    strangers = [node for node in sides if not facts.is_ours(seen, node.guard)]
    if not strangers or episode.step is StepName.EQUIP:
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
