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
from maestro_operator.decide.ability import declare_ready, preflight
from maestro_operator.decide.journal import KEEPS_EPOCH
from maestro_operator.decide.mirror import mirror_of, split
from maestro_operator.decide.prove import NoProof, could_not_be_left, may_permit, prove
from maestro_operator.decide.restoring import is_up
from maestro_operator.decide.sharing import unable
from maestro_operator.decide.upkeep import is_discarded
from maestro_operator.model import coarse
from maestro_operator.model.decision import Hold
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import GRACEFUL
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown
from maestro_operator.model.status import EpochMark
from maestro_operator.model.steps import KEEPS_DATA, EpisodeKind, StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.seen import Guard, LastOutcome, Seen
    from maestro_operator.model.status import Episode

TRIES_BEFORE_GOING_ON = 3
LADDER_PAUSE_SECONDS = 20.0
RUN_SHOWS_SECONDS = 5.0
"""A run that was begun is looked for this long before it is begun again."""


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
    return facts.is_ours(seen, guard) and guard.peer_ready and guard.is_current


def _released(seen: Seen, episode: Episode) -> bool:
    """No program of the guard is left on either side."""
    gone = GuardState.ABSENT
    ended = _target(seen, episode, lambda node: node.guard.state is gone)
    return ended and _source(seen, episode, lambda node: node.guard.state is gone)


def _equipped(seen: Seen, episode: Episode) -> bool:
    """Both sides have their guards; the last owner is adopted without a side that is gone, whose Rejoin equips it."""
    there = _target(seen, episode, lambda node: _is_equipped(seen, node.guard))
    is_gone = isinstance(seen.node(episode.source), Unknown) and episode.kind is EpisodeKind.ADOPT
    return there and (is_gone or _source(seen, episode, lambda node: _is_equipped(seen, node.guard)))


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
    last = seen.last
    if not facts.last_done(seen, episode, StepName.FINAL_SYNC) or last is None or not isinstance(last.outcome, Done):
        return False
    sent = last.outcome.facts.get("generation")
    return _target(seen, episode, lambda node: node.replica.is_whole and str(node.replica.newest) == sent)


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
    return _target(seen, episode, lambda node: node.guard.grant_epoch is None and node.replica.receivers == 0)


def _promoted(seen: Seen, episode: Episode) -> bool:
    return _target(
        seen,
        episode,
        lambda node: (
            facts.holds_epoch(node, _mark(episode))
            and (episode.kind in KEEPS_DATA or node.replica.promoted_episode == episode.id)
        ),
    )


def _adopted(seen: Seen, episode: Episode) -> bool:
    return _target(seen, episode, lambda node: facts.holds_epoch(node, _mark(episode)))


def _gave_up(seen: Seen, episode: Episode, step: StepName, *, attempts: int = TRIES_BEFORE_GOING_ON) -> bool:
    """Tell whether this leader tried the step often enough to go on and leave it to a repair."""
    record = episode.record(step)
    last = seen.last
    tried = last is not None and (last.episode, last.step) == (episode.id, step)
    return tried and record is not None and record.attempts >= attempts


def _localised(seen: Seen, episode: Episode) -> bool:
    """The names are read back; that files say what they should only this leader's own attempt tells."""
    if not facts.is_localised(seen, episode.target):
        return False
    has_files = episode.kind is not EpisodeKind.REJOIN and any(item.is_settled for item in seen.spec.localise)
    return not has_files or facts.last_done(seen, episode, StepName.LOCALISE)


def _lowered(seen: Seen, episode: Episode) -> bool:
    """What clients may keep is short, and was so for as long as they could know of longer; a courtesy, not a must."""
    if not facts.lowers(seen) or _gave_up(seen, episode, StepName.LOWER_TTL):
        return True
    return seen.last is not None and facts.last_done(seen, episode, StepName.LOWER_TTL) and _ttl_left(seen.last) <= 0


def _ttl_left(last: LastOutcome) -> float:
    waits = last.outcome.facts.get("wait_seconds", "0") if isinstance(last.outcome, Done) else "0"
    return float(waits) - last.age_seconds


def _lower_ready(seen: Seen, episode: Episode) -> Hold | None:
    if seen.last is None or not facts.last_done(seen, episode, StepName.LOWER_TTL):
        return None
    left = coarse.seconds_at_most(_ttl_left(seen.last))
    return Hold(Reason.TTL_RUNS_OUT, f"{episode.id} goes on in up to {left} s, when no client knows longer")


def _moved(seen: Seen, episode: Episode) -> bool:
    is_repair = episode.kind is EpisodeKind.REPAIR
    restored = not is_repair or not facts.is_lowered(seen) or facts.last_done(seen, episode, StepName.MOVE_TRAFFIC)
    if facts.points_at(seen, episode.target) and restored:
        return True
    return not is_repair and _gave_up(seen, episode, StepName.MOVE_TRAFFIC)


