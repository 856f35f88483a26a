"""Drills: there and back by two ordinary switchovers, begun only at rest, and never forced to an end."""

from __future__ import annotations

import pytest

from maestro_operator.model.pair import Automatic, Management, OnFailure, Say, VerificationPolicy
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import Rehearsal, RehearsalResult
from maestro_operator.model.status import State
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import is_at, serving
from support.worlds import Killed, Pair

pytestmark = pytest.mark.unit

PASSED, FAILED = RehearsalResult.PASSED, RehearsalResult.FAILED
ENDED, REFUSED = RehearsalResult.ENDED, RehearsalResult.REFUSED


def ask(pair: Pair, name: str = "spring") -> None:
    """Asks for a drill as the command line does: to the newest episode of the history."""
    pair.say(Say.DRILL, pair.status.history[0].id, name)


def drill(pair: Pair) -> Rehearsal:
    return pair.status.rehearsals[0]


async def ended(pair: Pair) -> Rehearsal:
    """Takes turns until the drill has a result and nothing is under way."""
    await pair.run_until(
        lambda it: bool(it.status.rehearsals) and drill(it).result is not None and it.status.episode is None
    )
    return drill(pair)


async def over_there(pair: Pair) -> None:
    """Takes turns until the first way of the drill is over and b is active."""
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)


async def finished(pair: Pair, name: str) -> Rehearsal:
    """Takes turns until the drill of that name has a result."""
    await pair.run_until(lambda it: any(item.id == name and item.result is not None for item in it.status.rehearsals))
    return next(item for item in pair.status.rehearsals if item.id == name)


async def rolled_back(pair: Pair) -> None:
    """Takes turns until a way of the drill was rolled back."""
    await pair.run_until(lambda it: any(entry.result == "RolledBack" for entry in it.status.history))


def condition(pair: Pair, name: str) -> tuple[str, str, str]:
    found = next(item for item in pair.status.conditions if item.type == name)
    return found.status, found.reason, found.message


async def drilling() -> Pair:
    pair = await serving()
    ask(pair)
    return pair


# ---------------------------------------------------------------- there and back


async def test_a_drill_goes_there_and_back_and_says_what_it_cost() -> None:
    pair = await drilling()

    found = await ended(pair)

    assert (found.result, found.id, found.node, found.by) == (PASSED, "spring", "a", "ops@example.org")
    assert [leg.target for leg in found.legs] == ["b", "a"]
    assert [(leg.result, leg.is_verified) for leg in found.legs] == [("Done", True)] * 2
    for leg in found.legs:
        assert leg.lag_seconds is not None
        assert 0 < (leg.downtime_seconds or 0.0) <= (leg.seconds or 0.0)
    assert found.message is not None
    assert "a is active" in found.message
    assert pair.world.writers() == ["a"]
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []


async def test_a_drill_leaves_no_order_no_override_and_no_flapping_behind() -> None:
    pair = await drilling()
    await ended(pair)
    await pair.settle()

    assert pair.status.observed_active_node == "a"
    assert pair.status.order_not_done is None
    assert condition(pair, "ActiveNodeOverridden")[0] == "False"
    assert condition(pair, "Ready")[0] == "True"
    pair.order("b")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)


async def test_a_drill_is_said_while_it_is_under_way_and_overrides_nothing() -> None:
    pair = await drilling()
    await over_there(pair)

    assert pair.status.state is State.DRILLING
    assert condition(pair, "ActiveNodeOverridden")[:2] == ("False", "Drilling")
    assert pair.store.spec.active_node == "a"


async def test_the_way_back_waits_for_a_standby_and_nothing_counts_as_stalled() -> None:
    pair = await drilling()
    await over_there(pair)
    pair.world.power_cut("a")

    held = await pair.hold(Reason.DRILLING)

    assert "the way back of drill spring waits" in held.message
    assert condition(pair, "Stalled")[0] == "False"
    assert condition(pair, "Reconciling")[:2] == ("True", "Drilling")
    assert pair.status.state is State.DRILLING
    pair.world.power_on("a")
    assert (await ended(pair)).result is PASSED


async def test_a_word_that_stands_in_git_for_ever_is_taken_once() -> None:
    pair = await drilling()
    await ended(pair)
    words = pair.store.spec.answers

    pair.change(answers=())
    await pair.settle()
    pair.change(answers=words)
    for _ in range(60):
        await pair.turn()

    assert len(pair.status.rehearsals) == 1
    assert pair.status.active_node == "a"


async def test_four_drills_leave_the_last_three() -> None:
    pair = await serving()
    for name in ("one", "two", "three", "four"):
        ask(pair, name)
        await finished(pair, name)
        await pair.run_until(lambda it: condition(it, "Protected")[0] == "True")

    assert [item.id for item in pair.status.rehearsals] == ["four", "three", "two"]


# ---------------------------------------------------------------- refused


async def refusal(pair: Pair) -> str:
    found = await ended(pair)
    assert found.result is REFUSED
    assert found.legs == ()
    assert pair.world.writers() == ["a"]
    assert all(entry.kind is not EpisodeKind.SWITCHOVER for entry in pair.status.history)
    return found.message or ""


