"""The judge of the benchmarks: a missed goal is said, a broken measure fails."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import pytest

from support.bench.judge import judged, missed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.unit

SPREAD = {"min": 0.5, "median": 1.0, "max": 1.5, "n": 7}
FIGURE = {
    "id": "turn", "unit": "seconds", "spread": SPREAD, "goal": "at most 2", "met": True,
    "against": "a bare one", "ratio": {**SPREAD, "median": 1.1}, "profile": "",
}  # fmt: skip
FLEET = {
    "pairs": 100, "window_seconds": 10.0, "period_seconds": 10, "turns": [100.0] * 7,
    "operator_cores": [1], "load_cores": [0], "minutes": 2.0, "writes": ["p-1 update plan"] * 6,
    "requests_a_minute": {"maestropairs PUT": 3.0, "maestropairs LIST": 9.0, "leases PUT": 30.0},
}  # fmt: skip
GOOD: Mapping[str, Any] = {
    "tree": "t", "machine": {"cores": 2}, "versions": {"python": "3"}, "configuration": {"periodSeconds": 10},
    "noise": {"loadBefore": 0.1}, "figures": [FIGURE], "fleets": [FLEET],
}  # fmt: skip


def failed(results: Mapping[str, Any], root: Path) -> list[str]:
    return [claim.id for claim in judged(results, root=root) if not claim.ok]


def with_figure(**changes: object) -> Mapping[str, Any]:
    return {**GOOD, "figures": [{**FIGURE, **changes}]}


def with_fleet(**changes: object) -> Mapping[str, Any]:
    return {**GOOD, "fleets": [{**FLEET, **changes}]}


def test_a_whole_run_passes(tmp_path: Path) -> None:
    assert failed(GOOD, tmp_path) == []


def test_a_missed_goal_with_its_profile_is_said_and_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "why.txt").write_text("50 % loop.py:turn\n")
    results = with_figure(met=False, profile="why.txt")

    assert failed(results, tmp_path) == []
    assert missed(results) == ["turn"]


@pytest.mark.parametrize("profile", ["", "gone.txt", "empty.txt"])
def test_a_missed_goal_without_a_profile_is_a_broken_measure(tmp_path: Path, profile: str) -> None:
    (tmp_path / "empty.txt").touch()

    assert failed(with_figure(met=False, profile=profile), tmp_path) == ["profiles"]


@pytest.mark.parametrize(
    "spread",
    [
        {**SPREAD, "n": 6},
        {**SPREAD, "max": math.inf},
        {**SPREAD, "median": math.nan},
        {**SPREAD, "min": 1.2},
    ],
    ids=["too few", "infinite", "no number", "out of order"],
)
def test_too_few_samples_or_impossible_ones_are_a_broken_measure(tmp_path: Path, spread: object) -> None:
    assert failed(with_figure(spread=spread), tmp_path) == ["samples"]


@pytest.mark.parametrize(
    "changes",
    [{"ratio": None}, {"against": ""}, {"ratio": {**SPREAD, "max": math.inf}}],
    ids=["no ratio", "no opponent", "compared with nothing"],
)
def test_a_ratio_needs_an_opponent_that_did_something(tmp_path: Path, changes: Mapping[str, object]) -> None:
    assert failed(with_figure(**changes), tmp_path) == ["beside"]


@pytest.mark.parametrize("changes", [{"goal": ""}, {"met": None}])
def test_a_goal_has_a_verdict_and_a_verdict_a_goal(tmp_path: Path, changes: Mapping[str, object]) -> None:
    assert failed(with_figure(**changes), tmp_path) == ["goals"]


@pytest.mark.parametrize("turns", [[], [100.0] * 6 + [79.0], [0.0] * 7], ids=["none said", "one late", "asleep"])
def test_an_operator_that_slept_while_it_was_measured_is_a_broken_measure(tmp_path: Path, turns: list[float]) -> None:
    assert failed(with_fleet(turns=turns), tmp_path) == ["awake"]


@pytest.mark.parametrize(
    "changes", [{"operator_cores": [0, 1]}, {"load_cores": [1]}, {"operator_cores": []}, {"load_cores": []}]
)
def test_an_operator_that_shares_its_core_is_a_broken_measure(tmp_path: Path, changes: Mapping[str, object]) -> None:
    assert failed(with_fleet(**changes), tmp_path) == ["cores"]


def test_writes_that_the_audit_log_does_not_have_are_a_broken_measure(tmp_path: Path) -> None:
    assert failed(with_fleet(writes=["p-1 update plan"] * 4), tmp_path) == ["counted"]
    assert failed(with_fleet(writes=["p-1 update plan"] * 5), tmp_path) == []


@pytest.mark.parametrize("word", ["tree", "machine", "versions", "configuration", "noise"])
def test_a_run_that_does_not_say_how_it_was_made_is_a_broken_measure(tmp_path: Path, word: str) -> None:
    results = copy.deepcopy(dict(GOOD))
    del results[word]

    assert failed(results, tmp_path) == ["described"]


def test_a_run_that_measured_nothing_is_a_broken_measure(tmp_path: Path) -> None:
    assert set(failed({**GOOD, "figures": [], "fleets": []}, tmp_path)) >= {"samples", "awake", "cores"}
