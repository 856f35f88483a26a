"""The steps of a virtual machine's episodes, each as two questions, and where such an episode ends early; pure.

The law of this file: what is promoted runs already. `Promote` and `Adopt` write down where the machine was read to run.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from maestro_operator.decide import journal
from maestro_operator.decide.phases import PHASES, TRIES_BEFORE_GOING_ON, Phase
from maestro_operator.decide.where import in_words, is_off, may_come, runs
from maestro_operator.model.decision import Decision, Hold
from maestro_operator.model.outcome import Done, InProgress
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import StepName, is_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode


def _may_move(seen: Seen, episode: Episode) -> Hold | None:
    if not runs(seen, episode.source):
        return Hold(Reason.MACHINE_DOWN, f"{in_words(seen)}: its cluster decides; it is moved only while it runs")
    return may_come(seen, episode.target)


def _has_moved(seen: Seen, episode: Episode) -> bool:
    return runs(seen, episode.target) and is_off(seen, episode.source)


def _is_recorded(seen: Seen, episode: Episode) -> bool:
    """The intent is the whole of it: the machine ran there before."""
    return seen.status.active_node == episode.target and episode.record(episode.step) is not None


def _runs_there(seen: Seen, episode: Episode) -> Hold | None:
    if runs(seen, episode.target):
        return None
    return Hold(Reason.MACHINE_DOWN, f"{in_words(seen)}: it is followed to where it runs")


S = StepName
MACHINE_PHASES: Mapping[StepName, Phase] = MappingProxyType(
    {
        S.PREFLIGHT: Phase(PHASES[S.PREFLIGHT].done, _may_move, is_look=True),
        S.MIGRATE: Phase(_has_moved, _may_move),
        S.PROMOTE: Phase(_is_recorded, _runs_there),
        S.ADOPT: Phase(_is_recorded, _runs_there),
        S.VERIFY: PHASES[S.VERIFY],
    }
)


def turn_machine(seen: Seen, episode: Episode) -> Decision | None:
    """End an episode whose machine went another way, or that is not gone on with; nothing is to be undone."""
    is_before_promotion = is_before(episode.kind, episode.step, StepName.PROMOTE)
    if not is_before_promotion and runs(seen, episode.source) and not runs(seen, episode.target):
        text = f"{episode.id} ends: {in_words(seen)}"
        return journal.finish(seen, episode, result="Abandoned", because=Reason.MACHINE_ELSEWHERE, message=text)
    why = _why_not(seen, episode) if is_before_promotion else None
    if why is None or not is_off(seen, episode.target):
        return None
    text = f"{episode.id} ends, and the machine stays on {episode.source}: {why}"
    return journal.finish(seen, episode, result="RolledBack", because=Reason.ROLLED_BACK, message=text)


def _why_not(seen: Seen, episode: Episode) -> str | None:
    """Return why a move is not gone on with: its order was taken back, or it failed too often."""
    if episode.order is not None and seen.spec.active_node == episode.source:
        return "the order was taken back"
    record, last = episode.record(StepName.MIGRATE), seen.last
    if record is None or last is None or (last.episode, last.step) != (episode.id, StepName.MIGRATE):
        return None
    if isinstance(last.outcome, (Done, InProgress)) or record.attempts < TRIES_BEFORE_GOING_ON:
        return None
    return f"{record.attempts} attempts failed, the last with: {last.outcome.message}"
