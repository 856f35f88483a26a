"""Everything that is held back says why, and every hold has a way out."""

from __future__ import annotations

import pytest

from maestro_operator.model.pair import Automatic, Failover, Management, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import (
    found_running,
    fresh,
    is_at,
    mid_switchover,
    old_side_back,
    ordered,
    owner_dead,
    rebooted_alone,
    serving,
)
from support.worlds import Pair, pair_spec

BY_HAND = Failover(automatic=Automatic.DISABLED, max_data_loss_seconds=120)


def served_by(pair: Pair, node: str) -> bool:
    return pair.status.active_node == node and pair.status.episode is None and pair.world.writers() == [node]


async def serve(pair: Pair, node: str) -> None:
    await pair.run_until(lambda it: served_by(it, node))
    assert pair.world.moments_with_two_writers == []


def is_confirming(pair: Pair) -> bool:
    return pair.status.episode is not None and pair.status.episode.step is StepName.CONFIRM


def episode(pair: Pair) -> str:
    found = pair.status.episode
    assert found is not None
    return found.id


def last(pair: Pair, kind: EpisodeKind) -> str:
    return next(item.result for item in pair.status.history if item.kind is kind)


# ---------------------------------------------------------------- the fence


@pytest.mark.parametrize("mode", ["denying", "dead"])
async def test_a_fence_that_gives_no_proof_waits_for_a_person_who_says_that_the_node_is_off(mode: str) -> None:
    pair = await owner_dead()
    pair.order("b")
    await pair.run_until(lambda it: it.status.episode is not None, max_turns=80)
    pair.world.power_on("a")
    pair.world.isolate("a")
    pair.world.devices["a"] = mode
    held = await pair.hold(Reason.FENCE_UNPROVEN)
    assert episode(pair) in held.message
    assert pair.status.active_node == "a"

    pair.world.power_cut("a")
    pair.say(Say.CONFIRM_FENCED, episode(pair), "a")
    await serve(pair, "b")


async def test_a_persons_word_that_a_node_is_off_counts_nothing_while_it_is_seen_alive() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")
    pair.world.devices["a"] = "lying"
    pair.order("b")
    await pair.hold(Reason.UNCERTAIN)
    pair.say(Say.FAIL_OVER, episode(pair))
    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.kind is EpisodeKind.FAILOVER)
    await pair.hold(Reason.FENCE_UNPROVEN)

    pair.say(Say.CONFIRM_FENCED, episode(pair), "a")
    for _ in range(40):
        await pair.turn()

    assert pair.status.active_node == "a"
    assert pair.holds(Reason.FENCE_UNPROVEN)


async def test_an_honest_device_fences_a_node_that_only_the_operator_cannot_read() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")
    pair.order("b")
    await pair.hold(Reason.UNCERTAIN)

    pair.say(Say.FAIL_OVER, episode(pair))

    await serve(pair, "b")
    assert not pair.world.nodes["a"].is_on


async def test_a_failover_is_abandoned_when_the_old_side_is_healthy_again() -> None:
    pair = await serving()
    pair.world.isolate("a")
    pair.world.devices["a"] = "denying"
    await pair.hold(Reason.FENCE_UNPROVEN)

    pair.world.heal()

    await pair.settle()
    assert pair.world.writers() == ["a"]
    assert last(pair, EpisodeKind.FAILOVER) == "Abandoned"
    assert last(pair, EpisodeKind.RENEW) == "Done"


async def test_a_proof_that_meets_a_sign_of_life_goes_back_to_the_fence() -> None:
    pair = await serving()
    pair.world.isolate("a")
    pair.world.devices["a"] = "lying"
    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.step is StepName.FENCE)
    pair.change(failover=Failover(automatic=Automatic.ENABLED, max_data_loss_seconds=0))
    await pair.hold(Reason.LOSS_NOT_ACCEPTED)

    pair.world.heal()

    await serve(pair, "a")
    assert last(pair, EpisodeKind.FAILOVER) == "Abandoned"


