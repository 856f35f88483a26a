"""The nemesis' mind: the same seed plays the same, and every listed cell is reached."""

from collections import Counter

import pytest

from support.chaos.phases import LISTED, ORDER, Cell, Fault, Opening, Phase, openings_for, phase_of
from support.chaos.plan import MOST_STRIKES, PASSING, Round, empty_cells, next_round

SEEDS = (1, 2, 3, 17)


def played(seed: int, rounds: int) -> tuple[list[Round], Counter[Cell]]:
    """Play rounds in which every strike falls where it was meant to."""
    counts: Counter[Cell] = Counter()
    found = []
    for number in range(1, rounds + 1):
        found.append(next_round(seed, number, counts))
        counts.update((strike.phase, strike.fault) for strike in found[-1].strikes)
    return found, counts


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_and_the_same_strikes_give_the_same_rounds(seed: int) -> None:
    assert played(seed, 40) == played(seed, 40)


def test_another_seed_plays_another_game() -> None:
    assert played(1, 10)[0] != played(2, 10)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_listed_cell_is_struck_within_forty_rounds(seed: int) -> None:
    assert empty_cells(played(seed, 40)[1]) == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_strike_that_missed_is_drawn_again(seed: int) -> None:
    counts = played(seed, 40)[1]
    missed = (Phase.FENCE, Fault.BMC)
    del counts[missed]

    drawn = next_round(seed, 41, counts)

    assert missed in [(strike.phase, strike.fault) for strike in drawn.strikes]


@pytest.mark.parametrize("seed", SEEDS)
def test_strikes_stand_in_the_order_of_the_phases_and_none_after_what_ends_the_episode(seed: int) -> None:
    for drawn in played(seed, 40)[0]:
        order = ORDER[drawn.opening]
        places = [order.index(strike.phase) for strike in drawn.strikes]
        assert places == sorted(places if drawn.opening is Opening.STILL else set(places))
        assert len(places) <= MOST_STRIKES
        ended = [strike for strike in drawn.strikes[:-1] if strike.fault not in PASSING]
        assert len(ended) <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bmc_is_spoilt_only_where_the_power_is_truly_off(seed: int) -> None:
    rounds = [drawn for drawn in played(seed, 60)[0] if any(item.fault is Fault.BMC for item in drawn.strikes)]
    assert rounds
    assert {drawn.outage for drawn in rounds} == {"power"}


def test_every_listed_phase_is_passed_by_its_openings() -> None:
    for phase, _ in LISTED:
        assert all(phase in ORDER[opening] for opening in openings_for(phase))


@pytest.mark.parametrize(
    ("kind", "step", "phase"),
    [
        ("Switchover", "Quiesce", Phase.QUIESCE),
        ("Failover", "Declare", Phase.SEVER),
        ("Failover", "Conclude", Phase.PREPARE),
        ("Switchover", "Localise", Phase.MOVE_TRAFFIC),
        ("Rejoin", "Localise", Phase.REJOIN),
        ("Rejoin", "Resync", Phase.RESYNC),
        ("Renew", "StartServices", Phase.RENEW),
        ("Activate", "Promote", Phase.OTHER),
    ],
)
def test_a_phase_is_what_the_journal_says(kind: str, step: str, phase: Phase) -> None:
    assert phase_of({"episode": {"kind": kind, "step": step}}) is phase


def test_no_episode_is_rest() -> None:
    assert phase_of({}) is Phase.REST
    assert Opening.STILL in openings_for(Phase.REST)
