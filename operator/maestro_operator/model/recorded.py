"""One look as plain data and back: what a decision was made from can be kept, sent on and decided again.

The law of this file: nothing is lost that a decision may know. `from_plain(to_plain(seen))` equals `seen` but for the
resource's annotations, which no rule reads and which may hold anything; a field that this version does not know is
refused, not ignored. Spec and status have the resource's own names, the rest those of `seen`; what has its default is
left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from maestro_operator.model.decision import Decision
from maestro_operator.model.errors import BadInput
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.resource import ResourceValue
from maestro_operator.model.seen import Seen

Plain = Mapping[str, object]

LOOK, DECISION = "maestropair.dev/look", "maestropair.dev/decision"
"""Annotations of an event: the look as JSON, and the digest of what was decided from it."""
LOOK_LENGTH = 128 * 1024
"""Half of what an API server takes as annotations; a look has some six thousand characters."""

_SEEN = TypeAdapter(Seen)
_OUTCOMES: Mapping[str, TypeAdapter[Outcome]] = {
    kind.__name__: TypeAdapter(kind) for kind in (Done, InProgress, Refused, Failed)
}
"""An outcome stands under its own name: two of them have the same fields."""


def to_plain(seen: Seen, *, whole: bool = False) -> dict[str, object]:
    """Return a look as JSON has it; `whole` gives defaults, too."""
    plain: dict[str, object] = _plain(replace(seen, annotations={}), whole=whole)
    return plain


def from_plain(plain: Plain) -> Seen:
    """Return the look that plain data tell of.

    Raises:
        BadInput: they tell of none, or of one that this version cannot know.

    """
    try:
        seen = _SEEN.validate_python({"annotations": {}, **plain, "last": _last(plain.get("last"))})
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(".".join(str(item) for item in first["loc"]), f"this is no look: {first['msg']}") from error
    strange = next(_strange(plain, to_plain(seen, whole=True), ""), None)
    if strange is not None:
        raise BadInput(strange, "this version knows no such field of a look")
    return seen


def digest(decision: Decision) -> str:
    """Return a word for exactly this decision: equal ones have the same, down to the status that would be written."""
    told = json.dumps([type(decision).__name__, _plain(decision, whole=True)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _plain(value: object, *, whole: bool) -> Any:  # noqa: ANN401 - as JSON has it
    if isinstance(value, ResourceValue):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=not whole)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: _plain(item, whole=whole) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item, whole=whole) for item in value]
    if is_dataclass(value):
        told = {item.name: getattr(value, item.name) for item in fields(value)}
        kept = {item.name for item in fields(value) if whole or told[item.name] != _default(item)}
        plain = {name: _plain(item, whole=whole) for name, item in told.items() if name in kept}
        kind = type(value).__name__
        return {kind: plain} if kind in _OUTCOMES else plain
    return value


def _default(item: Field[Any]) -> object:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def _last(plain: object) -> object:
    """Return a leader's last outcome with the outcome itself as a value of its own class."""
    if plain is None:
        return None
    last = _mapping(plain, "last")
    named = _mapping(last.get("outcome"), "last.outcome")
    kind = next(iter(named), "")
    if kind not in _OUTCOMES:
        raise BadInput("last.outcome", f"name one of {', '.join(_OUTCOMES)}")
    return {**last, "outcome": _OUTCOMES[kind].validate_python(named[kind])}


def _mapping(value: object, where: str) -> Plain:
    if not isinstance(value, Mapping):
        raise BadInput(where, "this is no mapping")
    return value


def _strange(given: object, known: object, path: str) -> Iterator[str]:
    """Give the path of every field that was given and is not known."""
    if isinstance(given, Mapping) and isinstance(known, Mapping):
        for name, value in given.items():
            if name in known:
                yield from _strange(value, known[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}".removeprefix(".")
    elif isinstance(given, list) and isinstance(known, list):
        for index, value in enumerate(given):
            yield from _strange(value, known[index], f"{path}.{index}")
