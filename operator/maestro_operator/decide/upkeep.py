"""What is installed on the nodes: kept as this operator and this spec want it, or taken off; pure.

The law of this file: nothing that runs is stopped, and no node's state is written over. Nothing is taken off a node
before both were read, and never the guard of a standby that runs something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

BY_HAND = "/usr/local/lib/maestro-guard/release"


def newer_guard(seen: Seen) -> Decision | None:
    """Leave a pair alone whose state a newer guard wrote: a downgrade comes after it was undone there."""
    newer = [node.name for node in _readings(seen) if node.guard.state is GuardState.NEWER]
    if not newer:
        return None
    text = f"the guard's state on {' and '.join(newer)} was written by a newer guard: upgrade the operator"
    return Hold(Reason.GUARD_NEWER, text)


def release(seen: Seen) -> Decision | None:
    """Take everything off both nodes, once a person wants it; from then on do nothing."""
    if seen.spec.management is not Management.RELEASE:
        return None
    unread = [f"{name}: {node.message}" for name, node in seen.nodes.items() if isinstance(node, Unknown)]
    if unread:
        text = f"both nodes must be read; {'; '.join(unread)}; repair that, or run {BY_HAND} there as root"
        return Hold(Reason.PEER_UNREADABLE, text)
    readings = _readings(seen)
    if all(node.guard.state is GuardState.ABSENT for node in readings):
        text = "nothing is left on the nodes, and nothing keeps them apart any more; delete the resource"
        return Hold(Reason.RELEASED, text)
    ours = seen.status.pair_uid or seen.key.uid
    foreign = [node.name for node in readings if node.guard.pair_uid not in (None, ours)]
    if foreign:
        text = f"{' and '.join(foreign)} belong to another pair, whose own resource releases them"
        text = f"{text}: delete the resource, or set management to Enforce and adopt them first"
        return Hold(Reason.FOREIGN_PAIR, text)
    running = [node.name for node in readings if node.runs_something]
    owner = seen.status.active_node or next(iter(running), seen.spec.active_node)
    standby = facts.other_name(seen, owner)
    if standby in running:
        return Hold(Reason.SPLIT_BRAIN, f"{standby} runs something and {owner} is the active node; stop it first")
    return _begin(seen, EpisodeKind.RELEASE, owner=owner, trigger="management: Release")


def discard(seen: Seen) -> Decision | None:
    """Delete what is kept aside, when a person gives exactly that up."""
    taken = {(item.episode, item.say, item.of) for item in seen.status.taken_answers}
    said = [word for word in seen.spec.answers if word.say is Say.DISCARD_QUARANTINE]
    open_words = {word.of: word for word in said if (word.episode, word.say.value, word.of) not in taken}
    for node in _readings(seen):
        for name, _ in node.replica.quarantine:
            word = open_words.get(name)
            if word is None or not facts.is_ours(seen, node.guard):
                continue
            text = f"{name} on {node.name} was given up by {word.by or 'a person'}"
            episode = journal.begin(seen, EpisodeKind.DISCARD, target=node.name, trigger="DiscardQuarantine")
            status = journal.take_answer(seen.status, word)
            update = {"episode": episode.model_copy(update={"discard": name})}
            return Record(status=status.model_copy(update=update), because=Reason.ORDERED, message=text)
    return None


def is_discarded(seen: Seen, episode: Episode) -> bool:
    """Tell whether the node is read to keep it no more."""
    node = facts.readable(seen, episode.target)
    return node is not None and episode.discard not in {name for name, _ in node.replica.quarantine}


def refit(seen: Seen) -> Decision | None:
    """Install anew where a node has another version or configuration than this operator installs."""
    active = seen.status.active_node
    if active is None or not facts.owner_serves(seen):
        return None
    readings = _readings(seen)
    if len(readings) < len(seen.nodes) or not all(facts.is_ours(seen, node.guard) for node in readings):
        return None
    astray = [node.name for node in readings if not (node.guard.is_current and node.guard.peer_ready)]
    return _begin(seen, EpisodeKind.REFIT, owner=active, trigger=f"installed: {','.join(astray)}") if astray else None


def _readings(seen: Seen) -> list[NodeSeen]:
    return [node for node in seen.nodes.values() if isinstance(node, NodeSeen)]


def _begin(seen: Seen, kind: EpisodeKind, *, owner: str, trigger: str) -> Record:
    episode = journal.begin(seen, kind, target=owner, trigger=trigger)
    status = seen.status.model_copy(update={"episode": episode})
    return Record(status=status, because=Reason.ORDERED, message=f"{kind} begins: {trigger}")
