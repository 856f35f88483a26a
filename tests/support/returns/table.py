"""Writes the return matrix into docs/explanation/return.md, between its two marks."""

import json
from pathlib import Path

from support.report import ROOT
from support.returns.rounds import ROUNDS, WORDS, Cell

PAGE = ROOT / "docs" / "explanation" / "return.md"
REPORT = ROOT / "evidence" / "return-matrix.json"
BEGIN, END = "<!-- return-matrix: begin -->", "<!-- return-matrix: end -->"
HEAD = ("the node comes back", "operator", "peer", "what must come of it", "seconds", "started", "pushed", "answers")
NOT_YET = "No report of the whole is committed yet."
SECONDS = ("up", "owner-up", "stopped")


def rows(report: Path) -> str:
    """Returns the table as Markdown, a sentence where the whole was not played yet."""
    if not report.exists():
        return NOT_YET
    values = {item["id"]: item["measured"] for item in json.loads(report.read_text())["claims"]}
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for plan in ROUNDS:
        lines += [_row(plan.about, cell, values) for cell in plan.cells if _is_played(cell, values)]
    return "\n".join(lines)


def _is_played(cell: Cell, values: dict[str, object]) -> bool:
    return f"{cell.id}.one-node-acknowledged" in values


def _row(about: str, cell: Cell, values: dict[str, object]) -> str:
    seconds = next((values[f"{cell.id}.{name}"] for name in SECONDS if f"{cell.id}.{name}" in values), "")
    counted = [values.get(f"{cell.id}.{name}", "") for name in ("services-started", "bytes-pushed", "answers")]
    words = (about, cell.operator, cell.peer, WORDS[cell.expected], seconds, *counted)
    return f"| {' | '.join(str(word) for word in words)} |"


def written_into(text: str, report: Path) -> str:
    """Returns the page with the table between its marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{rows(report)}\n{END}{after}"


def write(page: Path = PAGE, report: Path = REPORT) -> None:
    """Replaces what stands between the marks."""
    page.write_text(written_into(page.read_text(), report))
