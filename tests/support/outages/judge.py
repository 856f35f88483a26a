"""Judges from raw evidence alone: the statuses as the API server told them, and what clients were told meanwhile.

Imports nothing of the operator. What is made of a shape is what stands at its end, or Moves wherever a move
was about to begin at any moment of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from support.outages.shapes import BY_ID, LOSE_THE_SERVICE, ROUNDS, SHAPES, Made, Shape
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LONGEST_SECONDS = 45.0
"""In how long the right thing must be said, whatever else the machine does meanwhile."""
LOST_SECONDS = 2.0
"""A service that is away for so long is one that clients lose."""
WOULD_HOLD = re.compile(r"^would hold, (\w+):")
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What the evidence of one playing says."""

    shape: Shape
    made: Made | None
    seconds: float
    """From the beginning until what stands at the end stood there."""
    reasons: frozenset[str]
    lost_seconds: float
    """The longest time in which no client was told that a record is stored."""


def made_of(status: dict[str, Any]) -> Made:
    """Return what a status makes of the world."""
    active: dict[str, Any] = next((item for item in status.get("nodes", ()) if item.get("role") == "active"), {})
    service: dict[str, Any] = status.get("service", {})
    if status.get("plan", "").startswith("would begin: Failover"):
        return Made.MOVES
    if "Sick" in (active.get("verdict"), service.get("verdict")):
        return Made.SICK
    if (active.get("verdict"), service.get("verdict")) == ("Healthy", "Healthy"):
        return Made.HEALTHY
    return Made.HOLDS


def found(folder: Path, shape: Shape, *, acks: Path) -> Found:
    """Read one playing's evidence."""
    moments = json.loads((folder / "moments.json").read_text())
    begin, end = moments.get("begin"), moments.get("end")
    if begin is None or end is None:
        return Found(shape, None, 0.0, frozenset(), 0.0)
    lines = [json.loads(line) for line in (folder / "statuses.jsonl").read_text().splitlines()]
    before = [line for line in lines if line["monotonic_ns"] < begin][-1:]
    during = [*before, *(line for line in lines if begin <= line["monotonic_ns"] <= end)]
    made = [(line["monotonic_ns"], made_of(line["status"])) for line in during]
    last = made[-1][1]
    if any(it is Made.MOVES for _, it in made):
        last = Made.MOVES
    since = begin
    for at, it in reversed(made):
        if it is not last:
            break
        since = at
    if last is Made.MOVES:
        since = next(at for at, it in made if it is Made.MOVES)
    reasons = frozenset(reason for line in during for reason in _reasons(line["status"]))
    return Found(shape, last, max(0, since - begin) / SECOND, reasons, _longest_gap(acks, begin, end))


def _reasons(status: dict[str, Any]) -> Iterable[str]:
    for node in status.get("nodes", ()):
        yield node.get("verdictReason", "")
        yield from (vote["reason"] for vote in node.get("votes", ()))
    yield status.get("service", {}).get("reason", "")
    # A plan names the reason for which it would hold: `would hold, REASON: ...`.
    yield from WOULD_HOLD.findall(status.get("plan", ""))
    yield from (condition["reason"] for condition in status.get("conditions", ()))


def _longest_gap(acks: Path, begin: int, end: int) -> float:
    moments = [begin]
    for line in acks.read_text().splitlines():
        item = json.loads(line)
        if item.get("kind") == "ack" and begin <= item["received_ns"] <= end:
            moments.append(item["received_ns"])
    moments.append(end)
    return max(later - before for before, later in pairwise(moments)) / SECOND


def claims(folder: Path, played: Sequence[tuple[int, str]], *, wanted: Sequence[str], rounds: int) -> list[Claim]:
    """Return the claims about everything that was to be played."""
    made: list[Claim] = []
    matrix: dict[str, dict[str, int]] = {row.value: {column.value: 0 for column in Made} for row in Made}
    for number in range(1, rounds + 1):
        for name in wanted:
            shape, place = BY_ID[name], f"{number}-{name}"
            if (number, name) not in played:
                made.append(Claim(f"{place}.made", ok=False, measured="not played", bound=shape.right.value))
                continue
            it = found(folder / place, shape, acks=folder / place / "acks.jsonl")
            told = it.made.value if it.made is not None else "nothing"
            if it.made is not None:
                matrix[shape.right.value][it.made.value] += 1
            evidence = (
                f"{place}/statuses.jsonl",
                f"{place}/moments.json",
                f"clients lost it for {it.lost_seconds:.1f} s",
            )
            made.append(Claim(f"{place}.made", it.made is shape.right, told, shape.right.value, evidence))
            in_time = it.seconds <= LONGEST_SECONDS
            made.append(Claim(f"{place}.seconds", in_time, round(it.seconds, 1), f"<= {LONGEST_SECONDS}", evidence))
            if shape.reason:
                said = shape.reason in it.reasons
                made.append(
                    Claim(f"{place}.reason", said, shape.reason if said else "not said", shape.reason, evidence)
                )
            if shape.id in LOSE_THE_SERVICE:
                lost = it.lost_seconds >= LOST_SECONDS
                made.append(Claim(f"{place}.real", lost, round(it.lost_seconds, 1), f">= {LOST_SECONDS}", evidence))
    off = sum(count for row, columns in matrix.items() for column, count in columns.items() if row != column)
    table = tuple(
        f"{row}: {', '.join(f'{column} {count}' for column, count in it.items())}" for row, it in matrix.items()
    )
    made.append(Claim("matrix-is-diagonal", off == 0 and bool(played), off, 0, table))
    return made


def claim_ids() -> tuple[str, ...]:
    """Return the ids of all claims of a full run."""
    found_ids: list[str] = []
    for number in range(1, ROUNDS + 1):
        for shape in SHAPES:
            kinds = ("made", "seconds", *(("reason",) if shape.reason else ()))
            kinds = (*kinds, *(("real",) if shape.id in LOSE_THE_SERVICE else ()))
            found_ids += [f"{number}-{shape.id}.{kind}" for kind in kinds]
    return (*found_ids, "matrix-is-diagonal")
