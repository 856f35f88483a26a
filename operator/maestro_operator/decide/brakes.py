"""Why no automatic failover would happen now: every brake with its reason, in order.

The law of this file: fencing carries the safety; the brakes only prevent needless moves. An
automatic failover needs that not one of them holds.
"""

from __future__ import annotations

from collections.abc import Callable

from maestro_operator.decide import facts, mirror, sharing
from maestro_operator.decide.ability import SYNC_INTERVALS, target_able
from maestro_operator.decide.standby import lacks
from maestro_operator.decide.verdict import VANTAGE_POINTS_NEEDED, Verdict, conclude, conclude_service
from maestro_operator.model.decision import Assessment, Hold, Judged
from maestro_operator.model.denial import lacking
from maestro_operator.model.pair import Automatic, FencingDevice, FencingRung, Management, Platform, UnverifiedPlatforms
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, NodeSeen, Seen, Vote
from maestro_operator.model.status import Episode
from maestro_operator.model.steps import EpisodeKind, StepName

PAIRS_AT_ONCE = 2
"""One pair that is silent is an outage; at least so many together may be the observer's own."""


Brake = Callable[[Seen, str], Hold | None]
"""Asks one question about the failover away from the named node; gives what holds it back."""


def _by_hand(seen: Seen, _active: str) -> Hold | None:
    if seen.spec.failover.automatic is Automatic.ENABLED:
        return None
    return Hold(Reason.AUTOMATIC_DISABLED, "failover.automatic is Disabled")


def _not_managed(seen: Seen, _active: str) -> Hold | None:
    if seen.is_deleting:
        return Hold(Reason.DELETING, "the resource is being deleted")
    if seen.spec.management is Management.PAUSED:
        return Hold(Reason.PAUSED, "management is Paused")
    if seen.spec.management is Management.OBSERVE:
        return Hold(Reason.OBSERVE_ONLY, "management is Observe")
    return None


def _maintained(seen: Seen, _active: str) -> Hold | None:
    return Hold(Reason.MAINTENANCE, seen.maintenance.message) if seen.maintenance is not None else None


def _unverified_platform(seen: Seen, _active: str) -> Hold | None:
    if all(node.platform is Platform.LINUX for node in seen.spec.nodes):
        return None
    if seen.spec.failover.unverified_platforms is UnverifiedPlatforms.ALLOW:
        return None
    return Hold(
        Reason.PLATFORM_UNVERIFIED, "only Linux nodes move by themselves, unless failover.unverifiedPlatforms allows it"
    )


def _no_fence(seen: Seen, active: str) -> Hold | None:
    if fencing_ready(seen, active):
        return None
    return Hold(Reason.FENCING_NOT_READY, f"no rung could fence {active} now")


def _survivor(seen: Seen, _active: str) -> Hold | None:
    return peer_ready(seen)


def _isolated(seen: Seen, _active: str) -> Hold | None:
    if not seen.operator_is_isolated:
        return None
    return Hold(Reason.OBSERVER_ISOLATED, "the operator reaches nothing at all")


def _too_many_at_once(seen: Seen, _active: str) -> Hold | None:
    """More than half of all pairs, and not only one, went silent together: the observer is what broke."""
    silent, known = seen.pairs_silent, seen.pairs_known
    if silent < PAIRS_AT_ONCE or 2 * silent <= known:
        return None
    text = f"{silent} of {known} pairs are silent at once; order {facts.other_name(seen, _active)} if this one is down"
    return Hold(Reason.TOO_MANY_AT_ONCE, text)


def _young_leader(seen: Seen, _active: str) -> Hold | None:
    if seen.leadership.led_for_seconds >= seen.spec.detection.down_for_seconds:
        return None
    return Hold(Reason.LEADERSHIP_TOO_YOUNG, "the operator has just begun to lead")


