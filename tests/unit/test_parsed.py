"""Words that did not change are not parsed again, and mean the very same value."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from maestro_operator.model.parsed import Parsed
from maestro_operator.model.status import PairStatus

pytestmark = pytest.mark.unit


def test_equal_words_mean_the_very_same_value() -> None:
    parsed = Parsed(PairStatus)

    first = parsed.of({"term": 1})

    assert parsed.of({"term": 1}) is first


def test_other_words_mean_something_else() -> None:
    parsed = Parsed(PairStatus)

    assert [parsed.of({"term": term}).term for term in (1, 2, 1)] == [1, 2, 1]


def test_words_without_a_meaning_take_nothing_from_those_before() -> None:
    parsed = Parsed(PairStatus)
    first = parsed.of({"term": 1})

    with pytest.raises(ValidationError):
        parsed.of({"term": "many"})

    assert parsed.of({"term": 1}) is first
