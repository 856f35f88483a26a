"""What people do to the resource in mid-episode: it goes on with what it froze, and the same spec is nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from maestro_operator.model.outcome import Outcome
from maestro_operator.model.pair import FencingDevice, Management, PairSpec, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.status import FrozenNode, PairStatus
from maestro_operator.model.steps import StepName
from support.beginnings import is_at, mid_switchover, ordered, owner_dead, rebooted_alone, serving
from support.kills.stories import STORIES, is_at_rest
from support.worlds import Pair, pair_spec

pytestmark = pytest.mark.unit

AGAIN = 100


def served_by(pair: Pair, node: str) -> bool:
    return pair.status.active_node == node and pair.status.episode is None and pair.world.writers() == [node]


def with_node(name: str, **changes: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Returns the nodes of the spec with one of them changed."""
    return tuple(item.model_copy(update=changes) if item.name == name else item for item in pair_spec().nodes)


def other_machine(name: str) -> tuple[Any, ...]:
    """Returns the nodes of the spec, one of them with the fence device of another machine."""
    rungs = tuple(
        rung.model_copy(update={"devices": (FencingDevice(agent="fence_ipmilan", identity="machine-of-a-stranger"),)})
        if rung.devices
        else rung
        for rung in pair_spec().node(name).fencing
    )
    return with_node(name, fencing=rungs)


# ---------------------------------------------------------------- the same again


async def told(pair: Pair, owner: str, *, times: int) -> tuple[list[str], list[Mapping[str, Any]]]:
    """Lets a story end while the same spec is applied so often before every turn; returns effects and statuses."""
    effects: list[str] = []
    written: list[Mapping[str, Any]] = []
    pair.after_effect = effects.append
    pair.store.after_write = written.append
    same = PairSpec.model_validate(pair.store.spec.to_resource())
    for _ in range(400):
        for _ in range(times):
            pair.store.apply(same)
            pair.loop.wake()
        await pair.turn()
        if served_by(pair, owner) and is_at_rest(pair):
            return effects, written
    raise AssertionError("the story has no end")


@pytest.mark.parametrize("name", STORIES)
async def test_the_same_spec_applied_a_hundred_times_in_every_turn_changes_nothing(name: str) -> None:
    story = STORIES[name]
    begun = await story.begin()
    once, often = (Pair(world=fork.world, store=fork.store) for fork in (begun.forked(), begun.forked()))

    expected = await told(once, story.owner, times=0)
    found = await told(often, story.owner, times=AGAIN)

    assert found == expected
    assert PairStatus.model_validate(often.store.status) == PairStatus.model_validate(once.store.status)


# ---------------------------------------------------------------- the target is frozen


async def test_another_fence_device_in_the_spec_redirects_no_fence_under_way() -> None:
    pair = await owner_dead()
    await pair.run_until(lambda it: it.status.episode is not None)
    asked: list[FrozenNode] = []
    off = pair.drivers.fencing.off

    async def recorded(node: FrozenNode, **options: Any) -> Outcome:  # noqa: ANN401
        asked.append(node)
        return await off(node, **options)

    pair.drivers.fencing.off = recorded  # type: ignore[method-assign]
    pair.change(nodes=other_machine("a"))

    await pair.run_until(lambda it: served_by(it, "b"))

    cut = {device.identity for node in asked for rung in node.fencing for device in rung.devices}
    assert cut == {"machine-a"}


async def test_another_address_in_the_spec_moves_the_names_of_an_episode_under_way_nowhere_else() -> None:
    pair = await mid_switchover(StepName.DEMOTE)
    before = pair.world.nodes["b"].address
    moved: set[str] = set()

    def note(_verb: str) -> None:
        moved.update(pair.world.names.values())

    pair.after_effect = note
    pair.change(nodes=with_node("b", address="10.77.0.99"))
    await pair.run_until(lambda it: it.status.episode is None)

    assert moved <= {before, pair.world.nodes["a"].address}
    pair.world.nodes["b"].address = "10.77.0.99"
    await pair.settle()
    assert set(pair.world.names.values()) == {"10.77.0.99"}


EDITS: Mapping[str, Mapping[str, Any]] = {
    "a fence device": {"nodes": other_machine("a")},
    "an observer": {"management": Management.OBSERVE},
    "a pause": {"management": Management.PAUSED},
    "the services": {"services": pair_spec().services[:1]},
    "the checks": {"verification": ()},
    "the budget": {"failover": pair_spec().failover.model_copy(update={"max_data_loss_seconds": 600})},
}


