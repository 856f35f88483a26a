"""The pairs of the benchmarks: the operator has no fault to find with any, and no two want the same thing."""

from __future__ import annotations

import pytest

from maestro_operator.admission.spec import spec_faults
from maestro_operator.model.claims import claims_of
from maestro_operator.model.pair import PairSpec
from support.bench.crowd import pair

pytestmark = pytest.mark.unit


def spec(number: int) -> PairSpec:
    return PairSpec.model_validate(pair(number, port=8080)["spec"])


@pytest.mark.parametrize("number", [0, 9, 4999])
def test_a_pair_of_the_crowd_can_be_carried_out(number: int) -> None:
    assert list(spec_faults(spec(number))) == []


def test_no_two_pairs_of_the_crowd_want_the_same_thing() -> None:
    numbers = (0, 1, 99, 100, 999, 1000, 4999)

    wanted = [claim for number in numbers for claim in claims_of(spec(number))]

    assert len(wanted) == len(set(wanted))
