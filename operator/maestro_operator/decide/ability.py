"""Whether a node could take over now, and what that would cost: the looks before a promotion.

The law of this file: a target is able only where its own guard speaks for this pair, has the epoch
in force, and its copy is whole; what it would lose is said before anything is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts, mirror, restoring, sharing
from maestro_operator.model import coarse
from maestro_operator.model.decision import Hold
from maestro_operator.model.pair import HUMAN
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import Loss
from maestro_operator.model.steps import DEADLINE_SECONDS, EpisodeKind, StepName

if TYPE_CHECKING:
    from maestro_operator.model.seen import NodeSeen, Seen
    from maestro_operator.model.status import Episode

SYSTEMD_NEEDED = 243
SYNC_INTERVALS = 2


def target_able(seen: Seen, episode: Episode) -> Hold | None:
    """Return why the target could not take over now, or None where it could."""
    node = seen.node(episode.target)
    if isinstance(node, Unknown):
        return Hold(Reason.TARGET_UNREADABLE, f"{episode.target} cannot be read: {node.message}")
    if not facts.is_ours(seen, node.guard):
        return Hold(Reason.TARGET_NOT_ABLE, f"{node.name}: its guard has no valid state of this pair")
    if node.systemd_version is not None and node.systemd_version < SYSTEMD_NEEDED:
        return Hold(Reason.SYSTEMD_TOO_OLD, f"{node.name} has systemd {node.systemd_version}")
    if not facts.cannot_write(node):
        return Hold(Reason.TARGET_NOT_ABLE, f"{node.name} already runs something")
    missing = next((unit.name for unit in node.units if not unit.is_installed), None)
    if missing is not None:
        return Hold(Reason.TARGET_NOT_ABLE, f"{node.name} has no unit {missing}, or it is masked; install it there")
    wanted = 0 if episode.kind is EpisodeKind.ACTIVATE else facts.least_epoch(seen, node.name)
    if facts.in_force_number(node.guard) < wanted:
        return Hold(Reason.NODE_ROLLED_BACK, f"{node.name} does not have epoch {wanted} in force")
    disk = sharing.unable(seen, node.name)
    if disk is not None:
        return disk
    item = restoring.restore_of(seen, episode)
    return restoring.without(node, item) if item is not None else _without_data(node, episode)


def _without_data(node: NodeSeen, episode: Episode) -> Hold | None:
    """Return the hold of a target without what it could come up with, or None."""
    if episode.kind is EpisodeKind.ACTIVATE:
        text = f"{node.name} has no data of the application: put them there"
        return None if node.replica.live_present else Hold(Reason.COPY_NOT_WHOLE, text)
    # A switchover sends stopped data last, whatever the copy before was made of.
    will_be_whole = episode.kind is EpisodeKind.SWITCHOVER and node.replica.torn is not None
    if node.replica.is_whole or will_be_whole:
        return None
    text = f"{node.name} has no whole copy of the data"
    if node.replica.torn is not None:
        text = f"{text}: generation {node.replica.torn} was made of running files"
    return Hold(Reason.COPY_NOT_WHOLE, text)


def _switchover_preflight(seen: Seen, episode: Episode) -> Hold | None:
    source = seen.node(episode.source)
    if isinstance(source, Unknown):
        return Hold(Reason.UNCERTAIN, f"{episode.source} cannot be read: {source.message}; answer FailOver")
    mark = seen.status.epoch.in_force
    if mark is not None and not source.has_data_of(mark):
        text = f"{episode.source} never had the data of epoch {mark.number}, and would send older ones"
        return Hold(Reason.DEMOTION_UNPROVEN, f"{text}: answer FailOver of {episode.id} to fence it")
    hold = target_able(seen, episode)
    if hold is not None:
        return hold
    if seen.spec.replication.drbd is not None:
        return mirror.unsafe(seen, episode.target) or mirror.behind(seen, episode.target)
    if seen.spec.replication.shared_disk is not None:
        return sharing.behind(seen, episode.target)
    interval_seconds = seen.spec.replication.copy_interval_seconds
    if interval_seconds is None:
        return Hold(Reason.NOT_CONFIGURED, "spec.replication names no driver")
    target = facts.readable(seen, episode.target)
    arrived = target.replica.arrived if target is not None else None
    age, limit = arrived[1] if arrived is not None else None, SYNC_INTERVALS * interval_seconds
    if age is None or age > limit:
        text = f"{episode.target}'s newest copy is older than {limit} s"
        return Hold(Reason.SYNC_BEHIND, f"{text}: wait for a young one, or answer FailOver of {episode.id}")
    return None


def _unfenceable(seen: Seen, episode: Episode) -> Hold | None:
    """Return the hold of a ladder on which nothing could give a proof, however long it was climbed."""
    ladder = facts.ladder(episode, episode.source)
    refused = {
        item.about: item.message
        for item in seen.devices
        if isinstance(item, Unknown) and item.reason is Reason.INVALID_SPEC
    }
    rungs = [(episode.source, rung.name) for rung in ladder if rung.devices]
    waits = any(rung.name == HUMAN for rung in ladder)
    if waits or not rungs or not all(rung in refused for rung in rungs):
        return None
    return Hold(Reason.INVALID_SPEC, f"{refused[rungs[0]]}; order {episode.source} back, mend it and order again")


def _failover_preflight(seen: Seen, episode: Episode) -> Hold | None:
    hold = target_able(seen, episode) or _unfenceable(seen, episode)
    if hold is not None:
        return restoring.with_ways(seen, episode, hold)
    expected = _copy_age_seconds(seen, episode, later_seconds=_fence_seconds(episode))
    accepted = facts.accepted_loss_seconds(seen, episode)
    if expected is None:
        return Hold(Reason.COPY_OVER_BUDGET, "the age of the copy is not known; answer AcceptLoss with an amount")
    if expected > accepted:
        most = coarse.loss_to_accept(expected)
        text = f"up to {most} s may be lost, {accepted:.0f} s are accepted; answer AcceptLoss of {most}"
        return Hold(Reason.COPY_OVER_BUDGET, text)
    return None


def _copy_age_seconds(seen: Seen, episode: Episode, *, later_seconds: float = 0.0) -> float | None:
    """Return how much may be lost of what the target brings up now, or later, None where that cannot be said."""
    item, node = restoring.restore_of(seen, episode), facts.readable(seen, episode.target)
    if item is None:
        return mirror.copy_age_seconds(seen, episode.target, later_seconds=later_seconds)
    age = node.replica.restorable(item)[1] if node is not None else None
    return None if age is None else age + later_seconds


def _fence_seconds(episode: Episode) -> float:
    """Return the longest that the first rung with a device may take."""
    rungs = [rung.deadline_seconds for rung in facts.ladder(episode, episode.source) if rung.devices]
    return float(rungs[0]) if rungs else 0.0


def preflight(seen: Seen, episode: Episode) -> Hold | None:
    """Return what stands in the way of an episode's first effect, or None."""
    if episode.kind is EpisodeKind.SWITCHOVER:
        return _switchover_preflight(seen, episode)
    if episode.kind is EpisodeKind.FAILOVER:
        return _failover_preflight(seen, episode)
    if episode.kind is EpisodeKind.RESTORE:
        return restoring.restore_ready(seen, episode, stop_seconds=DEADLINE_SECONDS[StepName.STOP])
    return target_able(seen, episode) or _readable_source(seen, episode)


