"""Mutants of the node's guard, made from its text: each comparison inverted, each test of a number or owner dropped.

The law of this file: mechanical. What is changed is one test `[ ... ]` of the script; the words of answers and of the
world's programs are left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from support.mutants.mutant import ROOT, Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = ROOT / "operator/maestro_operator/transport/node/maestro-guard"
TEST = re.compile(r"(?<![\[\w])\[ (?:[^\]\"']|\"[^\"]*\"|'[^']*')+ \]")
"""One test of the shell; a `]` may stand in a quoted word of it."""
HELD = re.compile(r"epoch|owner|term|boot|pair|node\b|standing|final|quarantined|_source|episode|torn")
INVERSE = {"-ge": "-lt", "-lt": "-ge", "-gt": "-le", "-le": "-gt", "-eq": "-ne", "-ne": "-eq", "=": "!=", "!=": "="}
INVERSE |= {"-n": "-z", "-z": "-n", "-e": "! -e", "-f": "! -f"}
FUNCTION = re.compile(r"^([a-z_]+)\(\) \{", re.MULTILINE)
LAWS: tuple[tuple[str, frozenset[int]], ...] = (
    (r"order_(lead)|order$|read_order|ordered|create", frozenset({2, 5})),
    (r"order_(promise|demote|renew)", frozenset({1, 5})),
    (r"order_(promote|permit|quiesce)|is_permitted|need_owned|need_boot", frozenset({1, 3})),
    (r"order_(grant|quarantined|sever)|receive", frozenset({6, 7})),
    (r"read_state|read_slot|parse|store|look|need_state", frozenset({4, 5})),
    (r"confirm|take|yield|forced|boot|watch|run", frozenset({1, 11})),
)


def laws_of(function: str) -> frozenset[int]:
    """Returns the laws that stand on a function of the guard; every one serves the one writer at least."""
    return next((laws for pattern, laws in LAWS if re.match(pattern, function)), frozenset({1}))


def mutants(text: str | None = None) -> Iterator[Mutant]:
    """Gives every mutant of the guard, and the control."""
    whole = SCRIPT.read_text() if text is None else text
    counts = Counter[str]()
    for match in TEST.finditer(whole):
        line = whole[whole.rfind("\n", 0, match.start()) + 1 : match.start()]
        if line.lstrip().startswith("#") or not HELD.search(match.group()):
            continue
        function = _function(whole, match.start())
        is_condition = re.search(r"\b(if|elif|while|until) (! )?$", line) is not None
        for what, other in _changes(match.group(), is_condition=is_condition):
            counts[f"{function} {what}"] += 1
            name = f"{function}: {what} ({counts[f'{function} {what}']})"
            changed = f"{whole[: match.start()]}{other}{whole[match.end() :]}"
            yield Mutant("guard", name, SCRIPT, changed, laws_of(function))
    yield control(whole)


def control(whole: str) -> Mutant:
    """Returns the change that changes nothing: the sides of every equation between two words turned round."""
    turned = re.sub(r"\[ (\"[^\"]+\") (=|-eq) (\"[^\"]+\") \]", r"[ \3 \2 \1 ]", whole)
    return Mutant("guard", "turns the sides of every equation", SCRIPT, turned, frozenset(), is_harmless=True)


def _function(whole: str, at: int) -> str:
    """Returns the function in which a place stands."""
    before = [match.group(1) for match in FUNCTION.finditer(whole, 0, at)]
    return before[-1] if before else "top"


def _changes(test: str, *, is_condition: bool) -> Iterator[tuple[str, str]]:
    words = test.split(" ")
    for index, word in enumerate(words):
        if word in INVERSE:
            yield f"inverts {test}", " ".join([*words[:index], INVERSE[word], *words[index + 1 :]])
            break
    # What stands before && or || is taken for fulfilled; what an `if` asks is never asked.
    yield f"drops {test}", "false" if is_condition else "true"