async def declared_off_and_alive() -> Pair:
    """Returns a pair in whose failover a device lied: b has its intent, a serves, and only b cannot reach it."""
    pair = await serving()
    pair.world.isolate("a")
    pair.world.devices["a"] = "lying"
    await pair.run_until(lambda it: it.status.active_node == "b")
    pair.world.heal()
    pair.world.cut("a", "b")
    return pair


async def test_an_owner_that_was_declared_off_and_lives_is_demoted_before_the_new_one_starts() -> None:
    pair = await declared_off_and_alive()

    await pair.run_until(lambda it: it.world.writers() == ["b"])

    assert pair.world.moments_with_two_writers == []
    pair.world.heal()
    await serve(pair, "b")


async def test_an_owner_that_lives_and_cannot_be_demoted_keeps_the_new_one_from_starting() -> None:
    pair = await declared_off_and_alive()
    pair.world.lose_guard_state("a")
    await pair.hold(Reason.SIGN_OF_LIFE)
    assert pair.world.writers() == ["a"]

    pair.world.power_cut("a")

    await serve(pair, "b")


async def test_a_source_that_dies_after_its_quiesce_and_comes_back_is_demoted_before_the_target_starts() -> None:
    pair = await mid_switchover(StepName.QUIESCE)
    pair.world.power_cut("a")
    await pair.run_until(lambda it: it.status.active_node == "b")

    pair.world.power_on("a")

    await serve(pair, "b")


async def test_an_ordered_failover_whose_source_is_healthy_again_becomes_a_switchover() -> None:
    pair = await serving()
    pair.change(failover=Failover(automatic=Automatic.DISABLED, max_data_loss_seconds=0))
    pair.world.isolate("a")
    pair.let_pass(30.0)
    for _ in range(12):
        await pair.turn()
    pair.order("b")
    await pair.hold(Reason.COPY_OVER_BUDGET)

    pair.world.heal()

    await serve(pair, "b")
    assert last(pair, EpisodeKind.SWITCHOVER) == "Done"
    assert last(pair, EpisodeKind.FAILOVER) == "Abandoned"
    assert pair.world.lost_records() == 0


async def test_an_ordered_failover_that_is_taken_back_before_a_promise_ends() -> None:
    pair = await owner_dead()
    pair.change(failover=Failover(automatic=Automatic.DISABLED, max_data_loss_seconds=0))
    for _ in range(20):
        await pair.turn()
    pair.order("b")
    await pair.hold(Reason.COPY_OVER_BUDGET)

    pair.order("a")

    await pair.run_until(lambda it: it.status.episode is None)
    assert last(pair, EpisodeKind.FAILOVER) == "Abandoned"


# ---------------------------------------------------------------- loss


async def test_a_copy_over_the_budget_holds_before_anything_is_cut_until_a_person_accepts_the_loss() -> None:
    pair = await serving()
    pair.change(failover=Failover(automatic=Automatic.DISABLED, max_data_loss_seconds=0))
    pair.world.power_cut("a")
    for _ in range(20):
        await pair.turn()
    pair.order("b")
    await pair.hold(Reason.COPY_OVER_BUDGET)
    assert pair.status.epoch.promised == pair.status.epoch.in_force

    pair.say(Say.ACCEPT_LOSS, episode(pair), "600s")

    await serve(pair, "b")


# ---------------------------------------------------------------- votes


async def test_an_operator_that_reaches_nothing_moves_nothing() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")
    pair.world.cut("operator", "b")
    pair.world.is_dns_up = False

    await pair.hold(Reason.OBSERVER_ISOLATED)
    for _ in range(40):
        await pair.turn()

    assert pair.status.episode is None
    assert pair.world.writers() == ["a"]


async def test_an_owner_that_the_peer_sees_alive_is_not_down() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")

    await pair.hold(Reason.SEEN_ALIVE)
    for _ in range(40):
        await pair.turn()

    assert pair.status.episode is None


async def test_one_vote_is_too_few() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")
    pair.world.cut("operator", "b")

    await pair.hold(Reason.TOO_FEW_VOTES)
    for _ in range(40):
        await pair.turn()

    assert pair.status.episode is None


