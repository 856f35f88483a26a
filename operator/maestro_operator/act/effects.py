"""What each step does to the world: a few verbs of the ports, in the order the step needs.

The law of this file: an effect begins only after its intent was written, and a promotion or an
adoption takes the `Proof` as an argument. Each function is idempotent and ends at the first verb
that is not `Done`.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from maestro_operator.act.acting import Acting
from maestro_operator.act.combined import first_bad, in_order
from maestro_operator.act.keeping import discard, hold_queue, restore
from maestro_operator.act.receipts import may_come_up_alone, standby_lost
from maestro_operator.act.steering import localise, lower_ttl, move_traffic
from maestro_operator.act.stopping import quiesce, stop_source
from maestro_operator.drivers.ports import Drivers, Equipment
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.pair import GRACEFUL
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen
from maestro_operator.model.steps import BY_A_CLUSTER, DEADLINE_SECONDS, KEEPS_DATA, EpisodeKind, StepName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from maestro_operator.model.decision import Perform
    from maestro_operator.model.proof import Proof
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import FrozenNode


RENEWED_THE_LONG_WAY = ("NotPermittedThisBoot", "LowerEpoch")
"""What the guard refuses to an owner that rebooted, or was promised more meanwhile."""
LEFT_AND_PERMITTED = ("NotOwner",)
"""What it refuses to one that gave way; only where it was permitted last are its data the newest."""


async def perform(drivers: Drivers, seen: Seen, action: Perform) -> Outcome:
    """Perform one step whose intent was written, within its deadline."""
    seconds = float(DEADLINE_SECONDS[action.step])
    acting = Acting(drivers, seen, action, seconds)
    try:
        async with asyncio.timeout(seconds):
            return await EFFECTS[action.step](acting)
    except TimeoutError:
        return Failed(Reason.TIMED_OUT, f"{action.step} did not end within {seconds:.0f} s")


async def _equip(acting: Acting) -> Outcome:
    """Put the guard on both nodes, create its state where there is none, introduce the peers."""
    status, nodes = acting.action.status, (acting.source, acting.target)

    async def install(node: FrozenNode) -> Outcome:
        equipment = Equipment(status.pair_uid or "", acting.seen.spec, node.name)
        return await acting.drivers.nodes.equip(node, equipment, deadline_seconds=acting.deadline_seconds)

    installed = await asyncio.gather(*(install(node) for node in nodes))
    bad = first_bad(list(installed))
    if not isinstance(bad, Done):
        return bad
    keys = [item.facts.get("public_key", "") for item in installed if isinstance(item, Done)]
    created = await asyncio.gather(*(_create(acting, node) for node in nodes))
    bad = first_bad(list(created))
    if not isinstance(bad, Done):
        return bad
    introduced = await asyncio.gather(
        *(
            acting.drivers.nodes.introduce(
                node, peer=peer, peer_public_key=key, deadline_seconds=acting.deadline_seconds
            )
            for node, peer, key in zip(nodes, reversed(nodes), reversed(keys), strict=True)
        )
    )
    return first_bad(list(introduced))


async def _create(acting: Acting, node: FrozenNode) -> Outcome:
    reading = acting.seen.nodes.get(node.name)
    state = reading.guard.state if isinstance(reading, NodeSeen) else None
    if state is GuardState.VALID:
        return await acting.order(node, "lead")
    return await acting.order(node, "create", anew=state is GuardState.LOST)


async def _raise(acting: Acting) -> Outcome:
    episode = acting.episode
    return await acting.order(acting.target, "promise", epoch=episode.epoch, owner=episode.target)


async def _final_sync(acting: Acting) -> Outcome:
    return await acting.drivers.replication.final_sync(
        acting.source, acting.target, deadline_seconds=acting.deadline_seconds
    )


async def _demote(acting: Acting) -> Outcome:
    episode = acting.episode
    return await acting.order(acting.source, "demote", epoch=episode.epoch, owner=episode.target)


async def _fence(acting: Acting) -> Outcome:
    episode = acting.episode
    if episode.rung != GRACEFUL:
        rung = next((item for item in acting.source.fencing if item.name == episode.rung), None)
        if rung is None:
            return Refused(Reason.FENCE_UNPROVEN, "the ladder has no rung to try")
        return await acting.drivers.fencing.off(
            acting.source, rung=rung.name, deadline_seconds=float(rung.deadline_seconds)
        )
    quiesced = await stop_source(acting)
    if not isinstance(quiesced, Done):
        return quiesced
    # A last copy saves needless loss; where it fails the demotion still is the proof. Older data are no last copy.
    reading = acting.seen.nodes.get(acting.source.name)
    synced: Outcome = Failed(Reason.COPY_NOT_WHOLE, f"{acting.source.name} never had the data of its epoch")
    if isinstance(reading, NodeSeen) and reading.has_data_of(acting.in_force):
        synced = await _final_sync(acting)
    demoted = await _demote(acting)
    return synced if isinstance(demoted, Done) and isinstance(synced, Done) else demoted


async def _sever(acting: Acting) -> Outcome:
    return await acting.order(acting.target, "sever")


def _needs_proof(acting: Acting) -> Proof:
    """Return the action's proof.

    Raises:
        MaestroError: a promotion without a proof, or with one for the target itself, was decided.

    """
    proof = acting.action.proof
    if proof is None or proof.node == acting.episode.target or proof.epoch != acting.episode.epoch:
        message = f"{acting.action.step} of {acting.episode.target} has no proof for the other node"
        raise MaestroError(message)
    return proof


async def _promote(acting: Acting) -> Outcome:
    proof = _needs_proof(acting)
    return Done() if acting.episode.kind in BY_A_CLUSTER else await promote(acting, proof)


async def promote(acting: Acting, _proof: Proof) -> Outcome:
    """Put the epoch in force on the target, then its data up; the proof makes it lawful."""
    episode = acting.episode
    late = await _demote_late(acting)
    if late is not None:
        return late
    ordered = await in_order(*_regained(acting), lambda: acting.order(acting.target, "promote", epoch=episode.epoch))
    if not isinstance(ordered, Done) or episode.kind in KEEPS_DATA:
        return ordered
    if episode.restore is not None:
        return await restore(acting)
    loss = acting.action.loss
    generation = episode.generation or (loss.generation if loss else None)
    if generation is None:
        return Refused(Reason.COPY_NOT_WHOLE, f"no whole copy was named for {episode.target}")
    return await in_order(
        lambda: may_come_up_alone(acting, epoch=episode.epoch),
        lambda: acting.drivers.replication.promote(
            acting.target, episode=episode.id, generation=generation, deadline_seconds=acting.deadline_seconds
        ),
    )


def _regained(acting: Acting) -> tuple[Callable[[], Awaitable[Outcome]], ...]:
    """Return the orders that give a target back what it lost of this episode: its guard's state, and the promise."""
    target, epoch, reading = acting.target, acting.episode.epoch, acting.seen.nodes.get(acting.episode.target)
    verbs: list[Callable[[], Awaitable[Outcome]]] = []
    if isinstance(reading, NodeSeen) and reading.guard.state is GuardState.LOST:
        verbs.append(lambda: acting.order(target, "create", anew=True))
    if isinstance(reading, NodeSeen) and (reading.guard.promised is None or reading.guard.promised.number < epoch):
        verbs.append(lambda: acting.order(target, "promise", epoch=epoch, owner=target.name))
    return tuple(verbs)


