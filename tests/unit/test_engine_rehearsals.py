"""Tests beside a pair: written down, made in the background at rest, given up for everything, and told of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.decide.rehearsing import rehearse
from maestro_operator.model.backing import Backup, BackupCommand, RestoreTest
from maestro_operator.model.decision import Record
from maestro_operator.model.pair import Management, Replication, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import Rehearsal, RehearsalKind, RehearsalResult, Rehearsals, StartTest
from maestro_operator.model.seen import Unknown
from support.beginnings import serving
from support.worlds import Pair

pytestmark = pytest.mark.unit

DAY_SECONDS = 86400
WEEKLY = Rehearsals(start_test=StartTest())
PASSED, FAILED = RehearsalResult.PASSED, RehearsalResult.FAILED
ENDED, REFUSED = RehearsalResult.ENDED, RehearsalResult.REFUSED


async def trying(*, weekly: Rehearsals | None = WEEKLY) -> Pair:
    """Returns a pair served by a whose starts are tested weekly."""
    pair = await serving()
    pair.change(rehearsals=weekly)
    return pair


def of(pair: Pair, kind: RehearsalKind = RehearsalKind.START_TEST) -> list[Rehearsal]:
    return [item for item in pair.status.rehearsals if item.kind is kind]


def ask(pair: Pair, say: Say = Say.TEST_START, name: str = "spring") -> None:
    """Asks as the command line does: by an answer to the newest episode of the history."""
    pair.say(say, pair.status.history[0].id, name)


async def ended(pair: Pair, *, count: int = 1, kind: RehearsalKind = RehearsalKind.START_TEST) -> Rehearsal:
    """Takes turns until so many tests have a result."""
    await pair.run_until(lambda it: sum(item.result is not None for item in of(it, kind)) >= count)
    return of(pair, kind)[0]


def condition(pair: Pair, name: str) -> tuple[str, str]:
    found = next(item for item in pair.status.conditions if item.type == name)
    return found.status, found.reason


# ---------------------------------------------------------------- by its day


async def test_a_start_test_is_made_when_nobody_made_one_yet_and_says_what_it_found() -> None:
    pair = await trying()

    found = await ended(pair)
    await pair.settle()

    assert (found.result, found.node, found.by) == (PASSED, "a", None)
    assert found.message is not None
    assert "every service started on b with 1." in found.message
    assert condition(pair, "StartTested") == ("True", "AllGood")
    assert pair.world.writers() == ["a"]
    assert pair.world.nodes["b"].trial is None


async def test_no_episode_and_no_hold_comes_of_it() -> None:
    pair = await trying()
    before = pair.status.history, pair.status.epoch

    await ended(pair)

    assert (pair.status.history, pair.status.epoch) == before
    assert condition(pair, "Ready")[0] == condition(pair, "PeerReady")[0] == "True"


async def test_the_next_one_waits_for_its_day() -> None:
    pair = await trying()
    await ended(pair)
    await pair.settle()
    assert len(of(pair)) == 1

    pair.clock.pass_seconds(7 * DAY_SECONDS)

    assert (await ended(pair, count=2)).result is PASSED


@pytest.mark.parametrize("how", ["a service", "a check"])
async def test_what_fails_there_is_told_and_made_again_after_a_day(how: str) -> None:
    pair = await trying()
    unit, check = pair.store.spec.services[-1].unit, pair.store.spec.verification[0].name
    if how == "a service":
        pair.world.nodes["b"].breaks.add(unit)
    else:
        pair.world.failing_checks.add(("b", check))

    found = await ended(pair)
    await pair.settle()

    assert found.result is FAILED
    assert (unit if how == "a service" else check) in (found.message or "")
    assert condition(pair, "StartTested") == ("False", "StartTestFailed")
    assert condition(pair, "Ready")[0] == "True"
    pair.world.nodes["b"].breaks.clear()
    pair.world.failing_checks.clear()
    pair.clock.pass_seconds(DAY_SECONDS)
    assert (await ended(pair, count=2)).result is PASSED


async def test_nothing_is_tried_while_the_pair_is_observed_or_paused() -> None:
    pair = await trying(weekly=None)
    pair.change(rehearsals=WEEKLY, management=Management.PAUSED)

    await pair.hold(Reason.PAUSED)

    assert of(pair) == []


async def test_without_a_whole_copy_it_waits() -> None:
    pair = await trying(weekly=None)
    pair.world.power_cut("b")
    pair.change(rehearsals=WEEKLY)

    await pair.hold(Reason.STANDBY_ABSENT)

    assert of(pair) == []


async def test_a_node_of_which_nothing_is_known_is_no_standby_to_try_anything_on() -> None:
    pair = await trying(weekly=None)
    pair.change(rehearsals=WEEKLY)
    await pair.turn()
    look = replace(pair.recorder.seen[-1], status=pair.status.model_copy(update={"rehearsals": ()}))
    blind = replace(look, nodes={**look.nodes, "b": Unknown(Reason.TIMED_OUT, "b did not answer")})

    assert isinstance(rehearse(look), Record)
    assert rehearse(blind) is None


# ---------------------------------------------------------------- what comes in between


async def test_an_order_ends_a_test_and_it_is_made_anew_on_the_other_node() -> None:
    pair = await trying()
    await pair.run_until(lambda it: bool(of(it)))
    pair.order("b")

    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    await pair.run_until(lambda it: len(of(it)) > 1 and of(it)[0].result is not None)

    assert [(item.node, item.result) for item in of(pair)] == [("b", PASSED), ("a", ENDED)]
    assert pair.world.moments_with_two_writers == []
    assert pair.world.lost_records() == 0


async def test_another_operator_goes_on_with_a_test_that_was_begun() -> None:
    pair = await trying()
    await pair.run_until(lambda it: bool(of(it)))
    begun = of(pair)[0]

    pair.restart_operator()

    found = await ended(pair)
    assert (found.id, found.result) == (begun.id, PASSED)


async def test_a_test_that_gives_no_result_in_time_has_failed() -> None:
    pair = await trying()
    await pair.run_until(lambda it: bool(of(it)))
    pair.restart_operator()
    pair.clock.pass_seconds(900 + 601)

    found = await ended(pair)

    assert (found.result, found.message) == (FAILED, "b gave no result in time")


# ---------------------------------------------------------------- asked for


async def test_a_person_has_a_start_tested_at_once() -> None:
    pair = await trying()
    await ended(pair)
    ask(pair)

    found = await ended(pair, count=2)

    assert (found.id, found.by, found.result) == ("spring", "ops@example.org", PASSED)


async def test_a_start_test_is_refused_where_nobody_wrote_what_it_needs() -> None:
    pair = await trying(weekly=None)
    ask(pair)

    found = await ended(pair)

    assert found.result is REFUSED
    assert "spec.rehearsals.startTest is not set" in (found.message or "")


async def test_a_start_test_is_refused_without_a_standby_at_rest() -> None:
    pair = await trying(weekly=None)
    pair.change(rehearsals=WEEKLY, replication=Replication())
    ask(pair)

    found = await ended(pair)

    assert found.result is REFUSED
    assert "copies are made by rsync alone" in (found.message or "")


async def backed_up() -> Pair:
    pair = await trying(weekly=None)
    pair.change(backup=Backup(command=BackupCommand(program="/usr/local/sbin/newest"), restore_test=RestoreTest()))
    pair.world.back_up("a", "20260101")
    return pair


async def test_a_person_has_a_restore_tested_at_once() -> None:
    pair = await backed_up()
    ask(pair, Say.TEST_RESTORE)

    found = await ended(pair, kind=RehearsalKind.RESTORE_TEST)
    await pair.settle()

    assert (found.result, found.message) == (PASSED, "backup 20260101 was restored and checked")
    assert condition(pair, "RestoreTested") == ("True", "AllGood")


async def test_a_restore_that_fails_is_told() -> None:
    pair = await backed_up()
    pair.world.nodes["b"].damaged.add("20260101")
    ask(pair, Say.TEST_RESTORE)

    found = await ended(pair, kind=RehearsalKind.RESTORE_TEST)
    await pair.settle()

    assert found.result is FAILED
    assert "BackupDamaged" in (found.message or "")
    assert condition(pair, "RestoreTested") == ("False", "RestoreTestFailed")


async def test_no_restore_is_tested_where_no_backup_is_kept() -> None:
    pair = await trying(weekly=None)
    ask(pair, Say.TEST_RESTORE)

    found = await ended(pair, kind=RehearsalKind.RESTORE_TEST)

    assert (found.result, found.message) == (REFUSED, "b keeps no backup")


async def test_of_each_kind_the_last_three_are_kept() -> None:
    pair = await trying()
    await ended(pair)
    for count, name in enumerate(("one", "two", "three"), start=2):
        ask(pair, name=name)
        await pair.run_until(lambda it, name=name: any(x.id == name and x.result for x in of(it)))  # type: ignore[misc]
        assert len(of(pair)) == min(count, 3)

    assert [item.id for item in of(pair)] == ["three", "two", "one"]
