"""What is decided for a virtual machine that a cluster keeps between the two nodes.

The law of this file: pure, and the cluster decides in an outage. No host is fenced, and no machine is started or
stopped; it is moved where people order that, from a host that was read to run it. A machine that is read to run on both
hosts is touched by nobody. The rules of `rules` ask here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, journal
from maestro_operator.decide.moves import flapping
from maestro_operator.decide.verdict import conclude, conclude_service
from maestro_operator.decide.where import in_words, may_come, runs
from maestro_operator.model.decision import Assessment, Decision, Hold, Judged, Record
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen


def nothing_installed(seen: Seen) -> Decision | None:
    """Say of a machine's hosts that nothing is on them that could be taken off."""
    if seen.spec.management is not Management.RELEASE:
        return None
    return Hold(Reason.RELEASED, "nothing was ever installed on the machine's hosts; delete the resource")


def runs_twice(seen: Seen) -> Decision | None:
    """Touch nothing of a machine that is read to run on both hosts."""
    if not all(runs(seen, name) for name in seen.spec.names):
        return None
    text = f"{in_words(seen)}: nothing is touched; let its cluster stop the one that is not meant, by its own means"
    return Hold(Reason.SPLIT_BRAIN, f"{text}, and see the runbook")


def found(seen: Seen) -> Decision | None:
    """Take a machine over as it runs, where both hosts were read and it runs on the declared one alone."""
    if seen.status.active_node is not None:
        return None
    unread = [name for name, node in seen.nodes.items() if isinstance(node, Unknown)]
    if unread:
        reason = Reason.NOBODY_READABLE if len(unread) == len(seen.nodes) else Reason.PEER_UNREADABLE
        return Hold(reason, f"{in_words(seen)}: repair the access to both hosts")
    host = next((name for name in seen.spec.names if runs(seen, name)), None)
    if host is None:
        return _down(seen)
    if host != seen.spec.active_node:
        text = f"it runs on {host} and {seen.spec.active_node} is declared; set activeNode to {host} to adopt it"
        return Hold(Reason.WAIT_FOR_USER, text)
    return _begin(seen, EpisodeKind.FOLLOW, host, trigger="Discovered", order=host)


def followed(seen: Seen) -> Decision | None:
    """Follow a machine that its cluster has running on the other host."""
    active = seen.status.active_node or ""
    other = facts.other_name(seen, active)
    if not runs(seen, other) or runs(seen, active):
        return None
    return _begin(seen, EpisodeKind.FOLLOW, other, trigger="ClusterMoved")


def moved_by_answer(seen: Seen) -> Decision | None:
    """Move the machine back after its cluster moved it, or try an order anew, as a person says."""
    wanted, status = seen.spec.active_node, seen.status
    if wanted == status.active_node:
        return None
    asked = [(entry.id, Say.HAND_BACK) for entry in status.history if entry.kind is EpisodeKind.FOLLOW]
    asked += [(status.order_not_done, Say.RETRY)] if status.order_not_done else []
    for episode, say in asked:
        word = facts.answer(seen, episode, say)
        if word is not None:
            begun = _moved(seen, trigger=say.value)
            if isinstance(begun, Hold):
                return begun
            return Record(journal.take_answer(begun.status, word), begun.because, begun.message)
    return None


def moved_by_order(seen: Seen) -> Decision | None:
    """Move the machine where a changed `spec.activeNode` orders it, while both hosts can be read."""
    wanted, status = seen.spec.active_node, seen.status
    if wanted in (status.observed_active_node, status.active_node):
        return None
    return flapping(seen) or _moved(seen, trigger="Ordered")


def cluster_decides(seen: Seen) -> Decision | None:
    """Say of a machine that runs on no host that can be read what its cluster, or a person, has to do."""
    return None if runs(seen, seen.status.active_node or "") else _down(seen)


def undone(seen: Seen) -> Decision | None:
    """Say that an order to move the machine was left undone until a person repeats it or takes it back."""
    left = seen.status.order_not_done
    if left is None or seen.spec.active_node == seen.status.active_node:
        return None
    text = f"{left} was not carried out; answer {{episode: {left}, say: Retry}}, or restore activeNode"
    return Hold(Reason.ORDER_NOT_DONE, text)


def _down(seen: Seen) -> Hold:
    text = f"{in_words(seen)}: its cluster decides; repair that, or start it on one host by the cluster's own means"
    return Hold(Reason.MACHINE_DOWN, f"{text}; it is followed, and never started or fenced from here")


def _moved(seen: Seen, *, trigger: str) -> Record | Hold:
    """Begin the move to the ordered host, or say what it waits for."""
    wanted = seen.spec.active_node
    if not runs(seen, facts.other_name(seen, wanted)):
        return _down(seen)
    held = may_come(seen, wanted)
    if held is not None:
        return Hold(held.reason, f"the order waits: {held.message}")
    return _begin(seen, EpisodeKind.MIGRATE, wanted, trigger=trigger, order=wanted)


def _begin(seen: Seen, kind: EpisodeKind, target: str, *, trigger: str, order: str | None = None) -> Record:
    epoch = facts.next_epoch(seen)
    episode = journal.begin(seen, kind, target=target, trigger=trigger, epoch=epoch, order=order)
    update = {"episode": episode, "pair_uid": seen.status.pair_uid or seen.key.uid}
    text = f"{kind} to {target} begins: {trigger}"
    return Record(status=seen.status.model_copy(update=update), because=Reason.ORDERED, message=text)


def _peer_not_ready(seen: Seen) -> Hold | None:
    """Return why the other host could not take the machine now, or None where it could."""
    active = seen.status.active_node
    if active is None:
        return Hold(Reason.WAIT_FOR_USER, "nobody is known to be active")
    held = may_come(seen, facts.other_name(seen, active))
    return Hold(Reason.PEER_NOT_READY, held.message) if held is not None else None


def assess(seen: Seen) -> Assessment:
    """Return what the rules make of this look, for the report; copies and fences are the cluster's own."""
    names, service = seen.spec.names, conclude_service(seen)
    verdicts = {name: conclude(seen, name) for name in names}
    decides = Hold(Reason.CLUSTER_DECIDES, "the machine's cluster decides in an outage, and not this operator")
    return Assessment(
        verdicts={name: it.verdict.value for name, it in verdicts.items()},
        reasons={name: it.reason for name, it in verdicts.items()},
        service=Judged(service.verdict.value, service.reason, service.message),
        no_outage=decides,
        brakes=(decides,),
        peer_not_ready=_peer_not_ready(seen),
        out_of_sync=decides,
        fencing_ready=dict.fromkeys(names, False),
    )