@pytest.mark.parametrize("step", [StepName.QUIESCE, StepName.DEMOTE, StepName.PROMOTE, StepName.START_SERVICES])
@pytest.mark.parametrize("what", EDITS)
async def test_an_edit_in_mid_switchover_never_makes_two_writers_and_leaves_one(what: str, step: StepName) -> None:
    pair = await mid_switchover(step)

    pair.change(**EDITS[what])
    await pair.run_until(lambda it: it.status.episode is None)

    assert pair.status.active_node == "b"
    assert pair.world.nodes["b"].running
    assert not pair.world.nodes["a"].running
    assert pair.world.moments_with_two_writers == []
    assert pair.world.lost_records() in (0, pair.world.acknowledged)


# ---------------------------------------------------------------- resting points


def deleted(pair: Pair) -> None:
    pair.store.delete()
    pair.loop.wake()


def paused(pair: Pair) -> None:
    pair.change(management=Management.PAUSED)


def observed(pair: Pair) -> None:
    pair.change(management=Management.OBSERVE)


RESTS: Mapping[str, tuple[Callable[[Pair], None], Reason]] = {
    "deleted": (deleted, Reason.DELETING),
    "paused": (paused, Reason.PAUSED),
    "observed": (observed, Reason.OBSERVE_ONLY),
}


@pytest.mark.parametrize("step", [StepName.QUIESCE, StepName.FINAL_SYNC, StepName.PROMOTE, StepName.MOVE_TRAFFIC])
@pytest.mark.parametrize("what", RESTS)
async def test_a_pair_rests_only_where_one_node_serves(what: str, step: StepName) -> None:
    rest, reason = RESTS[what]
    pair = await mid_switchover(step)

    rest(pair)
    await pair.run_until(lambda it: it.status.episode is None)
    writes = pair.world.acknowledged

    assert pair.world.writers() == ["b"]
    assert pair.world.lost_records() == 0
    pair.let_pass(1.0)
    assert pair.world.acknowledged > writes
    if what != "deleted":
        await pair.hold(reason)


@pytest.mark.parametrize("what", ["paused", "observed"])
async def test_an_order_that_has_had_no_effect_yet_is_taken_up_again_after_the_rest(what: str) -> None:
    rest, reason = RESTS[what]
    pair = await ordered()
    pair.world.cut("a", "b")
    pair.let_pass(30.0)
    await pair.hold(Reason.SYNC_BEHIND)

    rest(pair)
    await pair.hold(reason)
    assert pair.status.episode is None
    assert pair.world.writers() == ["a"]
    assert pair.status.order_not_done is None

    pair.world.heal()
    pair.change(management=Management.ENFORCE)
    await pair.settle()
    assert served_by(pair, "b")


async def test_a_pair_that_is_only_observed_plans_and_touches_nothing() -> None:
    pair = await serving()
    effects: list[str] = []
    pair.after_effect = effects.append
    pair.change(management=Management.OBSERVE)
    await pair.hold(Reason.OBSERVE_ONLY)
    assert pair.status.plan == "would do nothing: a serves"

    pair.order("b")
    await pair.turn()
    assert pair.status.plan == "would begin: Switchover to b begins: Ordered"

    pair.world.power_cut("b")
    await pair.turn()
    await pair.turn()
    assert pair.status.plan is not None
    assert pair.status.plan.startswith("would hold, TargetUnreadable")
    assert effects == []


# ---------------------------------------------------------------- a journal that nobody wrote


Spoil = Callable[[dict[str, Any]], None]


def _foreign_step(episode: dict[str, Any]) -> None:
    episode["step"] = "Fence"


def _foreign_record(episode: dict[str, Any]) -> None:
    episode["steps"][0]["name"] = "Resync"


def _foreign_node(episode: dict[str, Any]) -> None:
    episode["source"] = "c"


def _nothing_frozen(episode: dict[str, Any]) -> None:
    episode["frozen"] = []


@pytest.mark.parametrize("spoil", [_foreign_step, _foreign_record, _foreign_node, _nothing_frozen])
async def test_a_journal_that_no_operator_wrote_holds_with_a_way_out(spoil: Spoil) -> None:
    pair = await mid_switchover(StepName.RAISE)
    effects: list[str] = []
    spoiled = PairStatus.model_validate(pair.store.status).to_resource()
    spoil(spoiled["episode"])  # type: ignore[arg-type]
    pair.store.restore(spoiled)
    pair.restart_operator()
    pair.after_effect = effects.append

    held = await pair.hold(Reason.STRANGE_JOURNAL)
    assert "status.episode" in held.message
    assert effects == []

    pair.store.restore({key: value for key, value in pair.store.status.items() if key != "episode"})
    pair.order("a")
    await pair.settle()
    assert served_by(pair, "a")
    assert pair.world.moments_with_two_writers == []


