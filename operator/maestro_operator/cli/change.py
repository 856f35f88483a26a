"""One change of a pair's spec, as a person would make it in Git; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from maestro_operator.model.pair import Say

if TYPE_CHECKING:
    from collections.abc import Mapping


class CannotError(Exception):
    """What was asked for cannot be done; the message says why, and what can be."""


class IncompleteError(Exception):
    """The change was made, and what it asks for is not reached; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Change:
    """What to change in the spec, and the sentence about it; an empty one is already so."""

    said: str
    spec: Mapping[str, Any]
    """As a merge patch: None takes a field out."""
    git: str = ""
    """The same change as lines of YAML."""


def set_to(said: str, spec: Mapping[str, Any]) -> Change:
    """Return a change that sets fields."""
    return Change(said, spec, yaml.safe_dump({"spec": dict(spec)}, sort_keys=False, width=1000).rstrip())


def nothing(said: str) -> Change:
    """Return no change, with the reason."""
    return Change(said, {})


def answered(pair: Mapping[str, Any], word: Mapping[str, str | None]) -> Change:
    """Return the change that adds one answer; saying the same again is none.

    Raises:
        CannotError: there is no room for another answer.

    """
    answer = {key: value for key, value in word.items() if value is not None}
    given: list[Any] = list(pair["spec"].get("answers") or [])
    about = f" of {answer['of']}" if "of" in answer else ""
    text = f"{answer['say']}{about}, for {answer['episode']}"
    before = [item for item in given if _names(item) == _names(answer)]
    is_worded_anew = answer["say"] == Say.CONFIRM_FENCED and answer not in before
    if before and not is_worded_anew:
        return nothing(f"answered before: {text}")
    # A word that a node is off is good for a while only; in other words it is another one, and takes its place.
    given = [item for item in given if item not in before]
    item = yaml.safe_dump([answer], sort_keys=False, width=1000)
    lines = ["spec:", "  answers:", *(f"    {line}" for line in item.splitlines())]
    return Change(f"answered: {text}", {"answers": [*given, answer]}, "\n".join(lines))


def say_of(word: str) -> Say:
    """Return the answer that a word means, in the resource's spelling or with hyphens.

    Raises:
        CannotError: there is no such answer.

    """
    found = {plain(say): say for say in Say}.get(plain(word))
    if found is None:
        raise CannotError(f"there is no answer {word}; write one of {', '.join(Say)}")
    return found


def plain(word: str) -> str:
    """Return a word without hyphens and capitals."""
    return word.replace("-", "").lower()


def _names(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    return answer["episode"], answer["say"], answer.get("of")
