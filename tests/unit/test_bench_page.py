"""The page of the benchmarks says what bench/results.json says, no more and no other."""

from __future__ import annotations

import json

import pytest

from support.bench.page import PAGE, RESULTS, table, with_figures

pytestmark = pytest.mark.unit


def test_the_page_has_the_figures_that_were_recorded() -> None:
    page = PAGE.read_text()

    assert with_figures(page, json.loads(RESULTS.read_text())) == page, "python -m support.bench.page"


def test_a_missed_goal_stands_out() -> None:
    results = json.loads(RESULTS.read_text())
    results["figures"][0]["met"] = False

    assert table(results).count("**missed**") == 1 + sum(item["met"] is False for item in results["figures"][1:])


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="has no place"):
        with_figures("# Nothing", {})