async def test_an_outage_counts_only_when_it_has_lasted() -> None:
    pair = await serving()
    pair.world.isolate("a")
    await pair.hold(Reason.NOT_DOWN_LONG_ENOUGH)

    pair.world.heal()

    await pair.settle()
    assert [entry.kind for entry in pair.status.history if entry.kind is EpisodeKind.FAILOVER] == []


# ---------------------------------------------------------------- whom the nodes belong to


async def test_nodes_of_another_pair_are_left_alone_until_a_person_adopts_their_uid() -> None:
    pair = await serving()
    uid = pair.status.pair_uid
    pair.store.recreate()
    pair.restart_operator()
    held = await pair.hold(Reason.FOREIGN_PAIR)
    assert f"of: {uid}" in held.message

    pair.say(Say.ADOPT, f"adopt-{uid}", uid)

    await pair.settle()
    assert pair.status.pair_uid == uid
    assert pair.world.writers() == ["a"]


async def test_two_running_nodes_are_touched_by_nothing() -> None:
    pair = await found_running()
    other = pair.world.nodes["b"]
    other.records = 5
    other.running |= set(other.units)

    await pair.hold(Reason.SPLIT_BRAIN)

    assert pair.world.nodes["a"].running == other.running == set(other.units)
    assert pair.status.pair_uid is None

    other.running.clear()
    await pair.settle()
    assert pair.world.writers() == ["a"]


async def test_nodes_that_cannot_be_told_apart_are_refused() -> None:
    pair = await fresh()
    pair.world.nodes["b"].machine_id = pair.world.nodes["a"].machine_id

    await pair.hold(Reason.NODES_INDISTINCT)

    pair.world.nodes["b"].machine_id = "machine-b"
    await pair.settle()


async def test_a_node_that_runs_beside_an_unreadable_one_is_only_reported() -> None:
    pair = await found_running()
    pair.world.cut("operator", "b")

    await pair.hold(Reason.PEER_UNREADABLE)

    assert pair.world.writers() == ["a"]
    assert not pair.world.nodes["a"].is_equipped


async def test_a_stopped_node_beside_an_unreadable_one_waits() -> None:
    pair = await fresh()
    pair.world.cut("operator", "b")

    await pair.hold(Reason.WAIT_FOR_USER)

    pair.world.heal()
    await pair.settle()


async def test_two_unreadable_nodes_are_reported() -> None:
    pair = await fresh()
    pair.world.cut("operator", "a")
    pair.world.cut("operator", "b")

    await pair.hold(Reason.NOBODY_READABLE)


# ---------------------------------------------------------------- state that is gone


async def test_a_node_that_lost_its_state_may_have_owned_an_epoch() -> None:
    pair = await fresh()
    pair.world.nodes["b"].is_equipped = True
    pair.world.lose_guard_state("b")

    await pair.hold(Reason.WAIT_FOR_USER)


async def test_a_standby_that_lost_its_state_is_made_a_standby_again() -> None:
    pair = await serving()
    pair.world.lose_guard_state("b")

    await pair.run_until(lambda it: it.status.episode is not None)
    await pair.settle()

    assert pair.status.history[0].kind is EpisodeKind.REJOIN
    assert pair.world.writers() == ["a"]


async def test_an_owner_that_lost_its_state_is_not_called_good() -> None:
    pair = await serving()
    pair.world.lose_guard_state("a")

    await pair.hold(Reason.STATE_LOST)
    assert pair.world.writers() == ["a"]

    pair.order("b")
    await pair.hold(Reason.DEMOTION_UNPROVEN)
    assert pair.world.writers() == ["a"]
    pair.say(Say.FAIL_OVER, episode(pair))
    await serve(pair, "b")
    assert not pair.world.nodes["a"].is_on


async def test_an_owner_that_was_put_back_to_an_older_state_is_not_called_good() -> None:
    pair = await serving()
    older = pair.world.nodes["a"].guard
    for node in ("b", "a"):
        pair.order(node)
        await serve(pair, node)
    await pair.settle()
    pair.world.nodes["a"].guard = older
    pair.world.cut("a", "b")

    await pair.hold(Reason.NODE_ROLLED_BACK)


