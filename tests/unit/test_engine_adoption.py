"""A pair whose status says nothing, or less than the nodes know: the last good owner leads, or a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from maestro_operator.drivers.memory.guard_twin import NEVER, taken, yielded
from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import is_at, mid_switchover, old_side_back, ordered, owner_dead, serving
from support.worlds import Killed, Pair

pytestmark = pytest.mark.unit


def served_by(pair: Pair, node: str) -> bool:
    return pair.status.active_node == node and pair.status.episode is None and pair.world.writers() == [node]


def result(pair: Pair, kind: EpisodeKind) -> str:
    return next(item.result for item in pair.status.history if item.kind is kind)


async def unknown(pair: Pair, status: Mapping[str, Any] | None = None) -> None:
    """Puts an older status back, or none, under a new operator."""
    pair.store.restore(status or {})
    pair.restart_operator()


def discovery(pair: Pair, gone: str) -> str:
    """Returns the id by which a person may speak of the discovery beside an unreadable node."""
    last = pair.recorder.decided[-1].decision
    word = getattr(last, "message", "").partition("episode: ")[2].partition(",")[0]
    assert word.startswith(f"discover-{gone}-")
    return str(word)


# ---------------------------------------------------------------- one stopped, the other unreadable


async def stopped_beside(gone: str) -> Pair:
    """Returns a pair without status, of which one node is off and the other one, just booted, is stopped."""
    pair = await serving()
    left = "b" if gone == "a" else "a"
    pair.world.power_cut(gone)
    pair.world.reboot(left)
    await unknown(pair)
    await pair.hold(Reason.WAIT_FOR_USER)
    assert pair.world.writers() == []
    return pair


async def test_a_standby_beside_an_owner_that_is_gone_takes_over_on_a_persons_word() -> None:
    pair = await stopped_beside("a")
    pair.change(active_node="b")

    pair.say(Say.FAIL_OVER, discovery(pair, "a"))

    await pair.run_until(lambda it: served_by(it, "b"))
    assert result(pair, EpisodeKind.FAILOVER) == "Done"
    pair.world.power_on("a")
    await pair.settle()
    assert pair.world.moments_with_two_writers == []


async def test_a_persons_word_that_the_owner_is_off_also_serves_as_the_proof() -> None:
    pair = await stopped_beside("a")
    pair.world.devices["a"] = "dead"

    pair.say(Say.CONFIRM_FENCED, discovery(pair, "a"), "a")

    await pair.run_until(lambda it: served_by(it, "b"))
    entry = next(item for item in pair.status.history if item.kind is EpisodeKind.FAILOVER)
    assert entry.proof is not None
    assert entry.proof.method == "Human"


async def test_a_discovered_failover_is_no_order_and_follows_none_of_last_month() -> None:
    pair = await stopped_beside("a")
    pair.say(Say.FAIL_OVER, discovery(pair, "a"))
    await pair.run_until(lambda it: served_by(it, "b"))

    pair.world.power_on("a")
    await pair.settle()

    assert pair.store.spec.active_node == "a"
    assert served_by(pair, "b")
    assert next(item.status for item in pair.status.conditions if item.type == "ActiveNodeOverridden") == "True"


async def test_the_last_owner_beside_a_standby_that_is_gone_is_adopted_with_its_own_data() -> None:
    pair = await stopped_beside("b")

    pair.say(Say.CONFIRM_FENCED, discovery(pair, "b"), "b")
    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.kind is EpisodeKind.RESTART)
    assert result(pair, EpisodeKind.ADOPT) == "Done"
    assert pair.status.episode is not None
    pair.say(Say.CONFIRM_FENCED, pair.status.episode.id, "b")

    await pair.run_until(lambda it: served_by(it, "a"))
    assert pair.world.lost_records() == 0
    pair.world.power_on("b")
    await pair.settle()
    assert pair.world.moments_with_two_writers == []


async def test_a_stopped_node_without_a_guards_state_cannot_be_brought_up_blindly() -> None:
    pair = await serving()
    pair.world.power_cut("a")
    pair.world.nodes["b"].guard = NEVER
    await unknown(pair)

    held = await pair.hold(Reason.WAIT_FOR_USER)

    assert "discover" not in held.message


async def test_a_node_that_is_cut_off_and_runs_is_never_joined_by_a_second_one() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")
    await unknown(pair)
    await pair.hold(Reason.WAIT_FOR_USER)

    pair.world.devices["a"] = "denying"
    pair.say(Say.FAIL_OVER, discovery(pair, "a"))
    await pair.hold(Reason.FENCE_UNPROVEN)

    assert pair.world.writers() == ["a"]
    assert pair.world.moments_with_two_writers == []


# ---------------------------------------------------------------- a status from an hour ago


async def test_an_episode_that_is_long_done_in_a_restored_status_ends_and_the_owner_is_discovered() -> None:
    pair = await mid_switchover(StepName.QUIESCE)
    old = pair.store.status
    await pair.settle()
    assert served_by(pair, "b")
    effects: list[str] = []
    await unknown(pair, old)
    pair.after_effect = effects.append

    await pair.run_until(lambda it: it.status.episode is None or it.status.episode.kind is EpisodeKind.ADOPT)
    assert effects == []
    await pair.settle()

    assert served_by(pair, "b")
    assert pair.world.moments_with_two_writers == []
    assert pair.world.lost_records() == 0


@pytest.mark.parametrize("step", [StepName.RAISE, StepName.FINAL_SYNC, StepName.DEMOTE])
async def test_every_restored_step_of_a_switchover_that_was_taken_back_since_is_left_alone(step: StepName) -> None:
    pair = await mid_switchover(step)
    old = pair.store.status
    pair.order("a")
    await pair.settle()
    assert served_by(pair, "a")
    await unknown(pair, old)

    await pair.settle()

    assert served_by(pair, "a")
    assert pair.world.moments_with_two_writers == []


async def test_a_failover_in_a_restored_status_fences_nobody_that_came_back_since() -> None:
    pair = await owner_dead()
    await pair.run_until(lambda it: is_at(it, StepName.FENCE))
    old = pair.store.status
    await pair.run_until(lambda it: served_by(it, "b"))
    pair.world.power_on("a")
    await pair.settle()
    await unknown(pair, old)

    await pair.hold(Reason.WAIT_FOR_USER)

    assert pair.world.nodes["a"].is_on
    assert pair.world.writers() == ["b"]
    pair.order("b")
    await pair.settle()
    assert served_by(pair, "b")


async def test_a_restored_status_that_is_older_than_a_rollback_leaves_the_owner_alone() -> None:
    pair = await ordered()
    old = pair.store.status
    await pair.run_until(lambda it: is_at(it, StepName.FINAL_SYNC))
    pair.order("a")
    await pair.settle()
    await unknown(pair, old)

    await pair.settle()

    assert served_by(pair, "a")


async def test_a_promise_of_an_episode_that_no_status_knows_is_renewed_over() -> None:
    pair = await serving()
    old = pair.store.status
    pair.order("b")
    await pair.run_until(lambda it: is_at(it, StepName.FINAL_SYNC))
    pair.order("a")
    await unknown(pair, old)

    await pair.settle()

    assert served_by(pair, "a")
    assert result(pair, EpisodeKind.RENEW) == "Done"
    assert pair.world.lost_records() == 0


async def test_answers_that_stand_in_the_spec_at_a_discovery_are_never_taken_afterwards() -> None:
    pair = await old_side_back()
    old = pair.store.status
    await pair.settle()
    failover = next(item for item in pair.status.history if item.kind is EpisodeKind.FAILOVER)
    pair.order("b")
    await pair.settle()
    pair.order("a")
    await pair.settle()
    pair.say(Say.HAND_BACK, failover.id)
    await unknown(pair, old)

    await pair.settle()

    assert ("HandBack", failover.id) in [(item.say, item.episode) for item in pair.status.taken_answers]
    assert served_by(pair, "a")


async def test_a_node_that_was_promoted_without_its_data_does_not_lead_over_the_one_that_has_them() -> None:
    pair = await mid_switchover(StepName.DEMOTE)
    new = pair.world.nodes["b"]

    def kill(_verb: str) -> None:
        if new.guard.owns(new.guard.inforce_epoch) and new.promoted is None:
            raise Killed

    pair.after_effect = kill
    await pair.run_until(lambda it: it.kills == 1)
    pair.after_effect = lambda _verb: None
    await unknown(pair)
    pair.change(active_node="a")
    pair.world.nodes["a"].booted_at_seconds -= 600.0

    await pair.settle()

    assert served_by(pair, "a")
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []


# ---------------------------------------------------------------- root did it


def take(pair: Pair, node: str) -> None:
    """Does what root's `maestro-guard take` does, the peer being off."""
    there = pair.world.nodes[node]
    there.guard = taken(there.guard, boot=there.boot_id, peer_promised=0)
    if there.copies:
        there.records = there.copies[-1].records
    there.running |= set(there.units)