def _move_ready(seen: Seen, episode: Episode) -> Hold | None:
    """The name is never set to a node that is not promoted (law 12): the target is read to have the epoch in force."""
    mark = seen.status.epoch.in_force
    if mark is not None and _target(seen, episode, lambda node: facts.holds_epoch(node, mark)):
        return None
    text = f"{episode.target} does not have the epoch in force that it was promoted to"
    return _needs(target=True)(seen, episode) or Hold(Reason.NODE_ROLLED_BACK, text)


def _started(seen: Seen, episode: Episode) -> bool:
    runs = _target(seen, episode, lambda node: node.guard.may_run and seen.runs_everything(node))
    return runs and facts.last_done(seen, episode, StepName.START_SERVICES)


def _start_ready(seen: Seen, episode: Episode) -> Hold | None:
    why = may_permit(seen, episode)
    stays = episode.kind is EpisodeKind.RENEW and could_not_be_left(seen, episode)
    # A source that came back behind is demoted first; that is all the effect does then.
    if isinstance(why, NoProof) and not stays and not facts.is_behind(seen, episode.source):
        return Hold(why.reason, why.message)
    if not facts.is_localised(seen, episode.target):
        return Hold(Reason.STEP_FAILED, f"{episode.target} does not resolve the public names to itself")
    return _needs(target=True)(seen, episode)


def _verified(seen: Seen, episode: Episode) -> bool:
    passed = facts.last_done(seen, episode, StepName.VERIFY)
    attempts = seen.spec.verification_policy.attempts
    return not seen.spec.verification or passed or _gave_up(seen, episode, StepName.VERIFY, attempts=attempts)


def _reversed(seen: Seen, episode: Episode) -> bool:
    """The old source receives; one that cannot be read is left to its Rejoin."""
    gone = isinstance(seen.node(episode.source), Unknown)
    return gone or facts.receives(seen, episode.source) or _gave_up(seen, episode, StepName.REVERSE)


def _stopped(seen: Seen, episode: Episode) -> bool:
    return _target(seen, episode, facts.cannot_write)


def _epoch_stored(seen: Seen, episode: Episode) -> bool:
    """The node that is not the owner has the owner's epoch in force."""
    if episode.kind is EpisodeKind.REJOIN:
        mark = seen.status.epoch.in_force
        return mark is not None and _target(seen, episode, lambda node: facts.holds_epoch(node, mark))
    if episode.kind is EpisodeKind.RESTART:
        return not facts.is_behind(seen, episode.source)
    if episode.kind is EpisodeKind.SEPARATE:
        return _gave_up(seen, episode, StepName.STORE_EPOCH) or _target(
            seen, episode, lambda node: _is_separated(seen, episode, node)
        )
    if not isinstance(prove(seen, episode), NoProof):
        return True
    return episode.kind is EpisodeKind.RENEW and could_not_be_left(seen, episode)


def _is_separated(seen: Seen, episode: Episode, node: NodeSeen) -> bool:
    """The node knows whose the epoch is; one without a state to store it in is left to its Rejoin."""
    mark = EpochMark(number=episode.epoch, owner=episode.source, episode=episode.id)
    return not facts.is_ours(seen, node.guard) or facts.holds_epoch(node, mark)


def _store_ready(seen: Seen, episode: Episode) -> Hold | None:
    node, why = facts.readable(seen, episode.source), prove(seen, episode)
    if episode.kind in KEEPS_EPOCH or not isinstance(why, NoProof):
        return None
    if node is None:
        text = f"{episode.source} cannot be read; answer ConfirmFenced of it to {episode.id} once it is certainly off"
        return Hold(Reason.CONFIRMATION_UNPROVEN, text)
    is_there = facts.is_ours(seen, node.guard) and not facts.is_another_machine(node, episode)
    return None if is_there else Hold(why.reason, why.message)


def _quarantined(seen: Seen, episode: Episode) -> bool:
    mark = seen.status.epoch.in_force
    return mark is not None and _target(seen, episode, lambda node: node.guard.quarantined_epoch == mark.number)


def _resynced(seen: Seen, episode: Episode) -> bool:
    mark = seen.status.epoch.in_force
    return mark is not None and _target(
        seen,
        episode,
        lambda node: node.replica.arrived is not None and node.replica.arrived[0].epoch == mark.number,
    )


