"""Judges a run from raw evidence alone, and imports nothing of the operator; `status` is held against it.

What is lost is what a client was told is stored and the last owner's disk does not hold. It belongs to the first move
whose proof came after the client was told, and is held against what that move declared, counted back from the proof.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from support.driven.cells import ALWAYS, BY_ID, Cell, Driver, claim_ids
from support.driven.rows_disk import lost_is_kept, read_rows_disk, rows_are_whole
from support.judge import jsonlines
from support.judge.clients import ClientEvidence, read_clients
from support.judge.disk import read_disk
from support.judge.downtime import find_outages
from support.judge.events import Event, read_bmc, read_status_writes, wall_nanoseconds
from support.judge.records import Audit, LostRecord, audit
from support.judge.verify import fence_was_true, files_and_rows_agree
from support.judge.writers import find_two_writers
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from support.judge.database import Postgres
    from support.judge.evidence import Disk

PAIR = "maestro"
NODES = ("a", "b")
SECOND = 1e9
ROUNDING_SECONDS = 1.0
"""Moments in `status` are whole seconds."""
MOVES = ("Switchover", "Failover", "TakeBack", "Restart", "Renew", "Adopt")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a run left behind, read once."""

    status: Mapping[str, Any]
    clients: ClientEvidence
    disks: Mapping[str, Disk]
    bmc: tuple[Event, ...]
    writes: tuple[Event, ...]
    told: tuple[Mapping[str, Any], ...]

    @property
    def wall_minus_monotonic_ns(self) -> int:
        """Return by how much the wall clock is ahead of the one that clients measure by."""
        return wall_nanoseconds(str(self.told[0]["wall"])) - int(self.told[0]["monotonic_ns"])

    @property
    def audit(self) -> Audit:
        """Judge the acknowledgements by the last owner's disk."""
        last = str(self.status["activeNode"])
        others = [disk for name, disk in self.disks.items() if name != last]
        return audit(self.clients.acks, survivor=self.disks[last], others=others)


@dataclass(frozen=True, slots=True)
class Move:
    """One finished move, and what was really lost by it."""

    kind: str
    result: str
    finished_ns: int
    proved_ns: int | None
    """None where it had no proof: nothing changed hands."""
    declared_seconds: float
    lost_ns: tuple[int, ...] = ()
    """When clients were told what it lost, on the wall clock."""

    @property
    def lost_seconds(self) -> float:
        """Return how long before the proof the oldest lost acknowledgement was."""
        return max(0.0, ((self.proved_ns or 0) - min(self.lost_ns)) / SECOND) if self.lost_ns else 0.0

    def reaches(self, told_ns: int) -> bool:
        """Tell whether what it declared goes back to this moment on the wall clock."""
        return told_ns >= (self.proved_ns or 0) - (self.declared_seconds + ROUNDING_SECONDS) * SECOND

    @property
    def is_covered(self) -> bool:
        """Tell whether no more was lost than was declared."""
        allowed = self.declared_seconds + ROUNDING_SECONDS if self.declared_seconds else 0.0
        return not self.lost_ns or 0.0 < self.lost_seconds <= allowed


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, as it was measured."""

    cell: Cell
    moves: tuple[Move, ...]
    downtime_seconds: float

    @property
    def declared_seconds(self) -> float:
        """Return what all its moves declared."""
        return sum(move.declared_seconds for move in self.moves)

    @property
    def lost_records(self) -> int:
        """Return how many acknowledged records its moves lost."""
        return sum(len(move.lost_ns) for move in self.moves)

    @property
    def lost_seconds(self) -> float:
        """Return the longest loss of any of its moves."""
        return max((move.lost_seconds for move in self.moves), default=0.0)

    @property
    def is_covered(self) -> bool:
        """Tell whether no move lost more than it declared, and nothing was lost where nothing may be."""
        return all(move.is_covered for move in self.moves) and not (self.cell.loses_nothing and self.lost_records)


def read(folder: Path, postgres: Postgres, *, rows_alone: bool = False) -> Evidence:
    """Read the whole folder; a missing piece is an error, never an empty list."""
    pair = json.loads((folder / "pair.json").read_text())
    read_node = read_rows_disk if rows_alone else read_disk
    return Evidence(
        status=pair["status"],
        clients=read_clients(sorted(folder.glob("acks-*.jsonl"))),
        disks={name: read_node(folder / "disks" / name, node=name, postgres=postgres) for name in NODES},
        bmc=read_bmc(folder / "bmc.jsonl"),
        writes=read_status_writes(folder / "audit.jsonl", name=PAIR),
        told=jsonlines.read(folder / "told.jsonl"),
    )


def history(writes: Iterable[Event], status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return every finished episode that was ever in `status`, oldest first: it keeps the last ten alone."""
    found: dict[str, Mapping[str, Any]] = {}
    for said in (*(write.detail["status"] for write in writes), status):
        for entry in reversed(said.get("history", [])):
            found.setdefault(str(entry["id"]), entry)
    return list(found.values())


def moves(evidence: Evidence) -> tuple[list[Move], list[LostRecord]]:
    """Return every move with what it lost, oldest first, and the losses that no move explains."""
    offset = evidence.wall_minus_monotonic_ns
    found = [_move(entry) for entry in history(evidence.writes, evidence.status) if entry["kind"] in MOVES]
    found.sort(key=lambda move: move.finished_ns)
    lost: dict[int, list[int]] = {}
    stray: list[LostRecord] = []
    for record in evidence.audit.lost:
        told_ns = record.received_ns + offset
        at = _answerable(found, told_ns)
        if at is None:
            stray.append(record)
        else:
            lost.setdefault(at, []).append(told_ns)
    return [replace(move, lost_ns=tuple(lost.get(at, ()))) for at, move in enumerate(found)], stray


