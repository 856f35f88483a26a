"""The return matrix is judged from raw evidence: what is quiet, what is not, and that missing evidence is not quiet."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.returns import judge, table
from support.returns.planted import FAULTS
from support.returns.rounds import ROUNDS, Cell, Round
from support.returns.trees import listing

SECOND = 1_000_000_000
WALL = "2026-01-01T00:00:{:02d}.000000+00:00"
MICROSECONDS = 1_767_225_600_000_000
"""What WALL begins with, as the journal counts."""
A, B = "10.77.0.11", "10.77.0.12"


@dataclass
class Left:
    """What one return left behind; quiet, unless a test says otherwise."""

    cell: Cell
    lives: list[dict[str, Any]] = field(default_factory=list)
    wire: list[dict[str, Any]] = field(default_factory=list)
    journal: list[dict[str, Any]] = field(default_factory=list)
    acks: list[dict[str, Any]] = field(default_factory=list)
    names: str = ""
    after: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Writes it as the harness does: the return begins at second 10 and ends at 40."""
        evidence = folder / self.cell.round / "evidence"
        place = evidence / "cells" / self.cell.id
        place.mkdir(parents=True)
        begin = {"event": "begin", "cell": self.cell.id, "address": A, "monotonic_ns": 10 * SECOND}
        told = [
            {**begin, "wall": WALL.format(10)},
            {"event": "ready", "cell": self.cell.id, "monotonic_ns": 11 * SECOND, "wall": WALL.format(11)},
            {"event": "end", "cell": self.cell.id, "monotonic_ns": 40 * SECOND, "wall": WALL.format(40)},
        ]
        own = {"event": "arp", "mac": "0a", "sender": A, "target": B, "op": 1, "monotonic_ns": 12 * SECOND}
        _lines(evidence / "told.jsonl", told)
        _lines(evidence / "lives.jsonl", [*self.lives, {"event": "ended", "samples": 300, "monotonic_ns": 50 * SECOND}])
        _lines(evidence / "wire.jsonl", [own, *self.wire])
        _lines(evidence / "acks-c1.jsonl", self.acks)
        (evidence / "dns-updates.log").write_text(self.names)
        _lines(place / "journal.jsonl", [_logged(12, MESSAGE="a boot"), *self.journal])
        (place / "other-before.json").write_text("{}")
        (place / "other-after.json").write_text(json.dumps(self.after))


def _lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _logged(second: int, **values: str) -> dict[str, Any]:
    return {"__REALTIME_TIMESTAMP": str(MICROSECONDS + second * 1_000_000), **values}


def _lives(second: int, node: str, *processes: int) -> dict[str, Any]:
    return {"event": "lives", "node": node, "processes": list(processes), "monotonic_ns": second * SECOND}


def _ack(second: int, node: str) -> dict[str, Any]:
    at = second * SECOND
    return {"kind": "ack", "sent_ns": at - 1, "received_ns": at, "answer": {"node": node}}


def a_cell(expected: str) -> Cell:
    """Returns the first cell of the matrix that expects this."""
    return next(cell for plan in ROUNDS for cell in plan.cells if cell.expected == expected)


def false_claims(folder: Path, cell: Cell) -> set[str]:
    plan = Round(cell.round, "", "power-cut", (cell,))
    return {claim.id.removeprefix(f"{cell.id}.") for claim in judge.claims(folder, [plan]) if not claim.ok}


def found(folder: Path, left: Left) -> set[str]:
    left.write(folder)
    return false_claims(folder, left.cell)


def test_a_return_that_started_nothing_pushed_nothing_and_answered_for_nothing_is_quiet(tmp_path: Path) -> None:
    assert found(tmp_path, Left(a_cell("nothing"), acks=[_ack(20, "b")])) == set()


@pytest.mark.parametrize(
    "left",
    [
        Left(a_cell("nothing"), journal=[_logged(13, MESSAGE_ID=judge.STARTED, UNIT="maestro.service")]),
        Left(a_cell("nothing"), lives=[_lives(13, "a", 4711)]),
    ],
)
def test_a_start_is_found_by_the_journal_and_by_the_kernels_own_list(tmp_path: Path, left: Left) -> None:
    assert found(tmp_path, left) == {"services-started"}


def test_a_start_before_the_return_is_none_of_it(tmp_path: Path) -> None:
    before = _logged(3, MESSAGE_ID=judge.STARTED, UNIT="maestro.service")

    assert found(tmp_path, Left(a_cell("nothing"), journal=[before])) == set()


def test_what_arrived_on_the_peers_disk_is_a_push(tmp_path: Path) -> None:
    assert found(tmp_path, Left(a_cell("nothing"), after={"incoming/x": "100 5"})) == {"bytes-pushed"}