def _resync_ready(seen: Seen, episode: Episode) -> Hold | None:
    """The run that the step begins is the source's own; it is awaited by looking, and begun again when it ended."""
    owner, taker, last = facts.readable(seen, episode.source), facts.readable(seen, episode.target), seen.last
    halves = split(seen, episode) or unable(seen, episode.target)
    if halves is not None and facts.last_done(seen, episode, StepName.RESYNC):
        return halves
    age_seconds = last.age_seconds if last is not None and facts.last_done(seen, episode, StepName.RESYNC) else None
    began = age_seconds is not None and age_seconds < RUN_SHOWS_SECONDS
    if owner is not None and owner.replica.is_sending:
        return Hold(Reason.RESYNCING, f"{episode.source} is sending a generation to {episode.target}")
    if taker is not None and taker.replica.product is not None and taker.replica.is_sending:
        return Hold(Reason.RESYNCING, f"{episode.target} is made a standby of {episode.source}")
    if owner is not None and began:
        return Hold(Reason.RESYNCING, f"{episode.source} was told to send a generation to {episode.target}")
    return _needs(source=True, target=True)(seen, episode)


def _swapped(seen: Seen, episode: Episode) -> bool:
    return _target(seen, episode, lambda node: facts.holds_epoch(node, _mark(episode)) and node.guard.may_run)


def _confirm_ready(seen: Seen, episode: Episode) -> Hold | None:
    """The peer, read now, must know exactly this epoch of this owner and have promised no other."""
    mark, peer = seen.status.epoch.in_force, facts.readable(seen, episode.source)
    if not facts.speaks(seen, episode.source) and not isinstance(may_permit(seen, episode), NoProof):
        return None
    if mark is None or peer is None or not facts.is_ours(seen, peer.guard):
        way_out = f"answer ConfirmFenced of {episode.source} to {episode.id} once it is certainly off"
        return Hold(Reason.CONFIRMATION_UNPROVEN, f"{episode.source} cannot vouch for {episode.target}; {way_out}")
    other_promise = peer.guard.promised is not None and peer.guard.promised.number > mark.number
    if other_promise or not facts.holds_epoch(peer, mark) or not facts.cannot_write(peer):
        return Hold(Reason.CONFIRMATION_UNPROVEN, f"{episode.source} does not vouch for {episode.target}")
    return None


def _goes_on(seen: Seen, episode: Episode) -> bool:
    mirror = mirror_of(seen, episode.target)
    return mirror is not None and not mirror.is_frozen


def _false(_seen: Seen, _episode: Episode) -> bool:
    return False


S = StepName
PHASES: Mapping[StepName, Phase] = MappingProxyType(
    {
        S.EQUIP: Phase(_equipped, _needs(source=True, target=True)),
        S.PREFLIGHT: Phase(_false, preflight, is_look=True),
        S.LOWER_TTL: Phase(_lowered, _lower_ready),
        S.QUIESCE: Phase(_quiesced, _needs(source=True, target=True)),
        S.CONCLUDE: Phase(_false, _free, is_look=True),
        S.RAISE: Phase(_raised, _needs(target=True)),
        S.FINAL_SYNC: Phase(_final_synced, _needs(source=True, target=True)),
        S.DEMOTE: Phase(_demoted, _needs(source=True)),
        S.FENCE: Phase(_fenced, _fence_ready),
        S.SEVER: Phase(_severed, _needs(target=True)),
        S.DECLARE: Phase(_false, declare_ready, is_look=True),
        S.PROMOTE: Phase(_promoted, _needs(target=True)),
        S.ADOPT: Phase(_adopted, _needs(target=True)),
        S.LOCALISE: Phase(_localised, _needs(target=True)),
        S.MOVE_TRAFFIC: Phase(_moved, _move_ready),
        S.START_SERVICES: Phase(_started, _start_ready),
        S.VERIFY: Phase(_verified, _free),
        S.REVERSE: Phase(_reversed, _free),
        S.STOP: Phase(_stopped, _needs(target=True)),
        S.STORE_EPOCH: Phase(_epoch_stored, _store_ready),
        S.QUARANTINE: Phase(_quarantined, _needs(target=True)),
        S.GRANT: Phase(lambda seen, ep: facts.receives(seen, ep.target), _needs(target=True)),
        S.RESYNC: Phase(_resynced, _resync_ready),
        S.SWAP_PERMIT: Phase(_swapped, _needs(target=True)),
        S.CONFIRM: Phase(_false, _confirm_ready, is_look=True),
        S.RELEASE: Phase(_released, _needs(source=True, target=True)),
        S.STANDBY_LOST: Phase(_goes_on, _needs(target=True)),
        S.RESTORE: Phase(lambda seen, ep: is_up(seen, ep) or _gave_up(seen, ep, S.RESTORE), _needs(target=True)),
        S.DISCARD: Phase(lambda seen, ep: is_discarded(seen, ep) or _gave_up(seen, ep, S.DISCARD), _needs(target=True)),
    },
)
