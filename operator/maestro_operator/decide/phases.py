"""Every step as two questions: is it done, and may its effect begin.

The law of this file: `done` is answered from what was read back, or from this leader's own last
outcome where the effect leaves no trace to read; `ready` gives the hold that stands in the way,
or None. After a restart the outcome is gone and the step is performed again: every effect is
idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.decide.prove import NoProof, may_permit, prove
from maestro_operator.model.decision import Hold
from maestro_operator.model.pair import GRACEFUL
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown
from maestro_operator.model.status import EpochMark, Loss
from maestro_operator.model.steps import EpisodeKind, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.seen import Guard, Seen
    from maestro_operator.model.status import Episode

SYSTEMD_NEEDED = 243
TRIES_BEFORE_GOING_ON = 3
SYNC_INTERVALS = 2
LADDER_PAUSE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One step's two questions."""

    done: Callable[[Seen, Episode], bool]
    ready: Callable[[Seen, Episode], Hold | None]
    is_look: bool = False
    """The step has no effect of its own: when `ready` says nothing, it is done."""


def _mark(episode: Episode) -> EpochMark:
    return EpochMark(number=episode.epoch, owner=episode.target, episode=episode.id)


def _free(_seen: Seen, _episode: Episode) -> Hold | None:
    return None


def _needs(*, target: bool = False, source: bool = False) -> Callable[[Seen, Episode], Hold | None]:
    """Return the question whether the named sides can be read."""

    def ask(seen: Seen, episode: Episode) -> Hold | None:
        wanted = [episode.target] * target + [episode.source] * source
        for name in wanted:
            node = seen.node(name)
            if isinstance(node, Unknown):
                return Hold(Reason.TARGET_UNREADABLE, f"{name} cannot be read: {node.message}")
        return None

    return ask


def _target(seen: Seen, episode: Episode, ask: Callable[[NodeSeen], bool]) -> bool:
    node = facts.readable(seen, episode.target)
    return node is not None and ask(node)


def _source(seen: Seen, episode: Episode, ask: Callable[[NodeSeen], bool]) -> bool:
    node = facts.readable(seen, episode.source)
    return node is not None and ask(node)


def _is_equipped(seen: Seen, guard: Guard) -> bool:
    return facts.is_ours(seen, guard) and guard.peer_ready


def _equipped(seen: Seen, episode: Episode) -> bool:
    both = _target(seen, episode, lambda node: _is_equipped(seen, node.guard))
    return both and _source(seen, episode, lambda node: _is_equipped(seen, node.guard))


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
    has_data = node.replica.live_present if episode.kind is EpisodeKind.ACTIVATE else node.replica.is_whole
    if not has_data:
        return Hold(Reason.COPY_NOT_WHOLE, f"{node.name} has no whole copy of the data")
    return None


def _switchover_preflight(seen: Seen, episode: Episode) -> Hold | None:
    source = seen.node(episode.source)
    if isinstance(source, Unknown):
        return Hold(Reason.UNCERTAIN, f"{episode.source} cannot be read: {source.message}; answer FailOver")
    hold = target_able(seen, episode)
    if hold is not None:
        return hold
    target = facts.readable(seen, episode.target)
    replica = target.replica if target else None
    rsync = seen.spec.replication.rsync
    if replica is None or rsync is None:
        return Hold(Reason.NOT_CONFIGURED, "spec.replication names no driver")
    age, limit = replica.announced_age_seconds, SYNC_INTERVALS * rsync.interval_seconds
    if age is None or age > limit:
        return Hold(Reason.SYNC_BEHIND, f"{episode.target}'s newest copy is older than {limit} s")
    return None


def _failover_preflight(seen: Seen, episode: Episode) -> Hold | None:
    hold = target_able(seen, episode)
    if hold is not None:
        return hold
    target = facts.readable(seen, episode.target)
    age = target.replica.announced_age_seconds if target else None
    accepted = facts.accepted_loss_seconds(seen, episode)
    if age is None:
        return Hold(Reason.COPY_OVER_BUDGET, "the age of the copy is not known; answer AcceptLoss with an amount")
    expected = age + _fence_seconds(episode)
    if expected > accepted:
        text = f"up to {expected:.0f} s may be lost, {accepted:.0f} s are accepted; answer AcceptLoss of {expected + 60:.0f}"
        return Hold(Reason.COPY_OVER_BUDGET, text)
    return None


