"""The judge of the outages, held to planted evidence: it says what stands at the end, and every move that was begun."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.manifests import ROOT
from support.outages.__main__ import parted, shares
from support.outages.judge import claims, found, made_of
from support.outages.shapes import BY_ID, NONE, OUTAGES, SHAPES, Made

SECOND = 1_000_000_000


def status(verdict: str = "Healthy", service: str = "Healthy", *, plan: str = "would do nothing", **more: Any) -> Any:  # noqa: ANN401
    node = {"name": "a", "role": "active", "verdict": verdict, "verdictReason": "Answers", "votes": [], **more}
    return {"nodes": [node], "service": {"verdict": service, "reason": "Answers"}, "plan": plan}


def kept(folder: Path, *statuses: tuple[float, Any], acks: tuple[float, ...] = (0.0, 1.0, 30.0)) -> Path:
    folder.mkdir(parents=True)
    (folder / "moments.json").write_text(json.dumps({"begin": 10 * SECOND, "done": 11 * SECOND, "end": 30 * SECOND}))
    lines = [json.dumps({"monotonic_ns": int(at * SECOND), "status": it}) for at, it in statuses]
    (folder / "statuses.jsonl").write_text("\n".join(lines) + "\n")
    told = [json.dumps({"kind": "ack", "received_ns": int((10 + at) * SECOND)}) for at in acks]
    (folder / "acks.jsonl").write_text("\n".join(told) + "\n")
    return folder


def test_every_playing_is_on_exactly_one_bed() -> None:
    left = [(number, shape.id) for number in (1, 2, 3) for shape in SHAPES[:5]]

    shared = shares(left, beds=2)

    assert sorted(parted(word) for share in shared for word in share) == sorted(left)
    assert {len(share) for share in shared} == {7, 8}
    assert all(shared[0][at] != shared[1][at] for at in range(7))


MOVING = status("Down", "Down", plan="would begin: Failover failover-2: Raise")


@pytest.mark.parametrize(
    ("seen", "made"),
    [
        (status(), Made.HEALTHY),
        (status("Sick", "Sick"), Made.SICK),
        (status(service="Sick"), Made.SICK),
        (status("Uncertain", "Uncertain"), Made.HOLDS),
        (status("Down", "Down", plan="would hold, Maintenance: until noon"), Made.HOLDS),
        (status(service="Uncertain"), Made.HOLDS),
        (MOVING, Made.MOVES),
        ({}, Made.HOLDS),
    ],
)
def test_a_status_is_one_of_four_things(seen: Any, made: Made) -> None:  # noqa: ANN401
    assert made_of(seen) is made


def test_what_stands_at_the_end_counts_from_when_it_stood_there(tmp_path: Path) -> None:
    folder = kept(tmp_path / "x", (5, status()), (12, status("Uncertain", "Uncertain")), (15.5, status("Sick", "Sick")))

    it = found(folder, BY_ID["frozen"], acks=folder / "acks.jsonl")

    assert (it.made, it.seconds, it.lost_seconds) == (Made.SICK, 5.5, 19.0)


def test_a_move_that_was_begun_at_any_moment_is_a_move(tmp_path: Path) -> None:
    folder = kept(tmp_path / "x", (5, status()), (14, MOVING), (16, status()))

    it = found(folder, BY_ID["flapping"], acks=folder / "acks.jsonl")

    assert (it.made, it.seconds) == (Made.MOVES, 4.0)


def test_a_matrix_off_its_diagonal_and_a_playing_that_is_missing_are_not_ok(tmp_path: Path) -> None:
    kept(tmp_path / "1-witnesses-cut", (5, status()), (14, MOVING))

    made = {
        claim.id: claim.ok
        for claim in claims(tmp_path, [(1, "witnesses-cut")], wanted=["witnesses-cut", "frozen"], rounds=1)
    }

    assert made["1-witnesses-cut.made"] is False
    assert made["1-witnesses-cut.reason"] is False
    assert made["1-frozen.made"] is False
    assert made["matrix-is-diagonal"] is False


def test_a_reason_may_stand_in_the_plan_alone_and_in_no_message(tmp_path: Path) -> None:
    held = status("Down", "Down", plan="would hold, Maintenance: a is down; no automatic failover")
    kept(tmp_path / "x", (5, status()), (14, held))
    kept(tmp_path / "y", (5, status()), (14, status("Down", "Down", plan="would hold, SeenAlive: not Maintenance: x")))

    said, unsaid = (found(tmp_path / it, BY_ID["maintenance"], acks=tmp_path / it / "acks.jsonl") for it in ("x", "y"))

    assert "Maintenance" in said.reasons
    assert "Maintenance" not in unsaid.reasons


def test_an_outage_that_no_client_felt_was_none(tmp_path: Path) -> None:
    everything = tuple(float(second) for second in range(21))
    kept(tmp_path / "1-frozen", (5, status()), (14, status("Sick", "Sick")), acks=everything)

    made = {claim.id: claim.ok for claim in claims(tmp_path, [(1, "frozen")], wanted=["frozen"], rounds=1)}

    assert made == {"1-frozen.made": True, "1-frozen.seconds": True, "1-frozen.real": False, "matrix-is-diagonal": True}


def test_there_are_as_many_shapes_as_were_asked_for_and_each_has_a_hand() -> None:
    assert (len(OUTAGES), len(NONE), len({shape.id for shape in SHAPES})) == (14, 10, 24)
    hands = (ROOT / "tests/support/outages/hands.py").read_text()
    assert [shape.id for shape in SHAPES if f'"{shape.id}":' not in hands] == []


def test_the_judge_imports_nothing_of_the_operator() -> None:
    program = "import sys, support.outages.judge; sys.exit(any('maestro_operator' in name for name in sys.modules))"
    root = {"PYTHONPATH": str(ROOT / "tests")}

    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT, timeout=60, env=root)

    assert done.returncode == 0