async def test_a_drill_is_refused_where_the_standby_cannot_be_read() -> None:
    pair = await serving()
    pair.world.power_cut("b")
    ask(pair)

    assert "b cannot be read" in await refusal(pair)


async def test_a_drill_is_refused_where_the_copy_is_old() -> None:
    pair = await serving()
    pair.world.cut("a", "b")
    pair.let_pass(60.0)
    ask(pair)

    assert "copy is older" in await refusal(pair)


async def test_a_drill_is_refused_as_a_third_move_within_an_hour() -> None:
    pair = await serving()
    for node in ("b", "a"):
        pair.order(node)
        await pair.run_until(
            lambda it: it.status.active_node == pair.store.spec.active_node and it.status.episode is None
        )
    await pair.run_until(lambda it: condition(it, "Protected")[0] == "True")
    ask(pair)

    found = await ended(pair)

    assert found.result is REFUSED
    assert "Flapping: the third move within an hour" in (found.message or "")


async def test_a_drill_is_refused_where_another_one_is_under_way() -> None:
    pair = await drilling()
    await over_there(pair)

    ask(pair, "second")

    assert (await finished(pair, "second")).result is REFUSED
    assert (await finished(pair, "spring")).result is PASSED


async def test_a_drill_that_was_asked_for_before_something_came_is_refused() -> None:
    pair = await serving()
    before = pair.status.history[0].id
    pair.order("b")
    await over_there(pair)
    pair.order("a")
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)
    pair.say(Say.DRILL, before, "late")

    found = await ended(pair)

    assert found.result is REFUSED
    assert "came since; ask again" in (found.message or "")


async def test_a_drill_is_refused_where_the_pair_is_not_where_it_is_declared() -> None:
    pair = await serving()
    pair.world.power_cut("a")
    await over_there(pair)
    pair.world.power_on("a")
    await pair.settle()
    ask(pair)

    found = await ended(pair)

    assert found.result is REFUSED
    assert "b is active and a is declared" in (found.message or "")


async def test_a_paused_pair_takes_no_word_for_a_drill() -> None:
    pair = await serving()
    pair.change(management=Management.PAUSED)
    ask(pair)

    await pair.hold(Reason.PAUSED)

    assert pair.status.rehearsals == ()


# ---------------------------------------------------------------- a way that fails


async def test_where_the_way_there_fails_the_pair_stays_and_no_way_back_is_forced() -> None:
    pair = await drilling()
    await pair.run_until(lambda it: is_at(it, StepName.QUIESCE))
    pair.world.cut("a", "b")
    await rolled_back(pair)
    pair.world.heal()

    found = await ended(pair)
    await pair.settle()

    assert found.result is FAILED
    assert "RolledBack" in (found.message or "")
    assert "FinalSync" in (found.message or "")
    assert pair.status.active_node == "a"
    assert pair.status.order_not_done is None
    assert len(found.legs) == 1
    assert pair.world.writers() == ["a"]


async def test_failed_checks_over_there_leave_the_pair_there_and_say_how_to_go_back() -> None:
    pair = await serving()
    pair.world.failing_checks = {("b", "hub")}
    ask(pair)

    found = await ended(pair)

    assert found.result is FAILED
    assert "b stays active: accept that by activeNode, or answer HandBack to" in (found.message or "")
    assert found.legs[0].is_verified is False
    assert condition(pair, "ActiveNodeOverridden")[0] == "True"
    pair.say(Say.HAND_BACK, found.legs[0].episode)
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)
    assert pair.world.lost_records() == 0


async def test_failed_checks_over_there_are_gone_back_from_where_that_was_chosen() -> None:
    pair = await serving()
    pair.change(verification_policy=VerificationPolicy(on_failure=OnFailure.GO_BACK))
    pair.world.failing_checks = {("b", "hub")}
    ask(pair)

    found = await ended(pair)
    for _ in range(60):
        await pair.turn()

    assert found.result is FAILED
    assert "checks failed on b" in (found.message or "")
    assert pair.status.active_node == "a"
    assert len(found.legs) == 2


async def test_failed_checks_at_home_move_nothing_once_more() -> None:
    pair = await serving()
    pair.change(verification_policy=VerificationPolicy(on_failure=OnFailure.GO_BACK))
    pair.world.failing_checks = {("a", "hub")}
    ask(pair)

    found = await ended(pair)
    for _ in range(60):
        await pair.turn()

    assert (found.result, pair.status.active_node) == (FAILED, "a")


async def test_a_way_back_that_cannot_begin_for_half_an_hour_is_left_to_people() -> None:
    pair = await drilling()
    await over_there(pair)
    pair.world.power_cut("a")
    await pair.hold(Reason.DRILLING)
    pair.let_pass(1801.0)

    found = await ended(pair)

    assert found.result is FAILED
    assert "could not begin within 30 minutes: a cannot be read" in (found.message or "")
    assert pair.status.active_node == "b"


