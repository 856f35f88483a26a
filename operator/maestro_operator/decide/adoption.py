"""What to do with a pair whose owner `status` does not know, or knows less of than a node does.

The law of this file: the last good owner leads (law 8). Who boots first, what Git said last and
which node answers decide nothing. A running service is neither stopped nor gated by adoption, but where two run
and an epoch names the one.
"""

from __future__ import annotations

from dataclasses import replace
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
    from maestro_operator.model.status import EpochMark

ANSWERS_KEPT = 50

MENDED_BY_AN_EDIT = (
    Reason.WRONG_HOST_KEY,
    Reason.WRONG_CREDENTIALS,
    Reason.SECRET_MISSING,
    Reason.ADDRESS_REFUSED,
    Reason.INVALID_SPEC,
)
"""Reasons for which a node cannot be read that lie in the resource or its Secrets."""


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
    if seen.status.episode is None and _is_released(seen):
        return True
    known = seen.status.epoch.in_force
    for node in seen.nodes.values():
        if isinstance(node, NodeSeen) and facts.is_ours(seen, node.guard):
            in_force = node.guard.in_force
            if in_force is not None and (known is None or in_force.number > known.number):
                return seen.status.episode is None
    return False


def _is_released(seen: Seen) -> bool:
    """Tell whether both nodes were read to have no guard: everything was taken off, and the pair is managed again."""
    return all(isinstance(node, NodeSeen) and node.guard.state is GuardState.ABSENT for node in seen.nodes.values())


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
        return Hold(_because(seen, Reason.NOBODY_READABLE), f"neither node can be read: {_why_not(seen)}")
    node = readings[0]
    if node.runs_something:
        return Hold(_because(seen, Reason.PEER_UNREADABLE), f"{node.name} runs; {_why_not(seen)}; nothing is touched")
    if node.guard.state is not GuardState.VALID:
        text = f"{node.name} is stopped and its guard is {node.guard.state}; {_why_not(seen)}; repair its access"
        return Hold(_because(seen, Reason.WAIT_FOR_USER), text)
    return _given_up(seen, node)


def _given_up(seen: Seen, node: NodeSeen) -> Decision:
    """Wait at a stopped node beside an unreadable one, until a person gives that one up.

    The node whose own guard names it the last owner has the data and is adopted; another one has a copy of them and
    takes over by a Failover. Either way the unreadable side must be proven off.
    """
    gone = facts.other_name(seen, node.name)
    name = f"discover-{gone}-{facts.next_epoch(seen)}"
    word = facts.answer(seen, name, Say.FAIL_OVER, Say.CONFIRM_FENCED)
    if word is None:
        text = f"answer {{episode: {name}, say: FailOver}}, or ConfirmFenced of {gone} if it is certainly off"
        return Hold(Reason.WAIT_FOR_USER, f"{node.name} is stopped; {_why_not(seen)}; repair its access, or {text}")
    mark = node.guard.in_force
    is_owner = mark is not None and mark.owner == node.name and node.has_data_of(mark)
    begun = _begin(
        seen,
        EpisodeKind.ADOPT if is_owner else EpisodeKind.FAILOVER,
        node.name,
        named=name,
        trigger=f"{word.say} of {gone}",
    )
    # Every other answer is of the time before; this one still serves as the word that the node is off.
    kept = tuple(item for item in begun.status.taken_answers if (item.episode, item.say) != (name, word.say.value))
    return replace(begun, status=begun.status.model_copy(update={"taken_answers": kept}))


def _because(seen: Seen, otherwise: Reason) -> Reason:
    """Return the reason for which a node cannot be read where an edit mends it: that is the news, not the silence."""
    reasons = (node.reason for node in seen.nodes.values() if isinstance(node, Unknown))
    return next((reason for reason in reasons if reason in MENDED_BY_AN_EDIT), otherwise)


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
            text = f"the guard's state is lost on {' and '.join(lost)}, which may have owned an epoch"
            text = f"{text}: switch it off to let the other one go on"
            return Hold(Reason.WAIT_FOR_USER, text)
        return _activated(seen)
    pair = (first, second) if owner == first.name else (second, first)
    leader = running[0] if running else (owner := _last_good_owner(*pair))
    if leader is None and not lost and _never_permitted(first, second):
        return _activated(seen)
    if leader is None:
        text = (
            "the last owner never had its data, nor has the other one: switch it off to bring the other one's copy up"
        )
        return Hold(Reason.WAIT_FOR_USER, text)
    if leader == owner or owner is None:
        if leader == declared:
            return _begin(seen, EpisodeKind.ADOPT, declared)
        text = f"{leader} leads and {declared} is declared; set activeNode to {leader} to adopt it"
        return Hold(Reason.WAIT_FOR_USER, text)
    text = f"{leader} runs and {owner} owns the highest epoch; stop {leader}, or decide by hand"
    return Hold(Reason.WAIT_FOR_USER, text)