def _answerable(found: Sequence[Move], told_ns: int) -> int | None:
    """Return the place of the move that a lost line is held against, or None where no move can explain it.

    It is the first one whose proof came later. Where that one is a failover that did not declare so much, a failover
    after it is answerable that says it went back further: to a copy from before the first.
    """
    # The moment of a proof is a whole second, rounded down.
    later = [at for at, move in enumerate(found) if (move.proved_ns or 0) + ROUNDING_SECONDS * SECOND >= told_ns]
    for at in later:
        if not found[at].declared_seconds:
            break
        if found[at].reaches(told_ns):
            return at
    return next(iter(later), None)


def _move(entry: Mapping[str, Any]) -> Move:
    proof = entry.get("proof") or {}
    proved = proof.get("provedAt") if entry["result"] == "Done" else None
    return Move(
        kind=entry["kind"],
        result=entry["result"],
        finished_ns=_moment(entry["finishedAt"]),
        proved_ns=None if proved is None else _moment(proved),
        declared_seconds=float(entry.get("declaredLossSeconds") or 0.0),
    )


def _moment(text: str) -> int:
    return wall_nanoseconds(str(text).replace("Z", "+00:00"))


def lines(evidence: Evidence, names: Sequence[str]) -> list[Line | None]:
    """Return the table; None for a cell that was not played to its end."""
    every, _ = moves(evidence)
    outages = find_outages(evidence.clients.acks, evidence.clients.failures)
    found: list[Line | None] = []
    for name in names:
        window = window_of(evidence.told, name)
        if window is None:
            found.append(None)
            continue
        (begin, begin_wall), (end, end_wall) = window
        mine = tuple(move for move in every if begin_wall <= move.finished_ns <= end_wall)
        # It begins with the last acknowledgement before the accident, which may be one of the cell before.
        cuts = [outage.seconds for outage in outages if begin <= (outage.ended_ns or outage.began_ns) <= end]
        found.append(Line(BY_ID[name], mine, max(cuts, default=0.0)))
    return found


def window_of(told: Iterable[Mapping[str, Any]], name: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return begin and end of a cell, each by both clocks, or None where it did not come to its end."""
    begin = end = None
    for line in told:
        if line.get("cell") == name and line["event"] == "begin":
            begin = (int(line["monotonic_ns"]), wall_nanoseconds(str(line["wall"])))
        if line.get("cell") == name and line["event"] == "end":
            end = (int(line["monotonic_ns"]), wall_nanoseconds(str(line["wall"])))
    return None if begin is None or end is None else (begin, end)


def claims(evidence: Evidence, names: tuple[str, ...], *, driver: Driver = "rsync") -> list[Claim]:
    """Return every claim of a run."""
    found: dict[str, Claim] = {}
    table = lines(evidence, names)
    for name, line in zip(names, table, strict=True):
        found[f"{name}.played"] = Claim(f"{name}.played", line is not None, _shown(line), "to its end")
        if line is not None:
            measured = f"{line.lost_records} records, {line.lost_seconds:.2f} s; declared {line.declared_seconds:.2f} s"
            bound = "0 records" if line.cell.loses_nothing else "<= declared, counted from the proof"
            found[f"{name}.loss"] = Claim(f"{name}.loss", line.is_covered, measured, bound)
    _, stray = moves(evidence)
    last = evidence.disks[str(evidence.status["activeNode"])]
    of_data = (
        (rows_are_whole(last), lost_is_kept(evidence.audit))
        if driver == "command"
        else (files_and_rows_agree(evidence),)
    )
    for claim in (_one_writer(evidence), *of_data, fence_was_true(evidence)):
        found[claim.id] = claim
    shown = tuple(printed(table, names).splitlines())
    found["lost-in-no-cell"] = Claim("lost-in-no-cell", not stray, len(stray), 0, shown)
    never = {
        key: Claim(key, ok=False, measured=None, bound="played to its end") for key in claim_ids(names, driver=driver)
    }
    return [found.get(key, claim) for key, claim in never.items()]


def _one_writer(evidence: Evidence) -> Claim:
    """Judge by the client's own clock: each machine's is its own, and what it wrote carries that one."""
    acks = tuple(replace(ack, monotonic_ns=ack.received_ns) for ack in evidence.clients.acks)
    found = find_two_writers(acks, ())
    return Claim("one-writer", not found, len(found), 0, tuple(item.describe() for item in found[:5]))


def _shown(line: Line | None) -> str:
    return "no" if line is None else ", ".join(f"{move.kind} {move.result}" for move in line.moves) or "no move"


def printed(table: Sequence[Line | None], names: Sequence[str]) -> str:
    """Return the table for people."""
    rows = [("cell", "downtime", "declared loss", "measured loss", "what came of it")]
    for name, line in zip(names, table, strict=True):
        if line is None:
            rows.append((name, "-", "-", "-", "did not come to its end"))
            continue
        lost = f"{line.lost_records} records, {line.lost_seconds:.1f} s"
        rows.append((name, f"{line.downtime_seconds:.1f} s", f"{line.declared_seconds:.1f} s", lost, _shown(line)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


__all__ = ("ALWAYS", "claims", "history", "lines", "printed", "read", "window_of")
