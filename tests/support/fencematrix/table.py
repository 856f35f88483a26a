"""Writes the matrix and the table of the agents into docs/reference/fencing.md, each between its two marks."""

import json
from pathlib import Path

from support.fencematrix import agents
from support.fencematrix.cells import CELLS
from support.report import BUILD, ROOT

PAGE = ROOT / "docs" / "reference" / "fencing.md"
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


def write(page: Path = PAGE, report: Path = BUILD / "fence-matrix.json") -> None:
    """Replaces what stands between the marks."""
    text = page.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(agents.written_into(f"{before}{BEGIN}\n{rows(report)}\n{END}{after}"))