def _recent_move(seen: Seen, _active: str) -> Hold | None:
    move = seen.status.automatic_move
    if move is None or move.acknowledged or seen.block_remaining_seconds <= 0:
        return None
    return Hold(Reason.RECENT_AUTOMATIC_MOVE, f"answer {{episode: {move.episode}, say: Acknowledge}} or wait")


def _votes(seen: Seen, active: str) -> Hold | None:
    """Fewer fresh vantage points than an outage needs, or not all of one mind about a silent node."""
    fresh = [vote for vote in seen.votes if vote.node == active and vote.vote is not Vote.UNKNOWN]
    if len(fresh) < VANTAGE_POINTS_NEEDED:
        return Hold(Reason.TOO_FEW_VOTES, f"{len(fresh)} vantage points give a fresh vote on {active}")
    if facts.readable(seen, active) is not None:
        return None
    found = conclude(seen, active)
    return Hold(found.reason, found.message) if found.verdict is not Verdict.DOWN else None


BRAKES: tuple[Brake, ...] = (
    _by_hand,
    _not_managed,
    _maintained,
    _unverified_platform,
    _no_fence,
    _survivor,
    _isolated,
    _too_many_at_once,
    _young_leader,
    _recent_move,
    _votes,
)


def standing(seen: Seen) -> tuple[Hold, ...]:
    """Return every brake that holds, in order; whether there is an outage is another question."""
    active = seen.status.active_node
    if active is None:
        return (Hold(Reason.WAIT_FOR_USER, "nobody is known to be active"),)
    return tuple(hold for brake in BRAKES if (hold := brake(seen, active)) is not None)


def on_a_drill(seen: Seen) -> Hold | None:
    """Return why the pair is not tried now, or None: what keeps the operator from moving keeps it from trying, too.

    That nobody lets it move by itself, or that a maintenance is planned, is no reason: a person asked.
    """
    active = seen.status.active_node or ""
    held = (brake(seen, active) for brake in (_survivor, _isolated, _too_many_at_once, _recent_move))
    return out_of_sync(seen) or next((hold for hold in held if hold is not None), None)


def fencing_ready(seen: Seen, name: str) -> bool:
    """Tell whether every device of at least one rung answers for the node, and is known to serve it."""
    answers = {
        (item.rung, item.identity): item for item in seen.devices if isinstance(item, DeviceSeen) and item.node == name
    }

    def serves(rung: FencingRung, device: FencingDevice) -> bool:
        item = answers.get((rung.name, device.identity)) or answers.get((rung.name, ""))
        if item is None:
            return False
        return item.tells_identity or facts.is_drilled(seen, node=name, rung=rung.name, device=device)

    ladder = seen.spec.node(name).fencing
    return any(
        rung.devices
        and not lacking(rung.devices, seen.spec.replication)
        and all(serves(rung, device) for device in rung.devices)
        for rung in ladder
    )


def devices_asked(seen: Seen, name: str) -> bool:
    """Tell whether anything is known yet of the devices that could fence a node; nothing is right after an edit."""
    about = {item.node if isinstance(item, DeviceSeen) else next(iter(item.about), name) for item in seen.devices}
    return name in about or not any(rung.devices for rung in seen.spec.node(name).fencing)


def peer_ready(seen: Seen) -> Hold | None:
    """Return why a failover to the standby would not work now, or None where it would."""
    active = seen.status.active_node
    if active is None:
        return Hold(Reason.WAIT_FOR_USER, "nobody is known to be active")
    standby = facts.other_name(seen, active)
    hold = standby_able(seen, active, kind=EpisodeKind.FAILOVER)
    if hold is not None:
        return Hold(Reason.PEER_NOT_READY, hold.message)
    node, age = seen.node(standby), mirror.copy_age_seconds(seen, standby)
    budget = seen.spec.failover.max_data_loss_seconds
    automatic = seen.spec.failover.automatic is Automatic.ENABLED
    if automatic and (age is None or age > budget):
        return Hold(Reason.COPY_OVER_BUDGET, f"{standby}'s copy is older than {budget} s")
    missing = lacks(seen, node) if isinstance(node, NodeSeen) else None
    return missing or _unfenceable(seen, active)


