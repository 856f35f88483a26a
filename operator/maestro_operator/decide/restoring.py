"""A backup in the place of a copy or of the live data: only where a person names it and accepts what it loses.

The law of this file: nothing is restored unasked. What would be lost is said before anything is stopped or cut, and
what was live is kept aside by the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.decide.moves import begin
from maestro_operator.model import coarse
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName

if TYPE_CHECKING:
    from maestro_operator.model.seen import NodeSeen, Replica, Seen
    from maestro_operator.model.status import Episode

MOST_NAMED = 5
"""How much more than the loss of this moment a message asks for: the answer comes a little later."""


def restore(seen: Seen) -> Decision | None:
    """Bring a backup up in the place of the active node's data, when a person names one."""
    mark, active = seen.status.epoch.in_force, seen.status.active_node or ""
    node = facts.readable(seen, active)
    words = (facts.answer(seen, entry.id, Say.RESTORE) for entry in seen.status.history)
    word = next((word for word in words if word is not None), None)
    if word is None or word.of is None or node is None or mark is None or not facts.holds_epoch(node, mark):
        return None
    if seen.spec.replication.rsync is None:
        return Hold(Reason.NOT_CONFIGURED, "a mirror or shared disk is restored by hand: see the page of the driver")
    if not node.replica.restorable(word.of)[0]:
        text = f"{active} has no backup {word.of}; {named(node.replica)}; put it there, or take the answer Restore out"
        return Hold(Reason.BACKUP_ABSENT, text)
    begun = begin(seen, EpisodeKind.RESTORE, target=active, trigger=f"Restore of {word.of}")
    taken = journal.take_answer(begun.status, word)
    episode = begun.status.episode.model_copy(update={"restore": word.of}) if begun.status.episode else None
    return Record(status=taken.model_copy(update={"episode": episode}), because=Reason.ORDERED, message=begun.message)


def restore_of(seen: Seen, episode: Episode) -> str | None:
    """Return the backup that this episode brings up: frozen after Preflight, before it what the last answer names."""
    if episode.restore is not None or episode.kind is not EpisodeKind.FAILOVER:
        return episode.restore
    if episode.step not in (StepName.CONCLUDE, StepName.PREFLIGHT):
        return None
    words = facts.answers(seen, episode.id, Say.RESTORE)
    return words[-1].of if words else None


def is_up(seen: Seen, episode: Episode) -> bool:
    """Tell whether the target is read to have what this episode brings up as its live data."""
    node = facts.readable(seen, episode.target)
    return node is not None and node.replica.promoted_episode == episode.id


def named(replica: Replica) -> str:
    """Return in words what could be restored, the youngest first, each with what it would lose."""
    found = [(item.name, item.age_seconds) for item in replica.backups]
    if replica.torn is not None:
        found.append((str(replica.torn), replica.torn_age_seconds))
    if not found:
        return "no backup is kept there"
    ages = sorted(found, key=lambda item: float("inf") if item[1] is None else item[1])
    told = (f"{name} ({'age unknown' if age is None else coarse.age_words(age)})" for name, age in ages[:MOST_NAMED])
    return f"kept there: {', '.join(told)}"


def without(node: NodeSeen, item: str) -> Hold | None:
    """Return the hold of a node that does not have what shall be restored, or None."""
    if node.replica.restorable(item)[0]:
        return None
    return Hold(Reason.BACKUP_ABSENT, f"{node.name} has no backup {item}; {named(node.replica)}")


def unasked(seen: Seen, episode: Episode) -> str | None:
    """Return why a restore that stopped the service has nothing to bring up any more, or None."""
    node, item = facts.readable(seen, episode.target), episode.restore or ""
    if _is_withdrawn(seen, episode):
        return f"nobody asks for {item} any more"
    missing = without(node, item) if node is not None else None
    return missing.message if missing is not None else None


def _is_withdrawn(seen: Seen, episode: Episode) -> bool:
    return not any(word.say is Say.RESTORE and word.of == episode.restore for word in seen.spec.answers)


def with_ways(seen: Seen, episode: Episode, hold: Hold) -> Hold:
    """Add to the hold of a target without a whole copy what a person could have restored instead."""
    node = facts.readable(seen, episode.target)
    if hold.reason is not Reason.COPY_NOT_WHOLE or node is None:
        return hold
    return Hold(hold.reason, f"{hold.message}; {named(node.replica)}; to bring one up answer Restore to {episode.id}")


def restore_ready(seen: Seen, episode: Episode, *, stop_seconds: int) -> Hold | None:
    """Return what stands in the way of a restore before anything is stopped: chiefly what it would lose."""
    node, item = facts.readable(seen, episode.target), episode.restore or ""
    if node is None:
        return Hold(Reason.TARGET_UNREADABLE, f"{episode.target} cannot be read; {way_out(episode)}")
    missing = without(node, item)
    if missing is not None:
        return Hold(missing.reason, f"{missing.message}; put it there, {way_out(episode)}")
    _, age = node.replica.restorable(item)
    if age is None:
        text = f"the age of {item} is not known: look at the clock of {node.name}, {way_out(episode)}"
        return Hold(Reason.COPY_OVER_BUDGET, text)
    expected, accepted = age + stop_seconds, facts.answered_loss_seconds(seen, episode)
    if expected <= accepted:
        return None
    # What an automatic failover may lose is no word on what a restore may.
    most = coarse.loss_to_accept(expected)
    text = f"restoring {item} loses what {node.name} wrote in up to {most} s, {accepted:.0f} s are accepted"
    return Hold(Reason.COPY_OVER_BUDGET, f"{text}; answer AcceptLoss of {most} to {episode.id}, {way_out(episode)}")


def withdrawn(seen: Seen, episode: Episode) -> Decision | None:
    """End a restore that nothing was done for yet, when the answer that asked for it is taken out again."""
    if episode.kind is not EpisodeKind.RESTORE or episode.step is not StepName.PREFLIGHT:
        return None
    if not _is_withdrawn(seen, episode):
        return None
    text = f"{episode.id} ends before its first effect: nobody asks for {episode.restore} any more"
    return journal.finish(seen, episode, result="Abandoned", because=Reason.ORDERED, message=text)


def way_out(episode: Episode) -> str:
    """Return in words how a person leaves a restore before its data is up."""
    return f"or take the answer Restore of {episode.restore} out"