async def _adopt(acting: Acting) -> Outcome:
    proof = _needs_proof(acting)
    return Done() if acting.episode.kind in BY_A_CLUSTER else await adopt(acting, proof)


async def _migrate(acting: Acting) -> Outcome:
    return await acting.drivers.machine.migrate(acting.source, acting.target, deadline_seconds=acting.deadline_seconds)


async def adopt(acting: Acting, _proof: Proof) -> Outcome:
    """Record the leader that was found in its own guard; what runs there runs on."""
    node = acting.seen.nodes.get(acting.episode.target)
    epoch = acting.episode.epoch
    if isinstance(node, NodeSeen) and node.guard.may_run:
        return await acting.order(acting.target, "renew", epoch=epoch)
    runs = isinstance(node, NodeSeen) and node.runs_something
    if isinstance(node, NodeSeen) and node.guard.final_epoch is not None and not runs:
        # Found in the middle of a switchover that nobody knows of: what it may still send was of that one.
        revoked = await acting.order(acting.target, "revoke")
        if not isinstance(revoked, Done):
            return revoked
    ordered = await acting.order(acting.target, "promote", epoch=epoch)
    if isinstance(ordered, Done) and runs:
        return await acting.order(acting.target, "permit", epoch=epoch)
    return ordered


async def _demote_late(acting: Acting) -> Outcome | None:
    """Tell an old side that came back of the epoch in force, and end there: it is looked at again first."""
    mark, reading = acting.in_force, acting.seen.nodes.get(acting.episode.source)
    if not isinstance(reading, NodeSeen) or reading.guard.state is not GuardState.VALID:
        return None
    known = reading.guard.in_force.number if reading.guard.in_force else 0
    if known >= mark.number:
        return None
    told = await acting.order(acting.source, "demote", epoch=mark.number, owner=mark.owner, episode=mark.episode)
    return InProgress(f"{acting.source.name} came back and was demoted") if isinstance(told, Done) else told