# ---------------------------------------------------------------- a service that fails on a living node


async def crashed() -> Pair:
    """Returns a pair served by a, one of whose services failed and stays so."""
    pair = await serving()
    pair.world.nodes["a"].running.discard("maestro.service")
    return pair


async def test_a_service_that_fails_on_a_living_node_is_no_outage_and_an_order_moves_it() -> None:
    pair = await crashed()
    held = await pair.hold(Reason.SERVICE_DOWN)
    assert "a lives" in held.message
    for _ in range(30):
        await pair.turn()
    assert pair.status.episode is None

    pair.order("b")

    await pair.settle()
    assert served_by(pair, "b")
    assert pair.world.lost_records() == 0
    assert pair.world.nodes["a"].is_on


def failing(pair: Pair, verb: str, *, node: str) -> Callable[[], None]:
    """Makes a verb of the node port fail on one node; returns how to mend it."""
    real: Callable[..., Awaitable[Outcome]] = getattr(pair.drivers.nodes, verb)

    async def broken(there: FrozenNode, *arguments: Any, **options: Any) -> Outcome:  # noqa: ANN401
        if there.name != node:
            return await real(there, *arguments, **options)
        from maestro_operator.model.outcome import Failed  # noqa: PLC0415

        return Failed(Reason.COMMAND_FAILED, f"mariadb on {node} does not {verb}")

    setattr(pair.drivers.nodes, verb, broken)
    return lambda: setattr(pair.drivers.nodes, verb, real)


async def test_a_database_that_will_not_stop_sends_the_order_back_until_a_person_has_it_fenced() -> None:
    pair = await serving()
    failing(pair, "stop", node="a")
    pair.order("b")

    await pair.hold(Reason.ORDER_NOT_DONE)
    left = pair.status.order_not_done
    assert left is not None
    assert pair.world.moments_with_two_writers == []
    assert served_by(pair, "a")

    pair.say(Say.FAIL_OVER, left)

    await pair.run_until(lambda it: served_by(it, "b"))
    assert not pair.world.nodes["a"].is_on
    assert pair.world.moments_with_two_writers == []


async def test_a_person_may_give_up_an_old_side_whose_database_will_not_stop() -> None:
    pair = await serving()
    failing(pair, "stop", node="a")
    pair.order("b")
    await pair.run_until(lambda it: is_at(it, StepName.QUIESCE))
    assert pair.status.episode is not None

    pair.say(Say.FAIL_OVER, pair.status.episode.id)

    await pair.run_until(lambda it: served_by(it, "b"))
    assert pair.world.moments_with_two_writers == []


async def test_a_service_that_will_not_start_on_the_new_owner_holds_and_starts_once_it_is_mended() -> None:
    pair = await mid_switchover(StepName.MOVE_TRAFFIC)
    mend = failing(pair, "start", node="b")
    held = await pair.hold(Reason.COMMAND_FAILED)
    assert "mariadb on b" in held.message
    for _ in range(20):
        await pair.turn()
    assert pair.world.writers() == []

    mend()

    await pair.run_until(lambda it: served_by(it, "b"))
    assert pair.world.lost_records() == 0


async def test_services_that_will_not_start_on_the_new_owner_are_ordered_back_without_loss() -> None:
    pair = await mid_switchover(StepName.MOVE_TRAFFIC)
    failing(pair, "start", node="b")
    await pair.hold(Reason.COMMAND_FAILED)

    pair.order("a")

    await pair.run_until(lambda it: served_by(it, "a"))
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []


async def test_services_that_will_not_start_after_a_reboot_are_ordered_to_the_standby() -> None:
    pair = await rebooted_alone()
    failing(pair, "start", node="a")
    await pair.hold(Reason.COMMAND_FAILED)
    pair.world.heal()
    pair.let_pass(20.0)

    pair.order("b")

    await pair.run_until(lambda it: served_by(it, "b"))
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []


async def test_services_that_will_not_start_are_tried_on_while_the_ordered_node_is_not_able() -> None:
    pair = await rebooted_alone()
    mend = failing(pair, "start", node="a")
    await pair.hold(Reason.COMMAND_FAILED)
    pair.world.nodes["b"].copies = ()

    pair.order("b")
    for _ in range(30):
        await pair.turn()
    mend()

    await pair.run_until(lambda it: it.world.writers() == ["a"])
