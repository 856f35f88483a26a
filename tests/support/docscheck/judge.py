"""Judges the docs by what was tried of them: one claim a page, and those about all of them together.

The law of this file: it imports nothing of the operator, and what was not tried does not count as good.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from support.docscheck.record import Tried

MOST_SKIPS = 10
LEAST_COMMANDS = 45
LEAST_MANIFESTS = 8
SHOWN = 400


def judge(tried: Sequence[Tried], *, pages: Sequence[str], is_whole: bool) -> list[Claim]:
    """Returns every claim; `is_whole` where no page was left out on purpose."""
    claims = [_page(name, [one for one in tried if one.page == name]) for name in pages]
    if not is_whole:
        return claims
    counts = Counter(one.kind for one in tried)
    skips = [one for one in tried if one.kind == "skip"]
    return [
        *claims,
        Claim("commands-run", counts["command"] >= LEAST_COMMANDS, counts["command"], f">= {LEAST_COMMANDS}"),
        Claim("manifests-judged", counts["manifest"] >= LEAST_MANIFESTS, counts["manifest"], f">= {LEAST_MANIFESTS}"),
        Claim(
            "few-are-skipped",
            len(skips) <= MOST_SKIPS and all(one.code == 0 for one in skips),
            len(skips),
            f"<= {MOST_SKIPS}, each with a reason and each there",
            tuple(f"{one.page}:{one.line} {one.text}: {one.said}" for one in skips),
        ),
    ]


def _page(name: str, tried: Sequence[Tried]) -> Claim:
    bad = [one for one in tried if one.code != 0]
    said = "; ".join(_told(bad)) or ", ".join(f"{count} {kind}" for kind, count in _counts(tried)) or "nothing to try"
    return Claim(f"page:{name}", not bad, said, "everything on it works")


def _told(bad: Iterable[Tried]) -> Iterable[str]:
    for one in bad:
        yield f"line {one.line}, {one.kind}: {one.text.strip()[:SHOWN]} → {one.code}: {one.said.strip()[-SHOWN:]}"


def _counts(tried: Sequence[Tried]) -> list[tuple[str, int]]:
    return sorted(Counter(one.kind for one in tried).items())
