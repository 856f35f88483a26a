"""Writes the matrix and the table of the agents into docs/reference/fencing.md, each between its two marks."""

import json
from collections.abc import Sequence
from pathlib import Path

from support.fencematrix import agents
from support.fencematrix.cells import CELLS, STORAGE_CELLS, Cell
from support.report import ROOT

PAGE = ROOT / "docs" / "reference" / "fencing.md"
REPORT = ROOT / "evidence" / "fence-matrix.json"
STORAGE_REPORT = ROOT / "evidence" / "fence-storage.json"
TABLES: Sequence[tuple[str, Path, Sequence[Cell]]] = (
    ("fence-matrix", REPORT, CELLS),
    ("fence-storage", STORAGE_REPORT, STORAGE_CELLS),
)
"""Each table's marks, its report, and its rows."""


def rows(report: Path, cells: Sequence[Cell] = CELLS) -> str:
    """Returns the table as Markdown, its head alone where nothing was kept yet."""
    claims = json.loads(report.read_text())["claims"] if report.exists() else ()
    values = {item["id"]: item for item in claims}
    lines = ["| ladder | fault | concluded | seconds | promoted |", "|---|---|---|---|---|"]
    for cell in cells:
        concluded = values.get(f"{cell.id}.concluded")
        if concluded is None:
            continue
        word = concluded["evidence"][0].removeprefix("concluded ")
        promoted = str(values[f"{cell.id}.promoted"]["measured"]).lower()
        lines.append(f"| {cell.ladder} | {cell.fault} | `{word}` | {concluded['measured']:.1f} | {promoted} |")
    return "\n".join(lines)


def written_into(text: str) -> str:
    """Returns the page with all tables between their marks."""
    for name, report, cells in TABLES:
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}\n{rows(report, cells)}\n{end}{after}"
    return agents.written_into(text)


def write(page: Path = PAGE) -> None:
    """Replaces what stands between the marks."""
    page.write_text(written_into(page.read_text()))
