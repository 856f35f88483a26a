"""What a validation found: each thing that was looked at, how it stands, and what to do; and the three forms to print.

The law of this file: what could not be looked at is a warning and says so; it never counts as well.
"""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from maestro_operator.cli.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Grade(StrEnum):
    """How something stands."""

    OK = "ok"
    WARNING = "warning"
    """It works, or could not be looked at; a person should know."""
    PROBLEM = "problem"
    """It does not work, or is refused."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    grade: Grade
    area: str
    """Of the spec, of the cluster or of the pair: manifest, rights, nodes, backup and so on."""
    text: str
    """What stands there, with the field where it has one, and what to do where it is not well."""


def well(area: str, text: str) -> Finding:
    """Return what is as it should be."""
    return Finding(Grade.OK, area, text)


def warning(area: str, text: str) -> Finding:
    """Return what a person should know."""
    return Finding(Grade.WARNING, area, text)


def problem(area: str, text: str) -> Finding:
    """Return what does not work."""
    return Finding(Grade.PROBLEM, area, text)


def summary(found: Sequence[Finding]) -> str:
    """Return the numbers in one line."""
    count = Counter(item.grade for item in found)
    words = {Grade.OK: "ok", Grade.WARNING: "warning", Grade.PROBLEM: "problem"}
    told = [f"{count[Grade.OK]} ok"]
    told += [
        f"{count[grade]} {words[grade]}{'' if count[grade] == 1 else 's'}" for grade in (Grade.WARNING, Grade.PROBLEM)
    ]
    return ", ".join(told)


def as_text(about: str, found: Sequence[Finding]) -> str:
    """Return a line a finding, and the numbers last."""
    rows = [[item.grade.upper() if item.grade is not Grade.OK else "ok", item.area, item.text] for item in found]
    return "\n".join([about, *table(rows), "", summary(found)])


def as_plain(about: str, found: Sequence[Finding]) -> dict[str, object]:
    """Return the findings as JSON has them."""
    count = Counter(item.grade.value for item in found)
    numbers = {grade.value: count[grade.value] for grade in Grade}
    items = [{"grade": item.grade.value, "area": item.area, "text": item.text} for item in found]
    return {"about": about, "numbers": numbers, "findings": items}


STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .8rem;"
    "border-bottom:1px solid #8886}.problem td:first-child,.warning td:first-child{font-weight:bold}"
)


def as_html(about: str, found: Sequence[Finding]) -> str:
    """Return a page that needs nothing beside itself."""
    title = html.escape(about)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n<p>{html.escape(summary(found))}</p>\n<table>"
        '<thead><tr><th scope="col">how</th><th scope="col">what</th><th scope="col">found</th></tr></thead>\n<tbody>\n'
        + "\n".join(_rows(found))
        + "\n</tbody></table></body></html>\n"
    )


def _rows(found: Iterable[Finding]) -> Iterable[str]:
    for item in found:
        cells = "".join(f"<td>{html.escape(text)}</td>" for text in (item.grade, item.area, item.text))
        yield f'<tr class="{item.grade}">{cells}</tr>'
