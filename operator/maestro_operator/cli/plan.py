"""What a move would be, were it ordered now: the operator's own rules over its newest look; pure.

The law of this file: nothing is foretold that the rules do not say. What stands in the way is what `decide` and
the step's own question answer for the order; how long a step takes is what it took before, else its deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_operator.cli.change import CannotError
from maestro_operator.cli.table import table
from maestro_operator.decide import decide, rules_of
from maestro_operator.decide.episodes import phase_of
from maestro_operator.decide.moves import begin_move, kind_of_move
from maestro_operator.model.decision import Hold, Perform, Record
from maestro_operator.model.steps import DEADLINE_SECONDS, STEPS, EpisodeKind, StepName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

S = StepName
NEEDS: Mapping[StepName, str] = {
    S.EQUIP: "both nodes can be read",
    S.PREFLIGHT: "the target can take over, and its copy is whole and young enough",
    S.LOWER_TTL: "nothing: a courtesy to clients",
    S.QUIESCE: "both nodes can be read",
    S.CONCLUDE: "the vantage points agree, or a person ordered it",
    S.RAISE: "the target can be read",
    S.FINAL_SYNC: "both nodes can be read",
    S.DEMOTE: "the source can be read back stopped",
    S.FENCE: "a rung of the ladder that gives a proof",
    S.SEVER: "the target can be read",
    S.DECLARE: "the loss is known and accepted",
    S.PROMOTE: "a proof that the source cannot write, of this episode",
    S.ADOPT: "a proof that the other node does not run",
    S.LOCALISE: "the target can be read",
    S.MOVE_TRAFFIC: "nothing: what cannot be moved is repaired later",
    S.START_SERVICES: "the same proof, and the public names resolve to the target there",
    S.VERIFY: "nothing",
    S.REVERSE: "nothing: a source that is gone rejoins later",
    S.STOP: "the node can be read",
    S.STORE_EPOCH: "the node that is not the owner can be read, or is proven off",
    S.QUARANTINE: "the node can be read",
    S.GRANT: "the node can be read",
    S.RESYNC: "both nodes can be read",
    S.SWAP_PERMIT: "the owner can be read",
    S.CONFIRM: "the peer vouches for the owner",
    S.RELEASE: "both nodes can be read",
    S.STANDBY_LOST: "the owner can be read",
    S.RESTORE: "the owner can be read",
    S.DISCARD: "the node that keeps it can be read",
    S.MIGRATE: "the virtual machine runs, and both hosts can be read",
}
ASKED_NOW = (S.PREFLIGHT, S.QUIESCE, S.RAISE, S.FINAL_SYNC, S.DEMOTE, S.FENCE, S.SEVER, S.DECLARE, S.LOCALISE)
"""Steps whose question can be answered before the ones in front of them are done."""
DOWN_FROM: Mapping[EpisodeKind, StepName] = {
    kind: next((step for step in STEPS[kind] if step in (S.QUIESCE, S.STOP)), STEPS[kind][0])
    for kind in EpisodeKind
    if S.START_SERVICES in STEPS[kind] and kind is not EpisodeKind.RENEW
}
"""From which step on nobody serves, where the table alone can say it: a Renew may find its owner running or stopped."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of a plan."""

    step: StepName
    needs: str
    stands: str
    """`ok`, what stands in the way, or `comes with the steps before`; of an episode under way its own state."""
    seconds: float
    is_measured: bool
    """What it took the last time; else the deadline of one attempt."""
    is_down: bool = False
    """Nobody serves while it runs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A move as it would go."""

    said: str
    in_the_way: str | None
    """The operator's own word for why it would not begin now."""
    steps: tuple[Planned, ...]

    @property
    def seconds(self) -> float:
        """Return how long it takes at most, as far as that is known."""
        return sum(item.seconds for item in self.steps)

    @property
    def down_seconds(self) -> float:
        """Return how long nobody serves: the steps that a client waits for, one after the other."""
        return sum(item.seconds for item in self.steps if item.is_down)


def plan(seen: Seen, wanted: str | None) -> Plan:
    """Return the move to a node, to the other one without a name; or how the episode under way goes on.

    Raises:
        CannotError: no such move can be.

    """
    if seen.status.episode is not None:
        return _under_way(seen, seen.status.episode)
    active = seen.status.active_node
    if active is None:
        raise CannotError("no node is known to be active; `kubectl maestro explain` says what is waited for")
    if wanted is not None and wanted not in seen.spec.names:
        raise CannotError(f"there is no node {wanted}; the pair has {' and '.join(seen.spec.names)}")
    if wanted == active:
        raise CannotError(f"{wanted} is active already")
    target = wanted or next(name for name in seen.spec.names if name != active)
    asked = replace(
        seen,
        spec=seen.spec.model_copy(update={"active_node": target}),
        status=seen.status.model_copy(update={"observed_active_node": active}),
    )
    episode = begin_move(asked, kind_of_move(asked), trigger="Ordered", order=target).status.episode
    assert episode is not None  # noqa: S101 - what begins a move writes its episode
    steps = tuple(_planned(asked, episode, step) for step in STEPS[episode.kind])
    said = f"{episode.kind} {episode.source} → {episode.target}, were {target} ordered now"
    return Plan(said, _in_the_way(asked, episode), steps)


