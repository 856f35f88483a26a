"""The judge of the deaths on real parts sees a death elsewhere, one that nobody ended, and one that is missing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.judge.events import Event
from support.kills import listed
from support.kills.judge_bed import bed_claims, judge_cell

CELL = next(cell for cell in listed.PLANNED if cell.name == "promote-after")
Death = dict[str, Any]


def write(at_seconds: float, term: int, *, step: str = "", ended: str = "") -> Event:
    status: dict[str, Any] = {"term": term, "history": [{"id": ended, "result": "Done"}] if ended else []}
    if step:
        status["episode"] = {"id": "move-2", "kind": "Switchover", "step": step}
    return Event(source="api", kind="status-write", wall_ns=int(at_seconds * 1e9), detail={"status": status})


WRITES = [write(1, 4, step="Demote"), write(2, 4, step="Promote"), write(9, 5, ended="move-2")]
DEATH: Death = {
    "cell": CELL.name,
    "returncode": -9,
    "last": {"at": 3.0, "boundary": "Switchover.Promote.promote-b.1.after"},
}


def ended_by_itself(death: Death) -> None:
    death["returncode"] = 1


def died_elsewhere(death: Death) -> None:
    death["last"]["boundary"] = "Switchover.Promote.promote-b.1.before"


def died_before_the_intent(death: Death) -> None:
    death["last"]["at"] = 1.5


def test_a_death_at_the_boundary_that_a_later_leader_ended_is_good() -> None:
    assert judge_cell(CELL, DEATH, WRITES).ok


@pytest.mark.parametrize("harm", [ended_by_itself, died_elsewhere, died_before_the_intent])
def test_a_death_that_was_another_is_seen(harm: Callable[[Death], None]) -> None:
    death = copy.deepcopy(DEATH)

    harm(death)

    assert not judge_cell(CELL, death, WRITES).ok


@pytest.mark.parametrize(
    "writes",
    [WRITES[:2], [*WRITES[:2], write(9, 4, ended="move-2")], [*WRITES[:2], write(9, 5, ended="move-3")]],
    ids=["never", "by the same leader", "another episode"],
)
def test_an_episode_that_no_later_leader_ended_is_seen(writes: list[Event]) -> None:
    assert not judge_cell(CELL, DEATH, writes).ok


def test_a_cell_that_is_missing_is_a_claim_that_fails(tmp_path: Path) -> None:
    claims: Mapping[str, bool] = {claim.id: claim.ok for claim in bed_claims(tmp_path)}

    assert set(claims) == set(listed.bed_claims())
    assert not any(claims.values())
    assert not judge_cell(CELL, None, WRITES).ok