async def test_a_way_back_that_is_rolled_back_says_how_it_is_done_again() -> None:
    pair = await drilling()
    await over_there(pair)
    await pair.run_until(lambda it: is_at(it, StepName.QUIESCE))
    pair.world.cut("a", "b")
    await rolled_back(pair)
    pair.world.heal()

    found = await ended(pair)

    assert found.result is FAILED
    assert pair.status.order_not_done == found.legs[1].episode
    assert f"answer Retry to {found.legs[1].episode}" in (found.message or "")
    pair.say(Say.RETRY, found.legs[1].episode)
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)


async def test_a_way_that_an_order_would_have_to_wait_on_is_called_off_before_its_first_effect() -> None:
    pair = await serving()
    ask(pair)
    await pair.run_until(lambda it: it.status.episode is not None)
    episode = pair.status.episode
    assert episode is not None
    looking = episode.model_copy(update={"step": StepName.PREFLIGHT, "steps": ()})
    pair.store.restore(pair.status.model_copy(update={"episode": looking}).to_resource())
    pair.loop.wake()
    pair.world.cut("a", "b")
    pair.let_pass(60.0)

    found = await ended(pair)

    assert (found.result, pair.status.active_node) == (FAILED, "a")
    assert "Abandoned" in (found.message or "")
    assert pair.world.writers() == ["a"]


async def test_a_drill_whose_way_is_in_no_history_any_more_is_closed() -> None:
    pair = await drilling()
    await over_there(pair)
    pair.store.restore(pair.status.model_copy(update={"history": ()}).to_resource())
    pair.loop.wake()

    found = await ended(pair)

    assert found.result is FAILED
    assert "is not in the history" in (found.message or "")


# ---------------------------------------------------------------- orders and outages in between


async def test_an_order_for_the_other_side_in_mid_drill_ends_it_there() -> None:
    pair = await drilling()
    await pair.run_until(lambda it: is_at(it, StepName.START_SERVICES))

    pair.order("b")
    found = await ended(pair)
    for _ in range(60):
        await pair.turn()

    assert found.result is ENDED
    assert "b was ordered meanwhile; b is active" in (found.message or "")
    assert (pair.status.active_node, pair.status.observed_active_node) == ("b", "b")


async def test_an_order_for_the_other_side_on_the_way_back_takes_that_way_back() -> None:
    pair = await drilling()
    await over_there(pair)
    await pair.run_until(lambda it: is_at(it, StepName.QUIESCE))

    pair.order("b")
    found = await ended(pair)
    await pair.settle()

    assert found.result is FAILED
    assert pair.status.active_node == "b"
    assert condition(pair, "Ready")[0] == "True"


async def test_an_outage_over_there_is_an_outage_and_no_drill_any_more() -> None:
    pair = await drilling()
    await over_there(pair)
    pair.world.power_cut("b")

    found = await ended(pair)

    assert found.result is ENDED
    assert pair.world.moments_with_two_writers == []
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)


async def test_an_outage_over_there_that_nobody_may_move_away_from_ends_the_drill() -> None:
    pair = await serving()
    pair.change(failover=pair.store.spec.failover.model_copy(update={"automatic": Automatic.DISABLED}))
    await pair.settle()
    ask(pair)
    await over_there(pair)
    pair.world.power_cut("b")

    found = await ended(pair)

    assert found.result is ENDED
    assert "b went down" in (found.message or "")


async def test_a_source_that_dies_on_the_way_there_is_failed_over_from_and_not_returned_to() -> None:
    pair = await drilling()
    await pair.run_until(lambda it: is_at(it, StepName.RAISE))
    pair.world.power_cut("a")

    found = await ended(pair)

    assert found.result is FAILED
    assert pair.status.active_node == "b"
    assert "answer HandBack to" in (found.message or "")
    assert pair.world.moments_with_two_writers == []


# ---------------------------------------------------------------- an operator that is killed


@pytest.mark.parametrize("nth", range(1, 28, 3))
async def test_a_drill_is_carried_to_its_end_by_an_operator_that_was_killed_after_any_effect(nth: int) -> None:
    pair = await drilling()
    count = 0

    def kill(_verb: str) -> None:
        nonlocal count
        count += 1
        if count == nth:
            raise Killed

    pair.after_effect = kill
    found = await ended(pair)

    assert found.result is PASSED
    assert pair.world.writers() == ["a"]
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []
    assert len([entry for entry in pair.status.history if entry.trigger == "Drill"]) == 2


@pytest.mark.parametrize("when", ["before_write", "after_write"])
@pytest.mark.parametrize("nth", range(1, 30, 4))
async def test_a_drill_is_carried_to_its_end_by_an_operator_that_was_killed_at_any_write(when: str, nth: int) -> None:
    pair = await drilling()
    count = 0

    def kill(_status: object) -> None:
        nonlocal count
        count += 1
        if count == nth:
            raise Killed

    setattr(pair.store, when, kill)
    found = await ended(pair)

    assert found.result is PASSED
    assert pair.world.moments_with_two_writers == []
    assert len([entry for entry in pair.status.history if entry.trigger == "Drill"]) == 2