async def test_an_order_that_is_taken_back_from_an_owner_without_state_leaves_it_alone() -> None:
    pair = await serving()
    pair.world.lose_guard_state("a")
    pair.order("b")
    await pair.hold(Reason.DEMOTION_UNPROVEN)

    pair.order("a")

    await pair.run_until(lambda it: it.status.episode is None)
    assert last(pair, EpisodeKind.SWITCHOVER) == "Abandoned"
    assert pair.world.writers() == ["a"]


async def test_a_source_that_reboots_in_mid_switchover_takes_its_service_back_all_the_same() -> None:
    pair = await mid_switchover(StepName.RAISE)
    pair.world.reboot("a")

    pair.order("a")

    await serve(pair, "a")
    assert last(pair, EpisodeKind.RENEW) == "Done"
    assert pair.world.lost_records() == 0


async def test_a_source_that_reboots_while_its_peer_dies_takes_its_service_back_on_a_persons_word() -> None:
    pair = await mid_switchover(StepName.RAISE)
    pair.world.reboot("a")
    pair.world.power_cut("b")
    pair.order("a")
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    assert pair.world.writers() == []

    pair.say(Say.CONFIRM_FENCED, episode(pair), "b")

    await serve(pair, "a")


async def test_a_source_that_did_not_reboot_takes_its_service_back_though_its_peer_died() -> None:
    pair = await mid_switchover(StepName.RAISE)
    pair.world.power_cut("b")

    pair.order("a")

    await serve(pair, "a")
    pair.world.power_on("b")
    await pair.settle()
    assert pair.world.moments_with_two_writers == []


async def test_a_source_that_reboots_in_mid_switchover_is_switched_from_all_the_same() -> None:
    pair = await mid_switchover(StepName.RAISE)

    pair.world.reboot("a")

    await serve(pair, "b")
    assert pair.world.lost_records() == 0


# ---------------------------------------------------------------- orders


async def test_the_third_move_within_an_hour_waits_for_an_acknowledgement() -> None:
    pair = await serving()
    for node in ("b", "a"):
        pair.order(node)
        await pair.settle()
    pair.order("b")
    await pair.hold(Reason.FLAPPING)
    moved = next(entry for entry in pair.status.history if entry.kind is EpisodeKind.SWITCHOVER)

    pair.say(Say.ACKNOWLEDGE, moved.id)

    await serve(pair, "b")


@pytest.mark.parametrize("step", [StepName.QUIESCE, StepName.RAISE, StepName.FINAL_SYNC])
async def test_an_order_that_is_taken_back_before_the_promotion_gives_the_owner_its_service_back(
    step: StepName,
) -> None:
    pair = await mid_switchover(step)

    pair.order("a")

    await pair.settle()
    assert pair.world.writers() == ["a"]
    assert last(pair, EpisodeKind.SWITCHOVER) == "RolledBack"
    assert last(pair, EpisodeKind.RENEW) == "Done"
    assert pair.world.lost_records() == 0


async def test_a_new_order_to_a_node_that_just_came_back_waits_until_it_is_a_standby() -> None:
    pair = await old_side_back()
    pair.order("b")
    await pair.turn()
    await pair.turn()

    pair.order("a")

    await serve(pair, "a")
    assert last(pair, EpisodeKind.REJOIN) == "Done"


async def test_an_order_to_a_node_that_cannot_be_read_waits_at_rest() -> None:
    pair = await serving()
    pair.world.power_cut("b")
    pair.order("b")
    await pair.hold(Reason.TARGET_UNREADABLE)
    assert pair.status.episode is None

    pair.world.power_on("b")

    await serve(pair, "b")


async def test_an_owner_that_reboots_while_an_order_is_held_is_confirmed_all_the_same() -> None:
    pair = await serving()
    for node in ("b", "a"):
        pair.order(node)
        await pair.settle()
    pair.order("b")
    await pair.hold(Reason.FLAPPING)
    pair.world.cut("a", "b")
    pair.world.reboot("a")

    await pair.run_until(lambda it: it.status.history[0].kind is EpisodeKind.RESTART)

    assert pair.world.writers() == ["a"]


