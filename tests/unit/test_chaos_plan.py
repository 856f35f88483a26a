"""The nemesis' mind: the same seed plays the same, and every listed cell is reached."""

from collections import Counter

import pytest

from support.chaos import report
from support.chaos.phases import LISTED, ORDER, Cell, Fault, Opening, Phase, openings_for, phase_of
from support.chaos.plan import MOST_STRIKES, SHARED, SURVIVOR_DIES, Round, empty_cells, next_round, passes

SEEDS = (1, 2, 3, 17)


def played(seed: int, rounds: int) -> tuple[list[Round], Counter[Cell]]:
    """Play rounds in which every strike falls where it was meant to."""
    counts: Counter[Cell] = Counter()
    found = []
    for number in range(1, rounds + 1):
        found.append(next_round(seed, number, counts))
        counts.update(strike.cell for strike in found[-1].strikes)
    return found, counts


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_and_the_same_strikes_give_the_same_rounds(seed: int) -> None:
    assert played(seed, 40) == played(seed, 40)


def test_another_seed_plays_another_game() -> None:
    assert played(1, 10)[0] != played(2, 10)[0]


@pytest.mark.parametrize("seed", [*SEEDS, *range(100, 140)])
def test_every_listed_cell_is_struck_within_sixteen_rounds(seed: int) -> None:
    assert empty_cells(played(seed, 16)[1]) == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_strike_that_fell_elsewhere_is_drawn_again_and_nothing_strikes_before_it(seed: int) -> None:
    rounds, counts = played(seed, 6)
    missed = next(drawn.strikes[-1].cell for drawn in rounds if len(drawn.strikes) > 1)
    del counts[missed]

    drawn = next_round(seed, 7, counts, missed={missed: 1})

    assert drawn.strikes[0].cell == missed
    assert (drawn.opening is Opening.OUTAGE) == (missed[0] in (Phase.FENCE, Phase.SEVER, Phase.REJOIN, Phase.RESYNC))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cell_that_is_missed_again_and_again_holds_up_no_other(seed: int) -> None:
    missed = (Phase.RESYNC, Fault.CUT)
    counts: Counter[Cell] = Counter()
    for number in range(1, 33):
        drawn = next_round(seed, number, counts, missed={missed: number - 1})
        counts.update(strike.cell for strike in drawn.strikes if strike.cell != missed)

    assert empty_cells(counts) == (missed,)


@pytest.mark.parametrize("seed", SEEDS)
def test_strikes_stand_in_the_order_of_the_phases_and_none_after_what_ends_the_episode(seed: int) -> None:
    for drawn in played(seed, 40)[0]:
        order = ORDER[drawn.opening]
        places = [order.index(strike.phase) for strike in drawn.strikes]
        assert places == sorted(places)
        assert len(places) <= MOST_STRIKES
        before_heal = [strike for strike in drawn.strikes if strike.phase not in (Phase.REJOIN, Phase.RESYNC)]
        assert all(passes(strike.cell) for strike in before_heal[:-1])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_node_is_lost_for_what_a_planned_switch_shows_as_well(seed: int) -> None:
    outages = [drawn for drawn in played(seed, 12)[0] if drawn.opening is Opening.OUTAGE]
    assert all(any(strike.phase not in SHARED for strike in drawn.strikes) for drawn in outages)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_double_failure_it_is_the_survivor_that_dies(seed: int) -> None:
    strikes = [strike for drawn in played(seed, 40)[0] for strike in drawn.strikes if strike.cell == SURVIVOR_DIES]
    assert {strike.victim for strike in strikes} == {"target"}


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_commits_while_a_pair_is_deleted(seed: int) -> None:
    rounds = [drawn for drawn in played(seed, 60)[0] if any(item.fault is Fault.DELETED for item in drawn.strikes)]
    assert rounds
    assert not any(drawn.by_git for drawn in rounds)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_few_chosen_cells_are_played_alone(seed: int) -> None:
    chosen = ((Phase.REST, Fault.DELETED), (Phase.FENCE, Fault.SECRET_EDIT))
    counts: Counter[Cell] = Counter()
    for number in (1, 2):
        counts.update(strike.cell for strike in next_round(seed, number, counts, listed=chosen).strikes)
    assert set(counts) == set(chosen)


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


def test_each_listed_cell_is_a_claim_of_the_report_and_an_empty_one_fails() -> None:
    failed = [claim.id for claim in report.filled(dict.fromkeys(LISTED[1:], 1), LISTED) if not claim.ok]

    assert failed == ["matrix-is-filled", "/".join(LISTED[0])]
    assert report.filled({}, ()) == []
