"""Why a look led to its decision, rule by rule, in the order in which the rules were asked; pure."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from maestro_operator.decide import decide, rules_of
from maestro_operator.decide.brakes import BRAKES
from maestro_operator.decide.episodes import phase_of
from maestro_operator.decide.machine_steps import turn_machine
from maestro_operator.decide.turns import TURNS
from maestro_operator.decide.verdict import conclude
from maestro_operator.model.decision import Decision, Hold, Perform, Steady
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maestro_operator.model.decision import Decided
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

BEFORE_ANY_QUESTION = (Reason.STRANGE_JOURNAL, Reason.INHERITED_STEP)
"""Holds of an episode after which nothing more is asked of it."""


def why(seen: Seen) -> str:
    """Return what each rule said until one decided, and below it the questions that it asked."""
    decided = decide(seen)
    rules = rules_of(seen)
    names = [rule.__name__ for rule in rules]
    width, place = max(map(len, names)), names.index(decided.rule)
    lines = [f"{seen.now}   {seen.key}", ""]
    for rule in rules[: place + 1]:
        lines.append(f"{'→' if rule.__name__ == decided.rule else ' '} {rule.__name__.ljust(width)}   {_purpose(rule)}")
        lines += [f"  {' ' * width}   - {line}" for line in _below(rule.__name__, seen, decided)]
    left = ", ".join(names[place + 1 :]) or "none"
    return "\n".join([*lines, "", told(decided.decision), "", f"Not asked any more: {left}."])


def told(decision: Decision) -> str:
    """Return a decision in one line: what is done, why, and its message."""
    if isinstance(decision, Hold | Steady):
        return f"{type(decision).__name__}, {decision.reason}: {decision.message}"
    step = f" {decision.step}" if isinstance(decision, Perform) else ""
    return f"{type(decision).__name__}{step}, {decision.because}: {decision.message}"


def _purpose(rule: Callable[..., object]) -> str:
    return (inspect.getdoc(rule) or "").partition("\n")[0]


def _below(rule: str, seen: Seen, decided: Decided) -> Iterator[str]:
    """Give the questions that a rule asks in turn, each with its answer."""
    active, episode = seen.status.active_node, seen.status.episode
    if rule == "carry_on" and episode is not None:
        yield f"{episode.kind} {episode.id} from {episode.source} to {episode.target}, epoch {episode.epoch}"
        if getattr(decided.decision, "reason", None) not in BEFORE_ANY_QUESTION:
            yield from _of_the_episode(seen, episode, decided.decision)
    if rule == "outage" and active is not None:
        found = conclude(seen, active)
        yield f"{active} is {found.verdict}, {found.reason}: {found.message}"
        for brake in BRAKES:
            hold = brake(seen, active)
            yield f"brake {_words(brake)}: {f'{hold.reason}, {hold.message}' if hold else 'released'}"


def _of_the_episode(seen: Seen, episode: Episode, decision: Decision) -> Iterator[str]:
    """Give what was asked of the episode under way: whether it turns round, whether its step is done or may begin."""
    for turn in TURNS if seen.spec.machine is None else (turn_machine,):
        found = turn(seen, episode)
        yield f"turn {_words(turn)}: {told(found) if found else 'no'}"
        if found is not None:
            return
    phase = phase_of(seen, episode.step)
    if not phase.done(seen, episode):
        hold = phase.ready(seen, episode)
        yield f"step {episode.step}: not done; {f'held, {hold.reason}: {hold.message}' if hold else 'nothing holds it'}"
        return
    yield f"step {episode.step}: done"
    after = decision.status.episode if not isinstance(decision, Hold | Steady) else None
    steps = STEPS[episode.kind]
    if after is not None:
        passed = steps[steps.index(episode.step) + 1 : steps.index(after.step)]
        yield from (f"step {step}: done already" for step in passed)


def _words(question: Callable[..., object]) -> str:
    return question.__name__.strip("_").replace("_", " ")
