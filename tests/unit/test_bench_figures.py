"""The arithmetic of the benchmarks: spreads, ratios side by side, growth, and profiles as text."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from support.bench.cost import Cost, figures
from support.bench.figures import Spread, exponent, exponents, percentile, ratios, timed
from support.bench.profile import told

pytestmark = pytest.mark.unit

SAMPLES = [0.5, 0.4, 0.6, 0.5, 0.5, 0.7, 0.3]


def fleet(pairs: int, **changes: object) -> Cost:
    """Returns what a fleet took that grows as its size does."""
    share = [pairs * item / 1000 for item in SAMPLES]
    known: dict[str, object] = {
        "probing_cores": share,
        "bare_cores": [0.01] * 7,
        "turns": [float(pairs)] * 7,
        "resident_bytes": [1e5 * pairs] * 7,
        "bare_resident_bytes": [5e4 * pairs] * 7,
        "first_effect_seconds": [[0.1, 0.1, 0.3]] * 7,
        "status_bytes": [5000.0] * pairs,
        "restart_seconds": [pairs / 100] * 7,
        "scrape_seconds": [pairs / 1000] * 7,
        "profile": f"bench/profiles/fleet-{pairs}.txt",
    }
    return Cost(pairs, **{**known, **changes})  # type: ignore[arg-type]


def test_a_spread_is_the_least_the_median_and_the_most_of_its_samples() -> None:
    assert Spread.of(SAMPLES) == Spread(min=0.3, median=0.5, max=0.7, n=7)
    assert Spread.of([2.0, 4.0]).each_of(2) == Spread(min=1.0, median=1.5, max=2.0, n=2)


def test_a_ratio_is_taken_sample_by_sample_and_one_to_nothing_is_infinite() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == Spread(min=2.0, median=2.5, max=3.0, n=2)
    assert math.isinf(ratios([1.0], [0.0]).median)


@pytest.mark.parametrize(("power", "values"), [(0.0, [3, 3, 3]), (1.0, [1, 10, 100]), (2.0, [1, 100, 10_000])])
def test_an_exponent_is_the_slope_of_the_logarithms(power: float, values: list[float]) -> None:
    assert exponent([10, 100, 1000], values) == pytest.approx(power)


def test_the_noise_of_an_exponent_is_that_of_its_samples() -> None:
    found = exponents([1, 10], [[1.0, 2.0], [40.0, 10.0]])

    assert found.min == pytest.approx(1.0)
    assert found.max == pytest.approx(math.log10(20))
    assert found.n == 2


@pytest.mark.parametrize(("part", "expected"), [(50, 5), (99, 10), (100, 10), (1, 1)])
def test_a_percentile_is_a_sample(part: float, expected: float) -> None:
    assert percentile(list(range(10, 0, -1)), part) == expected


def test_what_is_timed_is_made_so_often() -> None:
    made: list[int] = []
    moments = iter([10.0, 16.0])

    seconds = timed(lambda: made.append(1), clock=lambda: next(moments), times=3)

    assert (len(made), seconds) == (3, 2.0)


def test_a_fleet_that_grows_as_its_size_does_meets_every_goal() -> None:
    found = {figure.id: figure for figure in figures([fleet(10), fleet(100), fleet(1000)])}

    assert {name: figure.met for name, figure in found.items() if figure.goal} == {
        **{f"probing-cores-{size}": True for size in (10, 100, 1000)},
        **{f"writes-at-rest-{size}": True for size in (10, 100, 1000)},
        **{f"status-bytes-{size}": True for size in (10, 100, 1000)},
        **{
            f"{name}-exponent": True
            for name in ("probing-cores", "resident-bytes", "first-effect", "restart", "scrape")
        },
    }
    assert found["probing-cores-exponent"].spread.median == pytest.approx(1.0)
    assert [found[f"first-effect-p{part}-100"].spread for part in (50, 99)] == [
        Spread(0.1, 0.1, 0.1, 7),
        Spread(0.3, 0.3, 0.3, 7),
    ]


def test_a_fleet_that_grows_faster_or_writes_at_rest_misses_its_goal_with_its_profile() -> None:
    greedy = fleet(1000, probing_cores=[1.5] * 7, requests_a_minute={"maestropairs PUT": 60.0, "leases PUT": 30.0})

    found = {figure.id: figure for figure in figures([fleet(100, probing_cores=[0.05] * 7), greedy])}

    for name in ("probing-cores-1000", "writes-at-rest-1000", "probing-cores-exponent"):
        assert found[name].met is False, name
        assert found[name].profile == "bench/profiles/fleet-1000.txt"
    assert found["writes-at-rest-1000"].spread.median == 60.0


@pytest.mark.parametrize(("cores", "is_met"), [(0.27, True), (0.29, False)])
def test_one_of_two_shares_is_held_against_its_part_of_the_whole(cores: float, is_met: bool) -> None:  # noqa: FBT001
    whole = fleet(1000, probing_cores=[0.5] * 7, shard_pairs=520, shard_cores=[cores] * 7)

    found = {figure.id: figure for figure in figures([whole])}["shard-cores-1000"]

    assert found.met is is_met
    assert found.ratio is not None
    assert found.ratio.median == pytest.approx(cores / 520 / (0.5 / 1000))


def test_one_fleet_alone_says_nothing_of_growth() -> None:
    assert not [figure.id for figure in figures([fleet(10)]) if figure.id.endswith("exponent")]


def test_a_profile_gives_shares_of_the_time_at_work() -> None:
    text = told(
        Counter({"asyncio/x.py:EpollSelector.select": 80, "op/loop.py:turn": 15, "op/say.py:say": 5}),
        Counter({"op/loop.py:turn": 20, "op/say.py:say": 5, "asyncio/x.py:EpollSelector.select": 80}),
    )

    assert "100 looks, 20 of them at work" in text
    assert "  75.0%  op/loop.py:turn" in text
    assert " 100.0%  op/loop.py:turn" in text
    assert "select" not in text