@pytest.mark.parametrize(
    "frame",
    [
        {"event": "arp", "mac": "0a", "sender": "10.77.0.99", "target": "10.77.0.99", "op": 1},
        {"event": "accepts", "source": A, "port": 80},
        {"event": "name-update", "source": A},
    ],
)
def test_an_answer_for_what_is_not_its_own_is_found(tmp_path: Path, frame: dict[str, Any]) -> None:
    left = Left(a_cell("nothing"), wire=[{**frame, "monotonic_ns": 20 * SECOND}])

    assert found(tmp_path, left) == {"answers"}


def test_frames_of_others_and_a_probe_before_use_are_no_answers(tmp_path: Path) -> None:
    frames: list[dict[str, Any]] = [
        {"event": "arp", "mac": "0b", "sender": B, "target": A, "op": 2},
        {"event": "arp", "mac": "0a", "sender": "0.0.0.0", "target": A, "op": 1},
        {"event": "accepts", "source": B, "port": 80},
    ]
    left = Left(a_cell("nothing"), wire=[{**frame, "monotonic_ns": 20 * SECOND} for frame in frames])

    assert found(tmp_path, left) == set()


def test_the_public_name_set_to_the_node_is_found(tmp_path: Path) -> None:
    line = (
        f"{WALL.format(20)} info: client: updating zone 'example.org/IN': adding an RR at 'maestro.example.org' A {A}\n"
    )

    assert found(tmp_path, Left(a_cell("nothing"), names=line)) == {"answers"}


@pytest.mark.parametrize(
    ("lives", "wrong"),
    [
        ([_lives(1, "a", 7), _lives(15, "a")], set()),
        ([_lives(1, "a", 7)], {"stopped"}),
        ([_lives(1, "a", 7), _lives(15, "a"), _lives(20, "a", 8)], {"stopped", "services-started"}),
    ],
)
def test_what_was_brought_along_has_to_stop_and_stay_stopped(
    tmp_path: Path, lives: list[dict[str, Any]], wrong: set[str]
) -> None:
    assert found(tmp_path, Left(a_cell("stops"), lives=lives)) == wrong


@pytest.mark.parametrize(("acks", "wrong"), [([_ack(20, "a")], set()), ([_ack(5, "a")], {"up"}), ([], {"up"})])
def test_the_rightful_owner_has_to_acknowledge_after_its_return(
    tmp_path: Path, acks: list[dict[str, Any]], wrong: set[str]
) -> None:
    assert found(tmp_path, Left(a_cell("up"), acks=acks)) == wrong


def test_an_owner_that_was_never_in_doubt_keeps_its_processes(tmp_path: Path) -> None:
    cell = a_cell("goes-on")

    assert found(tmp_path / "same", Left(cell, lives=[_lives(1, "a", 7)])) == set()
    restarted = [_lives(1, "a", 7), _lives(20, "a", 8)]
    assert found(tmp_path / "other", Left(cell, lives=restarted)) == {"never-stopped"}


def test_after_a_power_loss_of_the_site_only_the_last_owner_is_up(tmp_path: Path) -> None:
    cell = a_cell("last-owner")

    assert found(tmp_path / "b", Left(cell, acks=[_ack(20, "b")])) == set()
    both = Left(cell, acks=[_ack(20, "b"), _ack(21, "a")])
    assert found(tmp_path / "both", both) == {"one-node-acknowledged"}


def test_evidence_that_is_missing_is_not_quiet(tmp_path: Path) -> None:
    cell = a_cell("nothing")

    assert false_claims(tmp_path, cell) == {*judge.OF_EXPECTED["nothing"], *judge.OF_EVERY}
    Left(cell).write(tmp_path)
    (tmp_path / cell.round / "evidence" / "wire.jsonl").write_text("")
    assert false_claims(tmp_path, cell) == {*judge.OF_EXPECTED["nothing"], *judge.OF_EVERY}


def test_the_listing_holds_what_a_push_writes_and_nothing_of_the_node_itself(tmp_path: Path) -> None:
    store = tmp_path / ".maestro-replica"
    for name in ("incoming/a", "generations/1.1/b", "meta/announced", "sent/1.1/c", "quarantine/x/d", "meta/counter"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_text("12345")

    assert set(listing(tmp_path)) == {"incoming/a", "generations/1.1/b", "meta/announced"}


def test_every_round_has_a_name_of_its_own_and_every_cell_a_claim() -> None:
    assert len({plan.id for plan in ROUNDS}) == len(ROUNDS)
    assert len(set(judge.claim_ids())) == len(judge.claim_ids()) > len(FAULTS)


def test_the_table_in_the_docs_is_what_the_committed_report_says() -> None:
    page = table.PAGE.read_text()

    assert table.written_into(page, table.REPORT) == page


@pytest.mark.parametrize(("second", "wrong"), [(13, set()), (20, {"answers"})])
def test_what_was_brought_along_may_be_knocked_at_until_it_is_stopped(
    tmp_path: Path, second: int, wrong: set[str]
) -> None:
    knock = {"event": "accepts", "source": A, "port": 80, "monotonic_ns": second * SECOND}
    left = Left(a_cell("stops"), lives=[_lives(1, "a", 7), _lives(15, "a")], wire=[knock])

    assert found(tmp_path, left) == wrong
