"""Columns of text, aligned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP = "   "


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Return rows with their columns aligned."""
    rows = [list(row) for row in rows]
    widths = [
        max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(max(map(len, rows), default=0))
    ]
    return [
        (indent + GAP.join(cell.ljust(widths[at]) for at, cell in enumerate(row))).rstrip() if row else ""
        for row in rows
    ]


def amount(seconds: float | None) -> str:
    """Return seconds for a column, nothing where they are not known."""
    return "" if seconds is None else f"{seconds:.1f} s"
