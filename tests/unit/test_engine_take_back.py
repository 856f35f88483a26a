"""An order back after the promotion's intent: taken back without loss, or it waits and becomes a switchover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.drivers.memory.guard_twin import Permit
from maestro_operator.model.pair import Automatic, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import is_at, mid_switchover, ordered, owner_dead
from support.worlds import Pair

pytestmark = pytest.mark.unit


def results(pair: Pair) -> list[tuple[EpisodeKind, str]]:
    """Returns what became of the episodes, the first one first, without what only puts right."""
    kept = (EpisodeKind.REJOIN, EpisodeKind.REPAIR, EpisodeKind.ACTIVATE)
    return [(item.kind, item.result) for item in reversed(pair.status.history) if item.kind not in kept]


def served_by(pair: Pair, node: str) -> bool:
    return pair.status.active_node == node and pair.status.episode is None and pair.world.writers() == [node]


async def promoted() -> Pair:
    """Returns a pair whose switchover has just promoted b; b was never permitted."""
    return await mid_switchover(StepName.PROMOTE)


async def in_traffic() -> Pair:
    """Returns a pair whose switchover has just moved the names to b; b was never permitted."""
    return await mid_switchover(StepName.MOVE_TRAFFIC)


@pytest.mark.parametrize("begin", [promoted, in_traffic])
async def test_an_order_back_before_the_first_permit_is_taken_back_without_loss(begin: object) -> None:
    pair = await begin()  # type: ignore[operator]

    pair.order("a")
    await pair.settle()

    assert served_by(pair, "a")
    assert results(pair) == [(EpisodeKind.SWITCHOVER, "RolledBack"), (EpisodeKind.TAKE_BACK, "Done")]
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []
    assert (pair.status.order_not_done, pair.status.observed_active_node) == (None, "a")


async def test_the_epoch_that_is_taken_back_is_a_new_one() -> None:
    pair = await promoted()
    left = pair.status.epoch.in_force
    assert left is not None

    pair.order("a")
    await pair.settle()

    taken = pair.status.epoch.in_force
    assert taken is not None
    assert (taken.number, taken.owner) == (left.number + 1, "a")
    assert pair.world.nodes["b"].guard.inforce_epoch == taken.number


async def test_an_order_back_between_the_demotion_and_the_promotion_is_taken_back() -> None:
    pair = await mid_switchover(StepName.DEMOTE)

    pair.order("a")
    await pair.settle()

    assert served_by(pair, "a")
    assert (EpisodeKind.TAKE_BACK, "Done") in results(pair)
    assert pair.world.lost_records() == 0


async def test_an_order_back_after_the_first_permit_waits_and_becomes_a_switchover() -> None:
    pair = await mid_switchover(StepName.VERIFY)

    pair.order("a")
    await pair.settle()

    assert served_by(pair, "a")
    assert results(pair) == [(EpisodeKind.SWITCHOVER, "Done"), (EpisodeKind.SWITCHOVER, "Done")]
    assert pair.world.lost_records() == 0


async def test_of_several_orders_in_mid_episode_the_last_one_wins() -> None:
    pair = await mid_switchover(StepName.VERIFY)

    for node in ("a", "b", "a", "b"):
        pair.order(node)
        await pair.turn()
    await pair.settle()

    assert served_by(pair, "b")
    assert results(pair) == [(EpisodeKind.SWITCHOVER, "Done")]


async def test_the_third_move_in_an_hour_waits_also_when_it_was_ordered_in_mid_episode() -> None:
    pair = await ordered()
    await pair.settle()
    pair.order("a")
    await pair.run_until(lambda it: is_at(it, StepName.VERIFY))

    pair.order("b")

    await pair.hold(Reason.FLAPPING)
    assert served_by(pair, "a")


async def test_a_take_back_whose_new_owner_was_permitted_meanwhile_leaves_it_the_service() -> None:
    pair = await promoted()
    pair.order("a")
    await pair.run_until(lambda it: is_at(it, StepName.RAISE))
    guard = pair.world.nodes["b"].guard
    permit = Permit(guard.inforce_epoch, pair.world.nodes["b"].boot_id)
    pair.world.nodes["b"].guard = replace(guard, permit=permit, maxpermit=permit)
    pair.world.nodes["b"].running |= set(pair.world.units)
    pair.let_pass(1.0)

    await pair.run_until(lambda it: served_by(it, "b"))

    assert pair.world.moments_with_two_writers == []


async def test_a_target_that_dies_after_its_promotion_leaves_the_old_side_as_its_standby_and_fails_over_to_it() -> None:
    pair = await promoted()

    pair.world.power_cut("b")

    await pair.run_until(lambda it: served_by(it, "a"))
    assert results(pair) == [(EpisodeKind.SWITCHOVER, "Done"), (EpisodeKind.FAILOVER, "Done")]
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []


async def test_a_target_that_cannot_be_seen_any_more_is_given_up_by_a_person() -> None:
    pair = await promoted()
    pair.world.cut("operator", "b")
    await pair.hold(Reason.TARGET_UNREADABLE)
    switchover = pair.status.episode
    assert switchover is not None

    pair.world.power_cut("b")
    pair.say(Say.FAIL_OVER, switchover.id)
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    taking_back = pair.status.episode
    assert taking_back is not None
    assert taking_back.kind is EpisodeKind.TAKE_BACK
    pair.say(Say.CONFIRM_FENCED, taking_back.id, "b")

    await pair.run_until(lambda it: served_by(it, "a"))
    assert pair.world.lost_records() == 0


async def test_an_old_side_that_came_back_serves_again_where_the_survivor_died_after_its_promotion() -> None:
    pair = await owner_dead()
    await pair.run_until(lambda it: is_at(it, StepName.PROMOTE))
    pair.world.power_cut("b")
    pair.world.power_on("a")
    await pair.hold(Reason.TARGET_UNREADABLE)
    failover = pair.status.episode
    assert failover is not None

    pair.say(Say.FAIL_OVER, failover.id)
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    taking_back = pair.status.episode
    assert taking_back is not None
    pair.say(Say.CONFIRM_FENCED, taking_back.id, "b")

    await pair.run_until(lambda it: served_by(it, "a"))
    assert pair.world.lost_records() == 0
    pair.world.power_on("b")
    await pair.settle()
    assert pair.world.moments_with_two_writers == []


async def test_a_target_that_died_before_it_had_its_data_is_never_started_on_what_it_has() -> None:
    pair = await mid_switchover(StepName.DEMOTE)
    pair.change(failover=pair.store.spec.failover.model_copy(update={"automatic": Automatic.DISABLED}))
    pair.world.nodes["b"].records = 1

    def dies(status: Mapping[str, Any]) -> None:
        if (status.get("episode") or {}).get("step") == StepName.PROMOTE:
            pair.world.power_cut("b")

    pair.store.after_write = dies
    await pair.run_until(lambda it: it.status.episode is None)
    pair.store.after_write = lambda _status: None
    pair.world.power_on("b")
    await pair.hold(Reason.NODE_ROLLED_BACK)

    pair.order("a")
    await pair.hold(Reason.DEMOTION_UNPROVEN)
    assert pair.world.writers() == []
    assert pair.status.episode is not None
    pair.say(Say.FAIL_OVER, pair.status.episode.id)

    await pair.run_until(lambda it: served_by(it, "a"))
    assert pair.world.lost_records() == 0


async def test_a_target_that_died_between_its_epoch_and_its_data_is_never_started_nor_sent_from() -> None:
    pair = await mid_switchover(StepName.DEMOTE)
    pair.change(failover=pair.store.spec.failover.model_copy(update={"automatic": Automatic.DISABLED}))
    new = pair.world.nodes["b"]
    new.records = 1

    def dies(_verb: str) -> None:
        if new.guard.owns(new.guard.inforce_epoch) and new.promoted is None:
            pair.world.power_cut("b")

    pair.after_effect = dies
    await pair.run_until(lambda it: it.status.episode is None)
    pair.after_effect = lambda _verb: None
    pair.world.power_on("b")
    new.booted_at_seconds -= 600.0
    await pair.hold(Reason.COPY_NOT_WHOLE)

    pair.order("a")
    await pair.hold(Reason.DEMOTION_UNPROVEN)
    assert pair.world.writers() == []
    assert pair.status.episode is not None
    pair.say(Say.FAIL_OVER, pair.status.episode.id)

    await pair.run_until(lambda it: served_by(it, "a"))
    assert pair.world.lost_records() == 0