def _unfenceable(seen: Seen, active: str) -> Hold | None:
    """Return why the other node could not be proven out; a ladder without devices waits for a person anyway."""
    has_devices = any(rung.devices for rung in seen.spec.node(active).fencing)
    if not has_devices or fencing_ready(seen, active):
        return None
    return Hold(Reason.FENCING_NOT_READY, f"no rung could fence {active} now")


def standby_able(seen: Seen, active: str, *, kind: EpisodeKind) -> Hold | None:
    """Return why the other node could not take over at all in such a move, whatever its copy's age."""
    return target_able(seen, _imagined(seen, active, facts.other_name(seen, active), kind=kind))


def _imagined(seen: Seen, active: str, standby: str, *, kind: EpisodeKind) -> Episode:
    return Episode(
        id="imagined",
        kind=kind,
        source=active,
        target=standby,
        trigger="",
        started_at=seen.now,
        epoch=0,
        step=StepName.CONCLUDE,
    )


def outage(seen: Seen) -> Hold | None:
    """Return why the active side does not count as down, or None where it does."""
    found = conclude(seen, seen.status.active_node or "")
    if found.verdict is Verdict.DOWN:
        return None
    return Hold(found.reason, found.message)


def out_of_sync(seen: Seen) -> Hold | None:
    """Return why the standby's copy is not in sync, or None where it is."""
    active, replication = seen.status.active_node, seen.spec.replication
    if active is None:
        return Hold(Reason.NOT_YET_KNOWN, "no node is active")
    standby = facts.other_name(seen, active)
    node = seen.node(standby)
    if not isinstance(node, NodeSeen):
        return Hold(Reason.STANDBY_ABSENT, f"{standby} cannot be read: {node.message}")
    mark, newest = seen.status.epoch.in_force, node.replica.newest
    if replication.shared_disk is not None:
        return sharing.behind(seen, standby)
    interval_seconds = replication.copy_interval_seconds
    if interval_seconds is None:
        # What is set on the active node decides whether it freezes, and so what a failover declares.
        return mirror.unsafe(seen, standby) or mirror.unsafe(seen, active) or mirror.behind(seen, standby)
    if replication.rsync is not None and replication.rsync.consistency.plain is not None:
        return Hold(Reason.COPY_NOT_WHOLE, f"{standby}'s copies are made of running files and of no one moment")
    product = node.replica.product
    if product is not None and product.trouble is not None:
        return Hold(
            Reason.COPY_NOT_WHOLE, f"{standby}'s product does not say for certain what it is: {product.trouble}"
        )
    if not node.replica.is_whole or newest is None or mark is None or newest.epoch != mark.number:
        return Hold(Reason.RESYNCING, f"{standby} has no whole copy of this epoch yet")
    age, limit = node.replica.announced_age_seconds, SYNC_INTERVALS * interval_seconds
    if age is None or age > limit:
        return Hold(Reason.SYNC_BEHIND, f"{standby}'s copy is older than {limit} s")
    return None


def assess(seen: Seen) -> Assessment:
    """Return what the rules make of this look, for the report."""
    names, service = seen.spec.names, conclude_service(seen)
    found = {name: conclude(seen, name) for name in names}
    return Assessment(
        verdicts={name: it.verdict.value for name, it in found.items()},
        reasons={name: it.reason for name, it in found.items()},
        service=Judged(service.verdict.value, service.reason, service.message),
        no_outage=outage(seen),
        brakes=standing(seen),
        peer_not_ready=peer_ready(seen),
        out_of_sync=out_of_sync(seen),
        fencing_ready={name: fencing_ready(seen, name) for name in names},
    )