def _fence_seconds(episode: Episode) -> float:
    """Return the longest that the first rung with a device may take."""
    rungs = [rung.deadline_seconds for rung in facts.ladder(episode, episode.source) if rung.devices]
    return float(rungs[0]) if rungs else 0.0


def _preflight(seen: Seen, episode: Episode) -> Hold | None:
    if episode.kind is EpisodeKind.SWITCHOVER:
        return _switchover_preflight(seen, episode)
    if episode.kind is EpisodeKind.FAILOVER:
        return _failover_preflight(seen, episode)
    return target_able(seen, episode) or _needs(source=True)(seen, episode)


def _quiesced(seen: Seen, episode: Episode) -> bool:
    """The source holds only the final right, and was read back stopped."""
    return _source(
        seen,
        episode,
        lambda node: node.is_stopped and not node.guard.may_run and node.guard.final_epoch is not None,
    )


def _raised(seen: Seen, episode: Episode) -> bool:
    mark = _mark(episode)
    return _target(
        seen,
        episode,
        lambda node: node.guard.promised == mark or facts.holds_epoch(node, mark),
    )


def _demoted(seen: Seen, episode: Episode) -> bool:
    return _source(
        seen,
        episode,
        lambda node: facts.holds_epoch(node, _mark(episode)) and facts.cannot_write(node),
    )


def _final_synced(seen: Seen, episode: Episode) -> bool:
    """The target committed exactly what the stopped source sent in this leader's attempt."""
    done = facts.last_done(seen, episode, StepName.FINAL_SYNC)
    return done and _target(seen, episode, lambda node: node.replica.is_whole)


def _fenced(seen: Seen, episode: Episode) -> bool:
    return not isinstance(prove(seen, episode), NoProof)


def next_rung(seen: Seen, episode: Episode) -> str | None:
    """Return the rung to try now, or None while nothing but a person can help.

    Rungs are tried in order. `graceful` needs a node that answers; `human` is never tried, it is
    waited for. When all were tried the ladder is climbed again after `LADDER_PAUSE_SECONDS`.
    """
    silent = isinstance(seen.node(episode.source), Unknown)
    names = [
        rung.name
        for rung in facts.ladder(episode, episode.source)
        if rung.devices or (rung.name == GRACEFUL and not silent)
    ]
    last = seen.last
    tried = last is not None and (last.episode, last.step) == (episode.id, StepName.FENCE)
    if not tried or last is None or episode.rung not in names:
        return names[0] if names else None
    above = names[names.index(episode.rung) + 1 :]
    if above:
        return above[0]
    return names[0] if last.age_seconds >= LADDER_PAUSE_SECONDS else None


def _fence_ready(seen: Seen, episode: Episode) -> Hold | None:
    if next_rung(seen, episode) is not None:
        return None
    why = prove(seen, episode)
    text = why.message if isinstance(why, NoProof) else ""
    return Hold(Reason.FENCE_UNPROVEN, f"{text} (episode {episode.id})")


def _severed(seen: Seen, episode: Episode) -> bool:
    return _target(
        seen,
        episode,
        lambda node: node.guard.grant_epoch is None and node.replica.receivers == 0,
    )


def declare(seen: Seen, episode: Episode) -> Loss | None:
    """Return the loss of promoting the target's newest copy now, or None where it is unknown.

    loss = proof - announcement, both ages on the survivor's clock at this look: all that the old
    side wrote before the announcement is in the copy, and it wrote nothing after the proof. The
    look comes after the proof, so the age at the look is never less than the loss.
    """
    target = facts.readable(seen, episode.target)
    if target is None or target.replica.announced_age_seconds is None:
        return None
    final = episode.generation is not None and episode.generation == target.replica.newest
    return Loss(
        declared_seconds=0.0 if final else round(target.replica.announced_age_seconds, 3),
        accepted_seconds=facts.accepted_loss_seconds(seen, episode),
        clock="wall" if target.replica.clock == "wall" else "uptime",
        generation=target.replica.newest,
    )


def _declare_ready(seen: Seen, episode: Episode) -> Hold | None:
    loss = declare(seen, episode)
    if loss is None:
        return Hold(Reason.TARGET_UNREADABLE, f"the age of {episode.target}'s copy cannot be read")
    if loss.declared_seconds > loss.accepted_seconds:
        text = f"{loss.declared_seconds:.1f} s would be lost, {loss.accepted_seconds:.0f} s are accepted; answer AcceptLoss"
        return Hold(Reason.LOSS_NOT_ACCEPTED, text)
    return None