async def _start_services(acting: Acting) -> Outcome:
    mark, services = acting.in_force, acting.seen.spec.services
    late = await _demote_late(acting)
    if late is not None:
        return late
    return await in_order(
        # Before the permit, with which the node's own guard may start everything.
        lambda: hold_queue(acting),
        lambda: acting.order(acting.target, "permit", epoch=mark.number, episode=mark.episode),
        lambda: may_come_up_alone(acting, epoch=mark.number),
        lambda: acting.drivers.nodes.start(acting.target, services, deadline_seconds=acting.deadline_seconds),
    )


async def _verify(acting: Acting) -> Outcome:
    started = acting.episode.record(StepName.START_SERVICES)
    since = started.started_at if started else acting.episode.started_at
    results = await acting.drivers.verification.verify(
        acting.target,
        acting.seen.spec.verification,
        since=since,
        deadline_seconds=acting.deadline_seconds,
    )
    # What only waited for another one comes last: the first is what a person has to mend.
    failed = sorted((item for item in results if not item.passed), key=lambda item: item.waits_for is not None)
    passed = MappingProxyType({item.name: str(item.passed) for item in results})
    if failed:
        return Failed(Reason.VERIFICATION_FAILED, "; ".join(f"{item.name}: {item.message}" for item in failed), passed)
    return Done(MappingProxyType({item.name: item.message for item in results}))


async def _reverse(acting: Acting) -> Outcome:
    episode, mark, replication = acting.episode, acting.in_force, acting.drivers.replication
    generation = episode.generation
    if generation is None:
        return Refused(Reason.STEP_REFUSED, "the final generation is not known; the Rejoin does this")
    return await in_order(
        lambda: replication.reverse(
            acting.source,
            episode=episode.id,
            generation=generation,
            deadline_seconds=acting.deadline_seconds,
        ),
        lambda: acting.order(acting.source, "quarantined", epoch=mark.number),
        lambda: acting.order(acting.source, "grant", epoch=mark.number, source=mark.owner),
    )


async def _stop(acting: Acting) -> Outcome:
    """Take the right away and stop; a node without a guard's state has no right that could be taken away."""
    nodes, services = acting.drivers.nodes, acting.to_stop(acting.target.name)
    reading = acting.seen.nodes.get(acting.target.name)
    is_bare = isinstance(reading, NodeSeen) and reading.guard.state is not GuardState.VALID
    if not (is_bare and acting.episode.kind is EpisodeKind.SEPARATE):
        revoked = await acting.order(acting.target, "revoke")
        if not isinstance(revoked, Done):
            return revoked
    return await nodes.stop(acting.target, services, deadline_seconds=acting.deadline_seconds)


async def _store_epoch(acting: Acting) -> Outcome:
    """Give the node that is not the owner the owner's epoch to hold in force."""
    if acting.episode.kind in (EpisodeKind.REJOIN, EpisodeKind.RESTART):
        mark = acting.in_force
        other = acting.target if acting.episode.kind is EpisodeKind.REJOIN else acting.source
        return await acting.order(other, "demote", epoch=mark.number, owner=mark.owner, episode=mark.episode)
    if acting.episode.kind is EpisodeKind.SEPARATE:
        return await acting.order(acting.target, "demote", epoch=acting.episode.epoch, owner=acting.source.name)
    return await _demote(acting)