@pytest.mark.parametrize("begin", [serving, lambda: mid_switchover(StepName.RAISE)])
async def test_what_root_took_while_the_operator_was_gone_is_found_and_adopted(begin: Any) -> None:  # noqa: ANN401
    pair = await begin()
    pair.world.power_cut("a")
    take(pair, "b")
    pair.let_pass(600.0)
    pair.restart_operator()
    await pair.hold(Reason.PEER_UNREADABLE)
    assert pair.world.writers() == ["b"]

    pair.world.power_on("a")
    pair.order("b")
    await pair.settle()

    assert served_by(pair, "b")
    assert pair.world.moments_with_two_writers == []


async def test_what_root_took_against_the_declared_order_waits_for_a_person() -> None:
    pair = await serving()
    pair.world.power_cut("a")
    take(pair, "b")
    pair.world.power_on("a")
    pair.let_pass(1.0)
    pair.restart_operator()

    held = await pair.hold(Reason.WAIT_FOR_USER)

    assert "set activeNode to b" in held.message
    assert pair.world.writers() == ["b"]


async def test_an_owner_that_root_gave_up_is_left_stopped_until_a_person_decides() -> None:
    pair = await serving()
    there = pair.world.nodes["a"]
    there.guard = yielded(there.guard, boot=there.boot_id, peer="b")
    there.running.clear()
    there.booted_at_seconds -= 600.0
    held = await pair.hold(Reason.WAIT_FOR_USER)
    assert "root gave the service up" in held.message
    assert pair.world.writers() == []

    pair.order("b")

    await pair.run_until(lambda it: served_by(it, "b"))
    assert pair.world.lost_records() == 0
    await pair.settle()