def _promoted(seen: Seen, episode: Episode) -> bool:
    return _target(
        seen,
        episode,
        lambda node: (
            facts.holds_epoch(node, _mark(episode))
            and (episode.kind is EpisodeKind.ACTIVATE or node.replica.promoted_episode == episode.id)
        ),
    )


def _promote_ready(seen: Seen, episode: Episode) -> Hold | None:
    if episode.step is StepName.PROMOTE:  # the intent stands: past the point of no return
        why = may_permit(seen, episode)
    else:
        why = prove(seen, episode)
    if isinstance(why, NoProof):
        return Hold(why.reason, why.message)
    return _needs(target=True)(seen, episode)


def _adopted(seen: Seen, episode: Episode) -> bool:
    return _target(seen, episode, lambda node: facts.holds_epoch(node, _mark(episode)))


def _gave_up(seen: Seen, episode: Episode, step: StepName) -> bool:
    """Tell whether this leader tried the step often enough to go on and leave it to a repair."""
    record = episode.record(step)
    last = seen.last
    tried = last is not None and (last.episode, last.step) == (episode.id, step)
    return tried and record is not None and record.attempts >= TRIES_BEFORE_GOING_ON


def _moved(seen: Seen, episode: Episode) -> bool:
    if facts.points_at(seen, episode.target):
        return True
    return episode.kind is not EpisodeKind.REPAIR and _gave_up(seen, episode, StepName.MOVE_TRAFFIC)


def _started(seen: Seen, episode: Episode) -> bool:
    runs = _target(seen, episode, lambda node: node.guard.may_run and node.runs_everything)
    return runs and facts.last_done(seen, episode, StepName.START_SERVICES)


def _start_ready(seen: Seen, episode: Episode) -> Hold | None:
    why = may_permit(seen, episode)
    stays = episode.kind is EpisodeKind.RENEW and _could_not_be_left(seen, episode)
    if isinstance(why, NoProof) and not stays:
        return Hold(why.reason, why.message)
    if not facts.is_localised(seen, episode.target):
        return Hold(Reason.STEP_FAILED, f"{episode.target} does not resolve the public names to itself")
    return _needs(target=True)(seen, episode)


def _verified(seen: Seen, episode: Episode) -> bool:
    passed = facts.last_done(seen, episode, StepName.VERIFY)
    return not seen.spec.verification or passed or _gave_up(seen, episode, StepName.VERIFY)


def _granted(seen: Seen, episode: Episode, name: str) -> bool:
    mark, node = seen.status.epoch.in_force, facts.readable(seen, name)
    if mark is None or node is None:
        return False
    return (node.guard.grant_epoch, node.guard.grant_source) == (mark.number, mark.owner) and (
        episode.target != "" and not node.guard.may_run
    )


def _reversed(seen: Seen, episode: Episode) -> bool:
    """The old source receives; one that cannot be read is left to its Rejoin."""
    gone = isinstance(seen.node(episode.source), Unknown)
    return gone or _granted(seen, episode, episode.source) or _gave_up(seen, episode, StepName.REVERSE)


def _stopped(seen: Seen, episode: Episode) -> bool:
    return _target(seen, episode, facts.cannot_write)


def _epoch_stored(seen: Seen, episode: Episode) -> bool:
    """The node that is not the owner has the owner's epoch in force."""
    if episode.kind is EpisodeKind.REJOIN:
        mark = seen.status.epoch.in_force
        return mark is not None and _target(seen, episode, lambda node: facts.holds_epoch(node, mark))
    if not isinstance(prove(seen, episode), NoProof):
        return True
    return episode.kind is EpisodeKind.RENEW and _could_not_be_left(seen, episode)


def _store_ready(seen: Seen, episode: Episode) -> Hold | None:
    node = seen.node(episode.source)
    if episode.kind is EpisodeKind.REJOIN or not isinstance(node, Unknown):
        return None
    text = f"{episode.source} cannot be read; answer ConfirmFenced of it to {episode.id} once it is certainly off"
    return Hold(Reason.CONFIRMATION_UNPROVEN, text)


