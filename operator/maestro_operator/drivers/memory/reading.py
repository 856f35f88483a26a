"""What a memory node prints of itself when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.guard_twin import Standing
from maestro_operator.model.seen import Guard, GuardState, KeptBackup, NodeSeen, Replica, TriedRestore, Unit
from maestro_operator.model.status import EpochMark

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.guard_twin import Mark
    from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld

PORTS = (80, 5432)
VERSION = "memory"


def node_seen(world: MemoryWorld, node: MemoryNode) -> NodeSeen:
    """Return the node's reading as of now."""
    return NodeSeen(
        name=node.name,
        machine_id=node.machine_id,
        boot_id=node.boot_id,
        uptime_seconds=world.clock.monotonic_seconds() - node.booted_at_seconds,
        guard=_guard(node),
        units=tuple(Unit(name=unit, active="active" if unit in node.running else "inactive") for unit in world.units),
        holders=len(node.running),
        listeners=PORTS if node.running else (),
        pins=dict(node.pins),
        disk_free_bytes=10**9,
        memory_available_bytes=10**9,
        peer_left_seconds=_since(world, node.peer_left_at_seconds),
        replica=world.replica_of(node) or _replica(world, node),
        systemd_version=252,
    )


def _since(world: MemoryWorld, at_seconds: float | None) -> float | None:
    return None if at_seconds is None else world.clock.monotonic_seconds() - at_seconds


def _mark(mark: Mark | None) -> EpochMark | None:
    return EpochMark(number=mark.epoch, owner=mark.owner, episode=mark.episode) if mark else None


def _guard(node: MemoryNode) -> Guard:
    if not node.is_equipped:
        return Guard(GuardState.ABSENT)
    state = node.guard
    if state.standing is not Standing.VALID:
        known = GuardState(state.standing.value)
        return Guard(known, version=VERSION, peer_ready=node.has_peer_key, is_current=not node.is_outdated)
    permit, highest, grant = state.permit, state.maxpermit, state.grant
    return Guard(
        state=GuardState.VALID,
        pair_uid=state.pair,
        node=state.node,
        term=state.term,
        promised=_mark(state.promised),
        in_force=_mark(state.inforce),
        permit_epoch=permit.epoch if permit else None,
        permit_boot=permit.boot if permit else None,
        max_permit_epoch=highest.epoch if highest else 0,
        max_permit_boot=highest.boot if highest else None,
        final_epoch=state.final,
        grant_epoch=grant.epoch if grant else None,
        grant_source=grant.source if grant else None,
        quarantined_epoch=state.quarantined,
        may_run=state.may_run(node.boot_id),
        version=VERSION,
        peer_ready=node.has_peer_key,
        is_current=not node.is_outdated,
    )


def _replica(world: MemoryWorld, node: MemoryNode) -> Replica:
    newest, torn, now = node.newest(), node.torn(), world.clock.monotonic_seconds()
    return Replica(
        newest=newest.generation if newest else None,
        announced_age_seconds=now - newest.announced_at_seconds if newest else None,
        clock="uptime" if newest else "none",
        is_whole=newest is not None,
        torn=torn.generation if torn else None,
        torn_age_seconds=now - torn.announced_at_seconds if torn else None,
        sent=node.sent,
        sent_age_seconds=now - node.sent_at_seconds if node.sent_at_seconds is not None else None,
        live_present=node.records is not None,
        promoted=node.promoted,
        promoted_episode=node.promoted_episode,
        quarantine=tuple(node.quarantine.items()),
        queued=node.held[1] if node.held else None,
        queued_episode=node.held[0] if node.held else None,
        backups=tuple(
            KeptBackup(name, now - at_seconds, is_on_both=name in world.other(node.name).backups)
            for name, (_, at_seconds) in node.backups.items()
        ),
        tested=TriedRestore(node.tested[0], now - node.tested[1], node.tested[2]) if node.tested else None,
    )
