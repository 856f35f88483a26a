"""What a pair at rest must be without anybody: it says why it holds, and its nodes do without an operator (11, 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.guard_twin import Standing

if TYPE_CHECKING:
    from support.modelcheck.stage import Stage
    from support.modelcheck.state import State

SAYS_WHY = "13 what is held back says why"
DOES_ALONE = "11 the operator is not the outage"
ROUNDS = 3


def is_active(state: State) -> bool:
    """Tells whether the pair serves, or is gone while its nodes run on."""
    status = state.status
    if state.stores[0].is_gone or (state.rest is not None and state.rest.rule == "gone"):
        return True
    return status.get("state") == "Active" and state.world.writers() == [status.get("activeNode")]


def unattended(stage: Stage, state: State) -> str | None:
    """Returns what is wrong where the owner of a pair at rest reboots and no operator is there, or None."""
    owner = state.status.get("activeNode")
    if not is_active(state) or not owner or not _is_vouched_for(state, owner):
        return None
    alone = state.copied()
    stage.put(alone)
    alone.world.reboot(owner)
    for _ in range(ROUNDS):
        alone.world.run_guards()
    return None if alone.world.writers() == [owner] else f"{owner} rebooted, and its peer did not bring it up"


def _is_vouched_for(state: State, owner: str) -> bool:
    """Tells whether the peer can be asked and knows exactly the owner's epoch, with nothing promised beyond it."""
    node, peer = state.world.nodes[owner], state.world.other(owner)
    guards = (node.guard, peer.guard)
    are_well = all(guard.standing is Standing.VALID and guard.promised == guard.inforce for guard in guards)
    known = {mark and (mark.epoch, mark.owner) for mark in (node.guard.inforce, peer.guard.inforce)}
    asks = node.is_equipped and node.is_guarding and node.has_peer_key and peer.has_peer_key and peer.is_equipped
    knows = known == {(node.guard.inforce_epoch, owner)} and peer.guard.pair == node.guard.pair
    return are_well and knows and asks and state.world.reaches(owner, peer.name)