def _could_not_be_left(seen: Seen, episode: Episode) -> bool:
    """Tell whether the owner's own guard shows that nobody can have taken over from it.

    It was permitted in this very boot and has no later epoch in force, so no Demote was stored.
    The epoch that the unreadable side misses is given to it by its Rejoin.
    """
    silent = isinstance(seen.node(episode.source), Unknown)
    return silent and _target(
        seen,
        episode,
        lambda node: (
            node.guard.max_permit_boot == node.boot_id
            and node.guard.in_force is not None
            and node.guard.in_force.owner == node.name
        ),
    )


def _quarantined(seen: Seen, episode: Episode) -> bool:
    mark = seen.status.epoch.in_force
    return mark is not None and _target(seen, episode, lambda node: node.guard.quarantined_epoch == mark.number)


def _resynced(seen: Seen, episode: Episode) -> bool:
    mark = seen.status.epoch.in_force
    return mark is not None and _target(
        seen,
        episode,
        lambda node: node.replica.newest is not None and node.replica.newest.epoch == mark.number,
    )


def _resync_ready(seen: Seen, episode: Episode) -> Hold | None:
    owner = facts.readable(seen, episode.source)
    if owner is not None and owner.replica.is_sending:
        return Hold(Reason.RESYNCING, f"{episode.source} is sending a generation to {episode.target}")
    return _needs(source=True, target=True)(seen, episode)


def _swapped(seen: Seen, episode: Episode) -> bool:
    return _target(seen, episode, lambda node: facts.holds_epoch(node, _mark(episode)) and node.guard.may_run)


def _confirm_ready(seen: Seen, episode: Episode) -> Hold | None:
    """The peer, read now, must know exactly this epoch of this owner and have promised no other."""
    mark, peer = seen.status.epoch.in_force, facts.readable(seen, episode.source)
    if peer is None and not isinstance(may_permit(seen, episode), NoProof):
        return None
    if mark is None or peer is None or not facts.is_ours(seen, peer.guard):
        return Hold(Reason.CONFIRMATION_UNPROVEN, f"{episode.source} cannot vouch for {episode.target}")
    other_promise = peer.guard.promised is not None and peer.guard.promised.number > mark.number
    if other_promise or not facts.holds_epoch(peer, mark) or not facts.cannot_write(peer):
        return Hold(Reason.CONFIRMATION_UNPROVEN, f"{episode.source} does not vouch for {episode.target}")
    return None


def _false(_seen: Seen, _episode: Episode) -> bool:
    return False


S = StepName
PHASES: Mapping[StepName, Phase] = MappingProxyType(
    {
        S.EQUIP: Phase(_equipped, _needs(source=True, target=True)),
        S.PREFLIGHT: Phase(_false, _preflight, is_look=True),
        S.QUIESCE: Phase(_quiesced, _needs(source=True, target=True)),
        S.CONCLUDE: Phase(_false, _free, is_look=True),
        S.RAISE: Phase(_raised, _needs(target=True)),
        S.FINAL_SYNC: Phase(_final_synced, _needs(source=True, target=True)),
        S.DEMOTE: Phase(_demoted, _needs(source=True)),
        S.FENCE: Phase(_fenced, _fence_ready),
        S.SEVER: Phase(_severed, _needs(target=True)),
        S.DECLARE: Phase(_false, _declare_ready, is_look=True),
        S.PROMOTE: Phase(_promoted, _promote_ready),
        S.ADOPT: Phase(_adopted, _promote_ready),
        S.LOCALISE: Phase(lambda seen, ep: facts.is_localised(seen, ep.target), _needs(target=True)),
        S.MOVE_TRAFFIC: Phase(_moved, _free),
        S.START_SERVICES: Phase(_started, _start_ready),
        S.VERIFY: Phase(_verified, _free),
        S.REVERSE: Phase(_reversed, _free),
        S.STOP: Phase(_stopped, _needs(target=True)),
        S.STORE_EPOCH: Phase(_epoch_stored, _store_ready),
        S.QUARANTINE: Phase(_quarantined, _needs(target=True)),
        S.GRANT: Phase(lambda seen, ep: _granted(seen, ep, ep.target), _needs(target=True)),
        S.RESYNC: Phase(_resynced, _resync_ready),
        S.SWAP_PERMIT: Phase(_swapped, _needs(target=True)),
        S.CONFIRM: Phase(_false, _confirm_ready, is_look=True),
    },
)
