"""Whether a pattern from a resource may be searched for in what a server or a log says.

Matching runs beside the turns of every other pair, and nothing can interrupt it: a pattern whose
work grows with a power of the text would hold all of them up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from re import _constants as codes, _parser as parser  # type: ignore[attr-defined]  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_OPEN_REPEATS = 3
"""A line of a log is short, and of a body only the beginning is looked at."""
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_BACK = (codes.GROUPREF, codes.GROUPREF_EXISTS)


def fault_of_pattern(pattern: str) -> str | None:
    """Return what is wrong with a pattern, None where it may be used."""
    try:
        found = list(_repeats(parser.parse(pattern), depth=0))
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no pattern that Python's re reads: {error}"
    if any(depth < 0 for depth in found):
        return "refers back to a group, which may take for ever"
    if any(depth > 0 for depth in found):
        return "repeats what itself repeats without end, which may take for ever"
    if len(found) > MOST_OPEN_REPEATS:
        return f"repeats without end {len(found)} times, which may take for ever"
    return None


def _repeats(parsed: Any, *, depth: int) -> Iterator[int]:  # noqa: ANN401 - what the parser of the library gives
    """Give the depth of every repeat without end below other ones, and -1 for a reference back."""
    for operator, argument in parsed:
        inner = depth
        if operator in _BACK:
            yield -1
        if operator in _REPEATS:
            _, most, _ = argument
            if most is codes.MAXREPEAT:
                yield depth
                inner = depth + 1
        for part in _parts(argument):
            yield from _repeats(part, depth=inner)


def _parts(argument: Any) -> Iterator[Any]:  # noqa: ANN401 - what the parser of the library gives
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, (tuple, list)):
        for item in argument:
            yield from _parts(item)
