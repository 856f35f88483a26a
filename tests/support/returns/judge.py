"""Judges the return matrix from raw evidence alone, and imports nothing of the operator.

The law it holds: a node that is no longer the owner starts nothing, pushes nothing and answers for nothing, whoever
is there; the rightful owner is up within its time, and nobody else is. A cell whose evidence is missing is not quiet:
it fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.judge import jsonlines
from support.judge.events import read_name_changes, wall_nanoseconds
from support.judge.evidence import EvidenceBrokenError
from support.report import Claim
from support.returns.rounds import OLD, OTHER, ROUNDS, Cell, Round

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

UNITS = ("maestro-db.service", "maestro.service")
STARTED = "39f53479d3a045ac8e11786248231fbf"
"""The id that systemd gives its message that a unit was started."""
PUBLIC_NAME = "maestro.example.org"
UP_SECONDS = 60.0
STOP_SECONDS = 30.0
"""The window in which a node that brought its services along may run on after it can hear its peer or the operator."""
OF_EXPECTED: Mapping[str, tuple[str, ...]] = {
    "nothing": ("services-started", "bytes-pushed", "answers"),
    "stops": ("services-started", "bytes-pushed", "answers", "stopped"),
    "runs-on": ("services-started", "bytes-pushed", "answers"),
    "up": ("up", "other-started"),
    "goes-on": ("never-stopped", "other-started"),
    "last-owner": ("services-started", "bytes-pushed", "answers", "owner-up"),
}
OF_EVERY = ("one-node-acknowledged",)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything one cell left behind."""

    begin: Mapping[str, Any]
    begin_ns: int
    end_ns: int
    lives: tuple[dict[str, Any], ...]
    wire: tuple[dict[str, Any], ...]
    journal: tuple[dict[str, Any], ...]
    acks: tuple[dict[str, Any], ...]
    names_set: tuple[str, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]

    def during(self, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the lines of the cell's own time."""
        return [line for line in lines if self.begin_ns <= line["monotonic_ns"] <= self.end_ns]


def read_cell(folder: Path, cell: Cell) -> Evidence:
    """Read one cell's evidence.

    Raises:
        EvidenceBrokenError: a part of it is not there.

    """
    evidence, place = folder / cell.round / "evidence", folder / cell.round / "evidence" / "cells" / cell.id
    told = [line for line in jsonlines.read(evidence / "told.jsonl") if line["cell"] == cell.id]
    marks = {line["event"]: line for line in told}
    if "begin" not in marks or "end" not in marks or "ready" not in marks:
        raise EvidenceBrokenError(f"{cell.id} was not played to its end")
    begin, end = marks["begin"], marks["end"]
    lives, wire = jsonlines.read(evidence / "lives.jsonl"), jsonlines.read(evidence / "wire.jsonl")
    if not any(line["event"] == "ended" and line["samples"] > 0 for line in lives):
        raise EvidenceBrokenError(f"{cell.id}: nobody looked at the processes")
    if not any(line["event"] == "arp" for line in wire):
        raise EvidenceBrokenError(f"{cell.id}: nobody listened on the wire")
    journal = _journal(place / "journal.jsonl", since_ns=wall_nanoseconds(begin["wall"]))
    names = read_name_changes(evidence / "dns-updates.log", name=PUBLIC_NAME)
    wall = (wall_nanoseconds(begin["wall"]), wall_nanoseconds(end["wall"]))
    return Evidence(
        begin=begin,
        begin_ns=begin["monotonic_ns"],
        end_ns=end["monotonic_ns"],
        lives=lives,
        wire=wire,
        journal=journal,
        acks=tuple(line for line in jsonlines.read(evidence / "acks-c1.jsonl") if line["kind"] == "ack"),
        names_set=tuple(
            str(item.detail["data"]) for item in names if item.kind == "name-set" and wall[0] <= item.wall_ns <= wall[1]
        ),
        before=json.loads((place / "other-before.json").read_text()),
        after=json.loads((place / "other-after.json").read_text()),
    )


def _journal(path: Path, *, since_ns: int) -> tuple[dict[str, Any], ...]:
    lines = [line for line in jsonlines.read(path) if int(line["__REALTIME_TIMESTAMP"]) * 1000 >= since_ns]
    if not lines:
        raise EvidenceBrokenError(f"{path}: the node's own journal has no line of this return")
    return tuple(lines)


# ---------------------------------------------------------------- what is claimed of one return


def services_started(evidence: Evidence, cell: Cell) -> Claim:
    """No service was started on the node that returned: neither by its journal nor by the kernel's process list."""
    starts = [line for line in evidence.journal if line.get("MESSAGE_ID") == STARTED and line.get("UNIT") in UNITS]
    fresh = _fresh_processes(evidence, OLD)
    count = len(starts) or len(fresh)
    shown = [f"{line['UNIT']} started" for line in starts] + [f"process {number}" for number in sorted(fresh)]
    return Claim(f"{cell.id}.services-started", count == 0, count, 0, tuple(shown[:6]) or ("journal.jsonl", "lives"))


def bytes_pushed(evidence: Evidence, cell: Cell) -> Claim:
    """Nothing of the node that returned arrived on its peer's disk."""
    fresh = [name for name, mark in evidence.after.items() if evidence.before.get(name) != mark]
    count = sum(int(evidence.after[name].split()[0]) for name in fresh)
    return Claim(f"{cell.id}.bytes-pushed", not fresh, count, 0, tuple(fresh[:6]) or ("other-after.json",))


def answers(evidence: Evidence, cell: Cell) -> Claim:
    """The node that returned spoke for no address but its own, accepted nobody, and set no name.

    What it brought along alive accepts whoever knocks at its own address until it is stopped; `stopped` bounds that.
    """
    own, brought = str(evidence.begin["address"]), _processes(evidence, OLD, at_ns=evidence.begin_ns)
    wire = evidence.during(evidence.wire)
    hardware = {line["mac"] for line in wire if line["event"] == "arp" and line["sender"] == own}
    said = [f"ARP for {line['sender']}" for line in wire if _is_foreign(line, own, hardware)]
    said += [
        f"port {line['port']} accepted"
        for line in wire
        if line["event"] == "accepts"
        and line["source"] == own
        and not _processes(evidence, OLD, at_ns=line["monotonic_ns"]) & brought
    ]
    said += ["an update of a name" for line in wire if line["event"] == "name-update" and line["source"] == own]
    said += [f"{PUBLIC_NAME} set to {data}" for data in evidence.names_set if data == own]
    return Claim(f"{cell.id}.answers", not said, len(said), 0, tuple(said[:6]) or ("wire.jsonl", "dns-updates.log"))


def _is_foreign(line: Mapping[str, Any], own: str, hardware: set[str]) -> bool:
    """Tell whether a frame claims another address for the node's own hardware; a probe before use claims none."""
    return line["event"] == "arp" and line["mac"] in hardware and line["sender"] not in (own, "0.0.0.0")


def stopped(evidence: Evidence, cell: Cell) -> Claim:
    """What it brought along was stopped within the window that is stated."""
    ended = [
        line["monotonic_ns"]
        for line in evidence.during(evidence.lives)
        if line["event"] == "lives" and line["node"] == OLD and not line["processes"]
    ]
    seconds = round((ended[-1] - evidence.begin_ns) / 1e9, 1) if ended else None
    lawful = seconds is not None and seconds <= STOP_SECONDS and not _processes(evidence, OLD, at_ns=evidence.end_ns)
    return Claim(f"{cell.id}.stopped", lawful, seconds, f"<= {STOP_SECONDS}", ("lives.jsonl",))


def up(evidence: Evidence, cell: Cell) -> Claim:
    """The rightful owner acknowledged a write within its time."""
    return _acknowledged(evidence, OLD, f"{cell.id}.up")


def owner_up(evidence: Evidence, cell: Cell) -> Claim:
    """The last owner acknowledged a write within its time."""
    return _acknowledged(evidence, OTHER, f"{cell.id}.owner-up")


def _acknowledged(evidence: Evidence, node: str, name: str) -> Claim:
    boots = [line for line in evidence.during(evidence.lives) if line["event"] == "lives" and line["node"] == node]
    since = min((line["monotonic_ns"] for line in boots if not line["processes"]), default=evidence.begin_ns)
    moments = [ack["received_ns"] for ack in evidence.acks if ack["sent_ns"] > since and ack["answer"]["node"] == node]
    seconds = round((min(moments) - evidence.begin_ns) / 1e9, 1) if moments else None
    lawful = seconds is not None and seconds <= UP_SECONDS
    return Claim(name, lawful, seconds, f"<= {UP_SECONDS}", (f"acknowledged by {node}",))


def never_stopped(evidence: Evidence, cell: Cell) -> Claim:
    """The processes that served before the cut served after it."""
    before = _processes(evidence, OLD, at_ns=evidence.begin_ns)
    after = _processes(evidence, OLD, at_ns=evidence.end_ns)
    same = bool(before) and before == after
    return Claim(f"{cell.id}.never-stopped", same, same, bound=True, evidence=(f"{sorted(before)}, {sorted(after)}",))


def other_started(evidence: Evidence, cell: Cell) -> Claim:
    """Nothing was started on the node that is not the owner."""
    fresh = _fresh_processes(evidence, OTHER)
    return Claim(f"{cell.id}.other-started", not fresh, len(fresh), 0, ("lives.jsonl",))


def one_node_acknowledged(evidence: Evidence, cell: Cell) -> Claim:
    """No two nodes acknowledged writes during one return."""
    nodes = {
        ack["answer"]["node"] for ack in evidence.acks if evidence.begin_ns < ack["received_ns"] <= evidence.end_ns
    }
    return Claim(f"{cell.id}.one-node-acknowledged", len(nodes) <= 1, len(nodes), "<= 1", tuple(sorted(nodes)))


def _processes(evidence: Evidence, node: str, *, at_ns: int) -> set[int]:
    found: set[int] = set()
    for line in evidence.lives:
        if line["event"] == "lives" and line["node"] == node and line["monotonic_ns"] <= at_ns:
            found = set(line["processes"])
    return found


def _fresh_processes(evidence: Evidence, node: str) -> set[int]:
    known = _processes(evidence, node, at_ns=evidence.begin_ns)
    lines = [line for line in evidence.during(evidence.lives) if line["event"] == "lives" and line["node"] == node]
    return {number for line in lines for number in line["processes"]} - known


JUDGES = {
    "services-started": services_started,
    "bytes-pushed": bytes_pushed,
    "answers": answers,
    "stopped": stopped,
    "up": up,
    "owner-up": owner_up,
    "never-stopped": never_stopped,
    "other-started": other_started,
    "one-node-acknowledged": one_node_acknowledged,
}


# ---------------------------------------------------------------- the whole


def claims(folder: Path, rounds: Sequence[Round]) -> list[Claim]:
    """Return every claim of the rounds; what was not played is claimed and not true."""
    made: list[Claim] = []
    for plan in rounds:
        for cell in plan.cells:
            try:
                evidence = read_cell(folder, cell)
            except (EvidenceBrokenError, OSError) as problem:
                made += [Claim(name, ok=False, measured=None, bound="evidence", evidence=(str(problem)[:300],))
                         for name in _ids_of(cell)]  # fmt: skip
            else:
                made += [JUDGES[name](evidence, cell) for name in (*OF_EXPECTED[cell.expected], *OF_EVERY)]
    return made


def claim_ids() -> tuple[str, ...]:
    """Return the ids of all claims of a full matrix."""
    return tuple(name for plan in ROUNDS for cell in plan.cells for name in _ids_of(cell))


def _ids_of(cell: Cell) -> Iterator[str]:
    yield from (f"{cell.id}.{name}" for name in (*OF_EXPECTED[cell.expected], *OF_EVERY))