async def test_an_order_that_is_taken_back_before_anything_stopped_just_ends() -> None:
    pair = await ordered()
    pair.world.cut("a", "b")
    pair.let_pass(30.0)
    await pair.hold(Reason.SYNC_BEHIND)

    pair.order("a")

    await pair.run_until(lambda it: it.status.episode is None)
    assert last(pair, EpisodeKind.SWITCHOVER) == "Abandoned"
    assert pair.world.writers() == ["a"]


async def test_a_look_that_waited_says_in_the_history_how_long() -> None:
    pair = await ordered()
    pair.world.cut("a", "b")
    pair.let_pass(30.0)
    await pair.hold(Reason.SYNC_BEHIND)
    pair.let_pass(40.0)
    pair.world.heal()

    await serve(pair, "b")

    preflight = next(step for step in pair.status.history[0].steps if step.name is StepName.PREFLIGHT)
    assert preflight.seconds >= 40.0
    assert preflight.remote_commands == 0


async def test_a_final_copy_that_fails_rolls_the_switchover_back_and_a_person_repeats_it() -> None:
    pair = await mid_switchover(StepName.QUIESCE)
    pair.world.cut("a", "b")
    await pair.run_until(lambda it: it.world.writers() == ["a"])
    left = pair.status.order_not_done
    assert left is not None

    pair.world.heal()
    await pair.hold(Reason.ORDER_NOT_DONE)
    pair.say(Say.RETRY, left)

    await serve(pair, "b")
    assert pair.world.lost_records() == 0


@pytest.mark.parametrize("step", [StepName.QUIESCE, StepName.RAISE, StepName.FINAL_SYNC, StepName.DEMOTE])
async def test_a_source_that_dies_in_mid_switchover_is_failed_over(step: StepName) -> None:
    pair = await mid_switchover(step)

    pair.world.power_cut("a")

    await serve(pair, "b")
    assert last(pair, EpisodeKind.FAILOVER) == "Done"
    assert pair.status.observed_active_node == "b"


@pytest.mark.parametrize(
    "step",
    [StepName.PROMOTE, StepName.MOVE_TRAFFIC, StepName.START_SERVICES, StepName.VERIFY],
)
async def test_a_source_that_dies_after_the_promotion_does_not_matter(step: StepName) -> None:
    pair = await mid_switchover(step)

    pair.world.power_cut("a")

    await serve(pair, "b")
    assert pair.world.lost_records() == 0


async def test_an_order_for_the_active_node_is_taken_without_a_move() -> None:
    pair = await old_side_back()
    await pair.settle()
    assert pair.status.automatic_move is not None

    pair.order("b")

    await pair.settle()
    assert pair.status.observed_active_node == "b"
    assert pair.status.automatic_move is None


# ---------------------------------------------------------------- reboots


async def test_an_owner_that_reboots_is_confirmed_by_its_peer_without_the_operator() -> None:
    pair = await serving()
    history = pair.status.history

    pair.world.reboot("a")

    await pair.settle()
    assert pair.world.writers() == ["a"]
    assert pair.status.history == history


async def test_an_owner_that_reboots_without_its_peer_is_confirmed_through_the_operator() -> None:
    pair = await rebooted_alone()

    await pair.settle()

    assert last(pair, EpisodeKind.RESTART) == "Done"
    assert pair.world.writers() == ["a"]


async def test_an_owner_that_reboots_during_an_endless_rejoin_is_confirmed_all_the_same() -> None:
    pair = await old_side_back()
    pair.world.cut("a", "b")
    await pair.run_until(lambda it: is_at(it, StepName.RESYNC))

    pair.world.reboot("b")

    await pair.run_until(lambda it: it.status.history[0].kind is EpisodeKind.RESTART)
    assert pair.world.writers() == ["b"]
    pair.world.heal()
    await pair.settle()


async def test_a_standby_that_goes_away_in_mid_rejoin_is_taken_up_again_when_it_is_back() -> None:
    pair = await old_side_back()
    await pair.run_until(lambda it: is_at(it, StepName.QUARANTINE))

    pair.world.power_cut("a")

    await pair.hold(Reason.STANDBY_ABSENT)
    assert last(pair, EpisodeKind.REJOIN) == "Abandoned"
    pair.world.power_on("a")
    await pair.settle()
    assert last(pair, EpisodeKind.REJOIN) == "Done"


