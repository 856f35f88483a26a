"""Writes build/chaos-SEED.json: claims, the matrix, and every finding with its moment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.chaos.phases import LISTED, Cell, Fault, Phase
from support.chaos.plan import empty_cells
from support.report import Claim, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.chaos.chronicle import Chronicle

FULL_MINUTES = 20
"""A run of this length has to fill the matrix; a shorter one shows what it filled."""


def matrix(chronicle: Chronicle) -> dict[str, dict[str, int]]:
    """Return how often each fault fell in each phase; every listed cell is there."""
    cells = sorted({*LISTED, *chronicle.counts})
    return {
        str(phase): {str(cell[1]): chronicle.counts[cell] for cell in cells if cell[0] is phase}
        for phase in Phase
        if any(cell[0] is phase for cell in cells)
    }


def surprises(chronicle: Chronicle) -> Claim:
    """Return the claim that the nemesis itself did not break."""
    found = [str(item["what"]) for item in chronicle.findings if item["kind"] == "Surprise"]
    return Claim("played-to-the-end", not found, len(found), 0, tuple(found[:3]))


def filled(counts: Mapping[Cell, int], asked: Sequence[Cell]) -> list[Claim]:
    """Return the claim that none of the cells is empty, and one for each of them."""
    if not asked:
        return []
    empty = empty_cells(counts, asked)
    shown = tuple("/".join(cell) for cell in empty)
    each = [Claim("/".join(cell), cell not in empty, counts.get(cell, 0), ">= 1") for cell in asked]
    return [Claim("matrix-is-filled", not empty, len(empty), 0, shown), *each]


def table(chronicle: Chronicle) -> str:
    """Return the matrix for people; a dot is a cell that is not listed and was not struck."""
    faults = [fault for fault in Fault if any(cell[1] is fault for cell in (*LISTED, *chronicle.counts))]
    lines = [" " * 14 + " ".join(f"{fault.value[:9]:>9}" for fault in faults)]
    for phase in Phase:
        cells = [(phase, fault) for fault in faults]
        if any(cell in LISTED or chronicle.counts[cell] for cell in cells):
            shown = (str(chronicle.counts[cell]) if cell in LISTED or chronicle.counts[cell] else "." for cell in cells)
            lines.append(f"{phase.value:<14}" + " ".join(f"{text:>9}" for text in shown))
    return "\n".join(lines)


def publish(
    target: str, claims: Sequence[Claim], *, chronicle: Chronicle, seed: int, minutes: float, seconds: float
) -> int:
    """Write the report, print it, and return the exit code: 0 when every claim holds."""
    path = write_report(target, claims, seconds=seconds)
    content = json.loads(path.read_text())
    content |= {
        "seed": seed,
        "minutes": minutes,
        "rounds": chronicle.number,
        "matrix": matrix(chronicle),
        "listed": [f"{phase} x {fault}" for phase, fault in LISTED],
        "findings": chronicle.findings,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    print(f"\n{table(chronicle)}\n")
    # The cells are in the table.
    for claim in (claim for claim in claims if not claim.ok or claim.bound != ">= 1"):
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
        for line in claim.evidence:
            print(f"       {line}")
    print(f"\n{path}")
    return 0 if all(claim.ok for claim in claims) else 1