def _activated(seen: Seen) -> Decision:
    """Bring the declared node up where no guard knows of an owner, unless status knows of another one."""
    declared, known = seen.spec.active_node, seen.status.active_node
    if known in (None, declared):
        return _begin(seen, EpisodeKind.ACTIVATE, declared)
    text = f"{known} was active when everything was taken off, and {declared} is declared; set activeNode to {known}"
    return Hold(Reason.WAIT_FOR_USER, text)


def _never_permitted(*nodes: NodeSeen) -> bool:
    """Tell whether no guard ever let its node in: whatever epoch is in force, nothing was written under it."""
    return all(node.guard.max_permit_epoch == 0 for node in nodes)


def _last_owner(*nodes: NodeSeen) -> str | None:
    """Return the owner of the highest epoch in force, or None where none ever was."""
    marks = [node.guard.in_force for node in nodes if node.guard.in_force is not None]
    return max(marks, key=lambda mark: mark.number).owner if marks else None


def _last_good_owner(owner: NodeSeen, other: NodeSeen) -> str | None:
    """Return who leads where neither runs: the last owner, unless it never came to have its data.

    One that has not its own epoch in force, or never had that epoch's data, is no good one: the data of the other
    one, which was permitted last, is the newest. None where that one has none either.
    """
    mark = owner.guard.in_force
    if mark is not None and mark.owner == owner.name and owner.has_data_of(mark):
        return owner.name
    was_last = other.guard.max_permit_epoch > owner.guard.max_permit_epoch
    return other.name if was_last and other.replica.live_present else None


def split_brain(seen: Seen) -> Decision | None:
    """Stop the one of two running nodes that the epochs do not name; where they name none, touch nothing."""
    readings = [node for node in seen.nodes.values() if isinstance(node, NodeSeen) and node.runs_something]
    if len(readings) < len(seen.nodes) or seen.status.episode is not None:
        return None
    first, second = readings
    if first.machine_id == second.machine_id:
        return Hold(Reason.NODES_INDISTINCT, "both nodes show the same machine-id; give each its own")
    uid = seen.status.pair_uid or seen.key.uid
    strangers = [node.name for node in readings if node.guard.pair_uid not in (None, uid)]
    mark = _last_mark(seen, readings)
    if mark is None or strangers:
        why = f"{' and '.join(strangers)} of another pair" if strangers else "no epoch names an owner"
        return Hold(Reason.SPLIT_BRAIN, f"both nodes run the services and {why}: nothing is touched; see the runbook")
    episode = journal.begin(
        seen,
        EpisodeKind.SEPARATE,
        target=facts.other_name(seen, mark.owner),
        trigger=Reason.SPLIT_BRAIN.value,
        epoch=mark.number,
    )
    status = seen.status.model_copy(update={"episode": episode, "pair_uid": uid})
    text = f"both nodes run the services and epoch {mark.number} is {mark.owner}'s: {episode.target} is stopped"
    return Record(status=status, because=Reason.SPLIT_BRAIN, message=text)


def _last_mark(seen: Seen, readings: list[NodeSeen]) -> EpochMark | None:
    """Return the highest epoch in force that status or a node knows, or None where there is none."""
    found = [node.guard.in_force for node in readings if node.guard.in_force is not None]
    known = seen.status.epoch.in_force
    return max([*found, *([known] if known else [])], key=lambda mark: mark.number, default=None)


def _with_answers(seen: Seen) -> tuple[TakenAnswer, ...]:
    """Return the taken answers with all that stand in the spec among them."""
    there = (TakenAnswer(episode=item.episode, say=item.say.value, of=item.of) for item in seen.spec.answers)
    return tuple(dict.fromkeys((*seen.status.taken_answers, *there)))[-ANSWERS_KEPT:]


def _begin(
    seen: Seen, kind: EpisodeKind, owner: str, *, named: str | None = None, trigger: str = "Discovered"
) -> Record:
    status = seen.status
    uid = status.pair_uid or seen.key.uid
    episode = journal.begin(
        seen,
        kind,
        target=owner,
        trigger=trigger,
        epoch=facts.next_epoch(seen),
        order=owner if owner == seen.spec.active_node else None,
        named=named,
    )
    # What people said of episodes before the discovery is said of another world.
    update = {
        "pair_uid": uid,
        "episode": episode,
        "taken_answers": _with_answers(seen),
    }
    text = f"{kind} {owner} as epoch {episode.epoch}"
    return Record(status=status.model_copy(update=update), because=Reason.STEP_TAKEN, message=text)