async def test_a_new_owner_that_reboots_before_the_old_one_rejoined_is_vouched_for_all_the_same() -> None:
    pair = await old_side_back()
    pair.world.cut("operator", "a")
    pair.world.reboot("b")
    await pair.run_until(is_confirming)
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    pair.world.heal()

    await pair.run_until(lambda it: it.status.history[0].kind is EpisodeKind.RESTART)

    assert pair.world.writers() == ["b"]
    await pair.settle()


async def test_an_owner_that_reboots_while_its_peer_is_dead_waits_for_a_person() -> None:
    pair = await serving()
    pair.world.power_cut("b")
    pair.world.reboot("a")
    await pair.run_until(lambda it: it.status.episode is not None)
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)

    pair.say(Say.CONFIRM_FENCED, episode(pair), "b")

    await serve(pair, "a")


# ---------------------------------------------------------------- what people switch off


@pytest.mark.parametrize(
    ("management", "reason"), [(Management.PAUSED, Reason.PAUSED), (Management.OBSERVE, Reason.OBSERVE_ONLY)]
)
async def test_a_pair_that_is_not_managed_begins_nothing(management: Management, reason: Reason) -> None:
    pair = await serving()
    pair.change(management=management)
    pair.order("b")

    await pair.hold(reason)
    for _ in range(10):
        await pair.turn()
    assert pair.world.writers() == ["a"]

    pair.change(management=Management.ENFORCE)
    await serve(pair, "b")


async def test_a_pause_is_taken_at_the_next_resting_point() -> None:
    pair = await mid_switchover(StepName.QUIESCE)

    pair.change(management=Management.PAUSED)

    await pair.hold(Reason.PAUSED)
    assert pair.world.writers() == ["b"]


async def test_a_resource_that_is_being_deleted_stops_nothing() -> None:
    pair = await serving()
    pair.store.delete()
    pair.order("b")

    await pair.hold(Reason.DELETING)

    assert pair.world.writers() == ["a"]
    assert pair.store.is_gone


async def test_an_operator_without_the_lease_does_nothing() -> None:
    pair = await serving()
    writes = pair.store.writes
    pair.leader.lose()
    pair.order("b")

    await pair.hold(Reason.NOT_LEADER)

    assert pair.store.writes == writes


# ---------------------------------------------------------------- names


async def test_an_unreachable_name_server_does_not_keep_the_services_down_and_is_put_right_later() -> None:
    pair = await owner_dead()
    await pair.run_until(lambda it: it.status.episode is not None)
    pair.world.is_dns_up = False
    await pair.run_until(
        lambda it: it.status.active_node == "b" and it.status.episode is None and it.world.nodes["b"].running != set()
    )
    assert next(iter(pair.world.names.values())) == pair.world.nodes["a"].address

    pair.world.is_dns_up = True

    await serve(pair, "b")
    await pair.run_until(lambda it: it.status.history[0].kind is EpisodeKind.REPAIR)
    assert next(iter(pair.world.names.values())) == pair.world.nodes["b"].address


# ---------------------------------------------------------------- brakes


async def test_an_outage_without_automatic_failover_only_says_so() -> None:
    pair = Pair(pair_spec(failover=BY_HAND))
    await pair.settle()
    pair.world.power_cut("a")

    await pair.hold(Reason.AUTOMATIC_DISABLED)

    pair.order("b")
    await serve(pair, "b")


async def test_a_second_automatic_failover_waits_for_an_acknowledgement_of_the_first() -> None:
    pair = await old_side_back()
    await pair.settle()
    first = pair.status.automatic_move
    assert first is not None
    pair.world.power_cut("b")
    await pair.hold(Reason.RECENT_AUTOMATIC_MOVE)

    pair.say(Say.ACKNOWLEDGE, first.episode)

    await serve(pair, "a")


async def test_a_fresh_leader_fails_nothing_over() -> None:
    pair = await owner_dead()
    await pair.hold(Reason.NOT_DOWN_LONG_ENOUGH)
    assert pair.status.episode is None
