"""Amounts in messages: few, and always to the safe side."""

from __future__ import annotations

import pytest

from maestro_operator.model.coarse import age_words, bytes_at_most, percent_at_least, seconds_at_most

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, 5), (5, 5), (5.1, 10), (150, 180), (210, 300), (3600, 3600), (3601, 7200), (30 * 86400, 30 * 86400)],
)
def test_a_span_is_the_next_longer_one(seconds: float, said: int) -> None:
    assert seconds_at_most(seconds) == said


def test_a_span_beyond_all_is_a_multiple_of_the_longest_and_never_shorter() -> None:
    assert seconds_at_most(30 * 86400 + 1) == 60 * 86400
    assert seconds_at_most(60 * 86400) == 60 * 86400


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "younger than 1 min"),
        (59.9, "younger than 1 min"),
        (60, "older than 1 min"),
        (119, "older than 1 min"),
        (3600, "older than 1 h"),
        (40 * 86400, "older than 30 d"),
    ],
)
def test_an_age_is_said_in_words_that_stay_true(seconds: float, said: str) -> None:
    assert age_words(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "up to 1 MiB"), (2**20, "up to 1 MiB"), (2**20 + 1, "up to 2 MiB"), (5 * 2**20, "up to 8 MiB")],
)
def test_an_amount_of_data_is_the_next_power_of_two(count: int, said: str) -> None:
    assert bytes_at_most(count) == said


@pytest.mark.parametrize(("percent", "said"), [(0.0, 0), (9.9, 0), (10.0, 10), (99.9, 90), (100.0, 100)])
def test_what_is_done_is_said_in_whole_tenths(percent: float, said: int) -> None:
    assert percent_at_least(percent) == said


def test_an_hour_of_looks_a_second_apart_is_told_in_few_words() -> None:
    assert len({seconds_at_most(150 + second) for second in range(3600)}) <= 8
    assert len({age_words(second) for second in range(3600)}) <= 9
