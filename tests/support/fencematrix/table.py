"""Writes the matrix and the table of the agents into docs/reference/fencing.md, each between its two marks."""

import json
from pathlib import Path

from support.fencematrix import agents
from support.fencematrix.cells import CELLS
from support.report import ROOT

PAGE = ROOT / "docs" / "reference" / "fencing.md"
REPORT = ROOT / "evidence" / "fence-matrix.json"
BEGIN, END = "<!-- fence-matrix: begin -->", "<!-- fence-matrix: end -->"


def rows(report: Path) -> str:
    """Returns the table as Markdown."""
    values = {item["id"]: item for item in json.loads(report.read_text())["claims"]}
    lines = ["| ladder | fault | concluded | seconds | promoted |", "|---|---|---|---|---|"]
    for cell in CELLS:
        concluded = values.get(f"{cell.id}.concluded")
        if concluded is None:
            continue
        word = concluded["evidence"][0].removeprefix("concluded ")
        promoted = str(values[f"{cell.id}.promoted"]["measured"]).lower()
        lines.append(f"| {cell.ladder} | {cell.fault} | `{word}` | {concluded['measured']:.1f} | {promoted} |")
    return "\n".join(lines)


def written_into(text: str, report: Path) -> str:
    """Returns the page with both tables between their marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return agents.written_into(f"{before}{BEGIN}\n{rows(report)}\n{END}{after}")


def write(page: Path = PAGE, report: Path = REPORT) -> None:
    """Replaces what stands between the marks."""
    page.write_text(written_into(page.read_text(), report))