def shown(made: Plan, *, key: str) -> str:
    """Return a plan as text."""
    rows = [["", "step", "takes", "serves", "needs", "now"]]
    for number, item in enumerate(made.steps, start=1):
        takes = f"{item.seconds:.1f} s" if item.is_measured else f"at most {item.seconds:.0f} s"
        rows.append([str(number), item.step, takes, "nobody" if item.is_down else "", item.needs, item.stands])
    way = f"IN THE WAY: {made.in_the_way}" if made.in_the_way else "Nothing stands in the way."
    known = all(item.is_measured for item in made.steps)
    much = "about" if known else "at most"
    total = f"In all {much} {made.seconds:.0f} s"
    if any(item.is_down for item in made.steps):
        total += f", {much} {made.down_seconds:.0f} s of it while nobody serves"
    why = "." if known else "; a step that was never taken counts with the deadline of one attempt."
    return "\n".join([f"{key}: {made.said}", f"  {way}", "", *table(rows), "", total + why])


def plain(made: Plan) -> dict[str, object]:
    """Return a plan as JSON has it."""
    return {
        "plan": made.said,
        "inTheWay": made.in_the_way,
        "seconds": round(made.seconds, 3),
        "downSeconds": round(made.down_seconds, 3),
        "steps": [
            {
                "name": item.step.value,
                "needs": item.needs,
                "now": item.stands,
                "seconds": round(item.seconds, 3),
                "measured": item.is_measured,
                "down": item.is_down,
            }
            for item in made.steps
        ],
    }


def _in_the_way(asked: Seen, episode: Episode) -> str | None:
    """Return why the order would not be taken, or wait, by the rules that would be asked."""
    decided = decide(asked)
    names = [rule.__name__ for rule in rules_of(asked)]
    decision = decided.decision
    if isinstance(decision, Record | Perform):
        begun = decision.status.episode
        if begun is None or begun.kind is episode.kind:
            return _held(asked, episode, S.PREFLIGHT)
        return f"{begun.kind} comes first: {decision.message}"
    last = "order" if asked.spec.machine is None else "moved_by_order"
    if isinstance(decision, Hold) and names.index(decided.rule) <= names.index(last):
        return f"{decision.reason}: {decision.message}"
    return _held(asked, episode, S.PREFLIGHT)


def _held(seen: Seen, episode: Episode, step: StepName) -> str | None:
    hold = phase_of(seen, step).ready(seen, episode)
    return f"{hold.reason}: {hold.message}" if hold else None


def _planned(seen: Seen, episode: Episode, step: StepName) -> Planned:
    stands = "comes with the steps before"
    if step in ASKED_NOW:
        stands = _held(seen, episode, step) or "ok"
    if step is S.FENCE and not decide(seen).assessment.fencing_ready.get(episode.source, False):
        stands = f"not known to work for {episode.source}"
    seconds, is_measured = _expected(seen, episode.kind, step)
    return Planned(step, NEEDS[step], stands, seconds, is_measured, is_down=_is_down(episode.kind, step))


def _is_down(kind: EpisodeKind, step: StepName) -> bool:
    """Tell whether nobody serves while a step runs: from what ends the service to its start."""
    begin, steps = DOWN_FROM.get(kind), STEPS[kind]
    return begin is not None and steps.index(begin) <= steps.index(step) <= steps.index(S.START_SERVICES)


def _expected(seen: Seen, kind: EpisodeKind, step: StepName) -> tuple[float, bool]:
    """Return what a step took in the newest episode of the kind that was carried to its end."""
    for entry in seen.status.history:
        if entry.kind is kind and entry.result == "Done":
            took = next((item.seconds for item in entry.steps if item.name is step), None)
            # What was not written down had nothing to do.
            return (took or 0.0), True
    return float(DEADLINE_SECONDS[step]), False


def _under_way(seen: Seen, episode: Episode) -> Plan:
    """Return the steps of the episode under way, each with how it stands."""
    steps = []
    for step in STEPS[episode.kind]:
        record = episode.record(step)
        seconds, is_measured = _expected(seen, episode.kind, step)
        if record is not None and record.seconds is not None:
            seconds, is_measured = record.seconds, True
        stands = record.state if record is not None else "to come"
        is_down = _is_down(episode.kind, step)
        steps.append(Planned(step, NEEDS[step], stands, seconds, is_measured, is_down=is_down))
    decision = decide(seen).decision
    held = f"{decision.reason}: {decision.message}" if isinstance(decision, Hold) else None
    return Plan(f"{episode.kind} {episode.source} → {episode.target} under way: {episode.id}", held, tuple(steps))
