"""The guard of a memory node: the twin decides, the node keeps and does what was decided.

The law of this file: the twin alone says what is refused. Here its answer is only turned into an
outcome, as `transport.guard` turns the real guard's, and what the real guard does beside its
state is done to the node.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.guard_twin import Permit, Standing, apply, usable
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.world import MemoryNode
    from maestro_operator.drivers.ports import Order

REFUSED = 10
STOPS = ("demote", "revoke")
_REFUSALS = {"ForeignPair": Reason.FOREIGN_PAIR, "LowerTerm": Reason.LOWER_TERM}


def obey(node: MemoryNode, order: Order) -> Outcome:
    """Give an order to a node's guard, and do on the node what the real guard does then."""
    node.guard, answer = apply(node.guard, order, boot=node.boot_id)
    if answer.is_done:
        if order.verb in STOPS:
            node.running.clear()
        if order.verb == "receipt" and order.kind is not None and order.epoch is not None:
            node.receipts[order.kind] = Permit(order.epoch, node.boot_id)
        return Done({"changed": "yes" if answer.is_changed else "no"})
    text = f"{node.name}: {order.verb}: {answer.word}: {answer.message}"
    if answer.code == REFUSED:
        return Refused(_REFUSALS.get(answer.word, Reason.REFUSED_BY_GUARD), text, answer.word)
    return Failed(Reason.STATE_LOST, text)


def use_receipt(node: MemoryNode, kind: str) -> bool:
    """Take a receipt of a node's guard away and tell whether it was good."""
    receipt = node.receipts.pop(kind, None)
    if receipt is None or receipt.boot != node.boot_id:
        return False
    return not usable(node.guard, kind=kind, epoch=receipt.epoch, boot=node.boot_id)


def take_a_round(node: MemoryNode, peer: MemoryNode, *, peer_answers: bool) -> str:
    """Do once what the guard's own daemon does every few seconds; return what it did, if anything."""
    guard = node.guard
    if guard.standing is not Standing.VALID:
        return ""
    if guard.needs_confirmation(node.boot_id):
        return _ask_to_confirm(node, peer) if peer_answers else ""
    if guard.may_run(node.boot_id):
        return _watch(node, peer) if peer_answers else ""
    if guard.inforce is not None and guard.inforce.owner != node.name and node.running:
        node.running.clear()
        return f"{node.name} stopped what it may not run"
    return ""


def _ask_to_confirm(node: MemoryNode, peer: MemoryNode) -> str:
    epoch = node.guard.inforce_epoch
    if peer.guard.vouches_for(node.name, pair=node.guard.pair) != "yes" or peer.guard.inforce_epoch != epoch:
        return ""
    permit = Permit(epoch, node.boot_id)
    node.guard = replace(node.guard, permit=permit, maxpermit=permit, final=None)
    node.pins = dict.fromkeys(node.pins, node.address)
    if node.records is None:
        return f"{node.name} was confirmed and has no data to start on"
    node.running |= set(node.units)
    return f"{node.name} was confirmed by its peer"


def _watch(node: MemoryNode, peer: MemoryNode) -> str:
    theirs = peer.guard.inforce
    is_ours = peer.guard.standing is Standing.VALID and peer.guard.pair == node.guard.pair
    if not is_ours or theirs is None or theirs.owner == node.name or theirs.epoch < node.guard.inforce_epoch:
        return ""
    node.guard = replace(node.guard, permit=None, final=None)
    node.running.clear()
    return f"{node.name} heard of epoch {theirs.epoch} of {theirs.owner} and stopped"
