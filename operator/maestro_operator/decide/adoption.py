"""What to do with a pair whose owner `status` does not know, or knows less of than a node does.

The law of this file: the last good owner leads (law 8). Who boots first, what Git said last and
which node answers decide nothing; a running service is never stopped and never gated by adoption.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.model.decision import Decision, Hold, Record
from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown
from maestro_operator.model.status import TakenAnswer
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen


def adopt(seen: Seen) -> Decision | None:
    """Discover who leads where status does not say it or is behind what a node knows."""
    if not _is_needed(seen):
        return None
    readings = [node for node in seen.nodes.values() if isinstance(node, NodeSeen)]
    foreign = _foreign(seen, readings)
    if foreign is not None:
        return foreign
    if len(readings) < len(seen.nodes):
        return _half_blind(seen, readings)
    first, second = readings
    if first.machine_id == second.machine_id:
        return Hold(Reason.NODES_INDISTINCT, "both nodes show the same machine-id; give each its own")
    return _with_both(seen, first, second)


def _is_needed(seen: Seen) -> bool:
    if seen.status.active_node is None:
        return True
    known = seen.status.epoch.in_force
    for node in seen.nodes.values():
        if isinstance(node, NodeSeen) and facts.is_ours(seen, node.guard):
            in_force = node.guard.in_force
            if in_force is not None and (known is None or in_force.number > known.number):
                return seen.status.episode is None
    return False


def _foreign(seen: Seen, readings: list[NodeSeen]) -> Decision | None:
    """Hold for nodes of another pair until an Adopt answer names their uid."""
    uids = {node.guard.pair_uid for node in readings if node.guard.pair_uid is not None}
    uids -= {seen.status.pair_uid or seen.key.uid}
    if not uids:
        return None
    uid = min(uids)
    episode = f"adopt-{uid}"
    word = facts.answer(seen, episode, Say.ADOPT)
    if word is not None and word.of == uid and len(uids) == 1 and seen.status.active_node is None:
        status = journal.take_answer(seen.status, word).model_copy(update={"pair_uid": uid})
        return Record(status=status, because=Reason.STEP_TAKEN, message=f"pair uid {uid} was adopted")
    text = f"the nodes belong to pair {uid}; answer {{episode: {episode}, say: Adopt, of: {uid}}} to adopt"
    return Hold(Reason.FOREIGN_PAIR, text)


def _half_blind(seen: Seen, readings: list[NodeSeen]) -> Decision:
    if not readings:
        return Hold(Reason.NOBODY_READABLE, f"neither node can be read: {_why_not(seen)}")
    node = readings[0]
    if node.runs_something:
        return Hold(Reason.PEER_UNREADABLE, f"{node.name} runs; {_why_not(seen)}; nothing is touched")
    return Hold(Reason.WAIT_FOR_USER, f"{node.name} is stopped; {_why_not(seen)}; repair its access")


def _why_not(seen: Seen) -> str:
    items = ((name, node) for name, node in seen.nodes.items() if isinstance(node, Unknown))
    return "; ".join(f"{name} cannot be read: {node.reason}, {node.message}" for name, node in items)


def _with_both(seen: Seen, first: NodeSeen, second: NodeSeen) -> Decision:
    declared = seen.spec.active_node
    owner = _last_owner(first, second)
    running = [node.name for node in (first, second) if node.runs_something]
    lost = [node.name for node in (first, second) if node.guard.state is GuardState.LOST]
    if owner is None and not running:
        if lost:
            text = f"the guard's state is lost on {' and '.join(lost)}; it may have owned an epoch"
            return Hold(Reason.WAIT_FOR_USER, text)
        return _begin(seen, EpisodeKind.ACTIVATE, declared)
    leader = running[0] if running else owner
    if leader == owner or owner is None:
        if leader == declared:
            return _begin(seen, EpisodeKind.ADOPT, declared)
        text = f"{leader} leads and {declared} is declared; set activeNode to {leader} to adopt it"
        return Hold(Reason.WAIT_FOR_USER, text)
    text = f"{leader} runs and {owner} owns the highest epoch; stop {leader}, or decide by hand"
    return Hold(Reason.WAIT_FOR_USER, text)


def _last_owner(*nodes: NodeSeen) -> str | None:
    """Return the owner of the highest epoch in force, or None where none ever was."""
    marks = [node.guard.in_force for node in nodes if node.guard.in_force is not None]
    return max(marks, key=lambda mark: mark.number).owner if marks else None


def _begin(seen: Seen, kind: EpisodeKind, owner: str) -> Record:
    status = seen.status
    uid = status.pair_uid or seen.key.uid
    episode = journal.begin(
        seen,
        kind,
        source=facts.other_name(seen, owner),
        target=owner,
        trigger="Discovered",
        epoch=facts.next_epoch(seen),
        order=owner,
    )
    seen_before = tuple(TakenAnswer(episode=item.episode, say=item.say.value, of=item.of) for item in seen.spec.answers)
    update = {
        "pair_uid": uid,
        "episode": episode,
        "taken_answers": status.taken_answers if status.active_node else seen_before,
    }
    text = f"{kind} {owner} as epoch {episode.epoch}"
    return Record(status=status.model_copy(update=update), because=Reason.STEP_TAKEN, message=text)