# ---------------------------------------------------------------- reboots, with the operator gone


async def test_both_nodes_that_reboot_with_the_operator_gone_come_up_as_they_were() -> None:
    pair = await serving()
    pair.world.power_cut("a")
    pair.world.power_cut("b")
    pair.let_pass(600.0)
    pair.world.power_on("b")
    pair.let_pass(5.0)
    pair.world.power_on("a")
    pair.let_pass(5.0)

    assert pair.world.writers() == ["a"]

    pair.restart_operator()
    await pair.settle()
    assert served_by(pair, "a")


@pytest.mark.parametrize("first", ["a", "b"])
async def test_after_both_died_the_last_good_owner_leads_whoever_boots_first(first: str) -> None:
    pair = await old_side_back()
    await pair.settle()
    second = "b" if first == "a" else "a"
    for node in ("a", "b"):
        pair.world.power_cut(node)
    await unknown(pair)
    pair.world.power_on(first)
    pair.let_pass(60.0)
    await pair.turn()
    await pair.turn()
    assert pair.world.writers() == []

    pair.world.power_on(second)
    pair.change(active_node="b")
    await pair.settle()

    assert served_by(pair, "b")


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
async def test_a_double_failure_loses_nothing_that_was_acknowledged(order: tuple[str, str]) -> None:
    pair = await serving()
    for node in order:
        pair.world.power_cut(node)
        for _ in range(3):
            await pair.turn()
    for _ in range(20):
        await pair.turn()
    assert pair.status.active_node == "a"

    for node in order:
        pair.world.power_on(node)
        for _ in range(3):
            await pair.turn()
    await pair.settle()

    assert served_by(pair, "a")
    assert pair.world.lost_records() == 0


# ---------------------------------------------------------------- another machine in its place


def emptied(pair: Pair, name: str, *, is_equipped: bool = False) -> None:
    """Puts an empty machine in the place of a node."""
    node = pair.world.nodes[name]
    pair.world.power_cut(name)
    node.machine_id = f"machine-{name}-anew"
    node.guard, node.is_equipped, node.has_peer_key = NEVER, is_equipped, False
    node.records, node.copies, node.sent, node.promoted, node.promoted_episode = None, (), None, None, None
    node.quarantine, node.pins = {}, {}
    pair.world.power_on(name)


async def test_a_standby_that_was_replaced_by_an_empty_machine_is_made_one_again() -> None:
    pair = await serving()
    emptied(pair, "b")

    await pair.run_until(lambda it: it.status.episode is not None)
    await pair.settle()

    assert served_by(pair, "a")
    pair.order("b")
    await pair.settle()
    assert pair.world.lost_records() == 0


async def test_an_owner_that_was_replaced_by_an_empty_machine_is_told_apart_and_failed_over_by_a_person() -> None:
    pair = await serving()
    emptied(pair, "a")
    await pair.hold(Reason.STATE_LOST)
    assert pair.world.writers() == []

    pair.order("b")
    await pair.hold(Reason.DEMOTION_UNPROVEN)
    assert pair.status.episode is not None
    pair.say(Say.FAIL_OVER, pair.status.episode.id)

    await pair.run_until(lambda it: served_by(it, "b"))
    pair.world.power_on("a")
    await pair.settle()
    assert served_by(pair, "b")


async def test_a_standby_that_was_put_back_to_an_older_disk_is_not_promoted_until_it_is_synced_anew() -> None:
    pair = await serving()
    older = pair.forked().world.nodes["b"]
    for node in ("b", "a"):
        pair.order(node)
        await pair.settle()
    there = pair.world.nodes["b"]
    there.guard, there.copies, there.records = older.guard, older.copies, older.records
    pair.world.power_cut("a")

    await pair.hold(Reason.PEER_NOT_READY, max_turns=80)
    pair.say(Say.ACKNOWLEDGE, pair.status.history[0].id)
    pair.order("b")
    for _ in range(30):
        await pair.turn()

    assert pair.status.active_node == "a"
    assert pair.world.writers() == []
    pair.order("a")
    pair.world.power_on("a")
    await pair.settle()
    assert served_by(pair, "a")


async def test_an_owner_that_is_found_quiesced_is_adopted_and_started() -> None:
    pair = await mid_switchover(StepName.QUIESCE)
    await unknown(pair)
    pair.change(active_node="a")

    await pair.settle()

    assert served_by(pair, "a")
    assert pair.world.lost_records() == 0