def declare(seen: Seen, episode: Episode) -> Loss | None:
    """Return the loss of promoting the target's newest copy now, or None where it is unknown.

    loss = proof - announcement, both ages on the survivor's clock at this look: all that the old
    side wrote before the announcement is in the copy, and it wrote nothing after the proof. The
    look comes after the proof, so the age at the look is never less than the loss.
    """
    target, at_risk_seconds = facts.readable(seen, episode.target), _copy_age_seconds(seen, episode)
    if target is None or at_risk_seconds is None:
        return None
    final = episode.generation is not None and episode.generation == target.replica.newest
    if episode.loss is not None and restoring.is_up(seen, episode):
        return episode.loss
    if episode.restore is not None:
        accepted = facts.accepted_loss_seconds(seen, episode)
        return Loss(declared_seconds=round(at_risk_seconds, 3), accepted_seconds=accepted, clock="wall")
    return Loss(
        declared_seconds=0.0 if final else round(at_risk_seconds, 3),
        accepted_seconds=facts.accepted_loss_seconds(seen, episode),
        clock="wall" if target.replica.clock == "wall" else "uptime",
        generation=target.replica.newest,
    )


def declare_ready(seen: Seen, episode: Episode) -> Hold | None:
    """Return the hold of a loss that is unknown or was not accepted, or None."""
    loss = declare(seen, episode)
    otherwise = f", {restoring.way_out(episode)}" if episode.kind is EpisodeKind.RESTORE else ""
    if loss is None:
        return Hold(Reason.TARGET_UNREADABLE, f"the age of {episode.target}'s copy cannot be read{otherwise}")
    if loss.declared_seconds > loss.accepted_seconds:
        most = coarse.loss_to_accept(loss.declared_seconds)
        accepted = f"{loss.accepted_seconds:.0f} s are accepted; answer AcceptLoss of {most}{otherwise}"
        text = f"up to {most} s would be lost, {accepted}"
        return Hold(Reason.LOSS_NOT_ACCEPTED, text)
    return None


def _readable_source(seen: Seen, episode: Episode) -> Hold | None:
    node = seen.node(episode.source)
    if isinstance(node, Unknown):
        return Hold(Reason.TARGET_UNREADABLE, f"{episode.source} cannot be read: {node.message}")
    return None