async def _quarantine(acting: Acting) -> Outcome:
    return await in_order(
        lambda: acting.drivers.replication.quarantine(
            acting.target, episode=acting.episode.id, deadline_seconds=acting.deadline_seconds
        ),
        lambda: acting.order(acting.target, "quarantined", epoch=acting.in_force.number),
    )


async def _grant(acting: Acting) -> Outcome:
    mark = acting.in_force
    return await acting.order(acting.target, "grant", epoch=mark.number, source=mark.owner)


async def _resync(acting: Acting) -> Outcome:
    """Only begin the copy: a first one may take hours, in which the pair is still looked after."""
    return await acting.drivers.replication.sync(acting.source, acting.target, deadline_seconds=acting.deadline_seconds)


def _was_permitted_last(acting: Acting) -> bool:
    mine, other = (acting.seen.nodes.get(node.name) for node in (acting.target, acting.source))
    if not isinstance(mine, NodeSeen) or not isinstance(other, NodeSeen):
        return False
    return mine.guard.max_permit_epoch > other.guard.max_permit_epoch


async def _swap_permit(acting: Acting) -> Outcome:
    """Swap epoch and permit in one guard write; an owner that rebooted or was left meanwhile takes the long way."""
    target, epoch = acting.target, acting.episode.epoch
    renewed = await acting.order(target, "renew", epoch=epoch)
    again = RENEWED_THE_LONG_WAY + LEFT_AND_PERMITTED * _was_permitted_last(acting)
    if not isinstance(renewed, Refused) or renewed.remote_reason not in again:
        return renewed
    if acting.action.proof is None:
        return Refused(Reason.CONFIRMATION_UNPROVEN, f"nothing proves {acting.source.name} out: {renewed.message}")
    return await renew_the_long_way(acting, _needs_proof(acting))


async def renew_the_long_way(acting: Acting, _proof: Proof) -> Outcome:
    """Promote the owner anew, as any other node; the proof makes it lawful."""
    target, epoch = acting.target, acting.episode.epoch
    return await in_order(
        lambda: acting.order(target, "revoke"),
        lambda: acting.order(target, "promise", epoch=epoch, owner=target.name),
        lambda: acting.order(target, "promote", epoch=epoch),
        lambda: acting.order(target, "permit", epoch=epoch),
    )


async def _release(acting: Acting) -> Outcome:
    """Take everything off the standby, then off the owner: cut off between the two, the owner's guard still holds."""
    nodes, uid = acting.drivers.nodes, acting.action.status.pair_uid or acting.seen.key.uid
    return await in_order(
        lambda: nodes.release(acting.source, pair_uid=uid, is_owner=False, deadline_seconds=acting.deadline_seconds),
        lambda: nodes.release(acting.target, pair_uid=uid, is_owner=True, deadline_seconds=acting.deadline_seconds),
    )


async def _nothing(_acting: Acting) -> Outcome:
    return Done()


S = StepName
EFFECTS: Mapping[StepName, Callable[[Acting], Awaitable[Outcome]]] = MappingProxyType(
    {
        S.EQUIP: _equip,
        S.PREFLIGHT: _nothing,
        S.LOWER_TTL: lower_ttl,
        S.QUIESCE: quiesce,
        S.CONCLUDE: _nothing,
        S.RAISE: _raise,
        S.FINAL_SYNC: _final_sync,
        S.DEMOTE: _demote,
        S.FENCE: _fence,
        S.SEVER: _sever,
        S.DECLARE: _nothing,
        S.PROMOTE: _promote,
        S.ADOPT: _adopt,
        S.LOCALISE: localise,
        S.MOVE_TRAFFIC: move_traffic,
        S.START_SERVICES: _start_services,
        S.VERIFY: _verify,
        S.REVERSE: _reverse,
        S.STOP: _stop,
        S.STORE_EPOCH: _store_epoch,
        S.QUARANTINE: _quarantine,
        S.GRANT: _grant,
        S.RESYNC: _resync,
        S.SWAP_PERMIT: _swap_permit,
        S.CONFIRM: _nothing,
        S.RELEASE: _release,
        S.STANDBY_LOST: standby_lost,
        S.RESTORE: restore,
        S.DISCARD: discard,
        S.MIGRATE: _migrate,
    },
)
