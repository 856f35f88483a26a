"""The tables in docs/reference/fencing.md are what the code and the last report say; the judge sees what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.fencematrix import agents, judge
from support.fencematrix.cells import CELLS, Cell
from support.fencematrix.table import PAGE, written_into

CELL = next(cell for cell in CELLS if cell.id == "redfish-honest")
DENYING = next(cell for cell in CELLS if cell.id == "redfish-denying")
SECOND = 1_000_000_000


def evidence(folder: Path, cell: Cell, *, promoted_at: int | None, cut_at: int | None, **end: Any) -> Path:  # noqa: ANN401
    """Writes what a played cell leaves."""
    (folder / cell.id).mkdir()
    told: list[dict[str, Any]] = [{"event": "begin", "monotonic_ns": 0, "cell": cell.id}]
    if promoted_at is not None:
        lines = [f"fence_redfish x: off at {at:.3f}, process {process}" for at, process in ((1.0, 7), (3.1, 8))]
        proof = {"evidence": lines}
        told.append({"event": "write", "monotonic_ns": promoted_at * SECOND, "step": "Promote", "proof": proof})
    told.append({"event": "end", "monotonic_ns": 9 * SECOND, "concluded": "Fenced", "agents": 0, **end})
    power = [] if cut_at is None else [{"event": "power-cut", "node": "a", "monotonic_ns": cut_at * SECOND}]
    (folder / cell.id / "told.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in told))
    (folder / cell.id / "power.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in power))
    return folder


def false_claims(folder: Path, cell: Cell) -> set[str]:
    return {claim.id.partition(".")[2] for claim in judge.claims(folder, [cell]) if not claim.ok} - {""}


def test_the_tables_of_agents_and_denials_in_the_docs_are_what_the_code_says() -> None:
    page = PAGE.read_text()

    assert agents.written_into(page) == page


def test_the_matrix_in_the_docs_is_what_the_committed_report_says() -> None:
    page = PAGE.read_text()

    assert written_into(page) == page


def test_a_lawful_cell_is_found_lawful(tmp_path: Path) -> None:
    assert false_claims(evidence(tmp_path, CELL, promoted_at=5, cut_at=2), CELL) == set()


@pytest.mark.parametrize("cut_at", [None, 6])
def test_a_promotion_before_the_node_was_really_off_is_found(tmp_path: Path, cut_at: int | None) -> None:
    assert "off-before-promotion" in false_claims(evidence(tmp_path, CELL, promoted_at=5, cut_at=cut_at), CELL)


def test_a_promotion_where_no_proof_was_possible_is_found(tmp_path: Path) -> None:
    assert "promoted" in false_claims(evidence(tmp_path, DENYING, promoted_at=5, cut_at=2), DENYING)


def test_an_agent_that_is_left_and_a_cell_that_did_not_conclude_are_found(tmp_path: Path) -> None:
    folder = evidence(tmp_path, CELL, promoted_at=5, cut_at=2, agents=1, monotonic_ns=0)

    assert {"agents-left", "concluded"} <= false_claims(folder, CELL)


def test_every_claim_of_a_full_matrix_is_listed(tmp_path: Path) -> None:
    made = {claim.id for claim in judge.claims(evidence(tmp_path, CELL, promoted_at=5, cut_at=2), [CELL])}

    assert made <= set(judge.claim_ids())
