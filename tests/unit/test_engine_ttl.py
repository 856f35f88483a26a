"""What clients may keep is short while a switchover is under way, and as ever before and after."""

from __future__ import annotations

import pytest

from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import is_at
from support.worlds import Pair, pair_spec

pytestmark = pytest.mark.unit

EVER, LOWERED = 60, 5


async def serving_with_lowering() -> Pair:
    spec = pair_spec()
    assert spec.traffic[0].dns is not None
    config = spec.traffic[0].dns.model_copy(update={"ttl_seconds": EVER, "lowered_ttl_seconds": LOWERED})
    pair = Pair(pair_spec(traffic=(spec.traffic[0].model_copy(update={"dns": config}),)))
    await pair.settle()
    return pair


def last(pair: Pair, kind: EpisodeKind) -> dict[StepName, str]:
    entry = next(item for item in pair.status.history if item.kind is kind)
    return {step.name: step.state for step in entry.steps}


async def test_a_switchover_waits_until_no_client_knows_the_longer_time_before_anything_stops() -> None:
    pair = await serving_with_lowering()
    began = pair.clock.monotonic_seconds()

    pair.order("b")
    held = await pair.hold(Reason.TTL_RUNS_OUT)
    assert "goes on in" in held.message
    assert pair.world.ttl_seconds == LOWERED
    assert pair.world.writers() == ["a"]
    await pair.run_until(lambda pair: is_at(pair, StepName.QUIESCE))

    assert pair.clock.monotonic_seconds() - began >= EVER


async def test_after_the_switchover_the_time_to_live_is_as_ever() -> None:
    pair = await serving_with_lowering()

    pair.order("b")
    await pair.run_until(lambda pair: is_at(pair, StepName.START_SERVICES))
    assert pair.world.ttl_seconds == LOWERED
    await pair.settle()

    assert pair.world.ttl_seconds == EVER
    assert pair.status.active_node == "b"
    assert EpisodeKind.REPAIR in [entry.kind for entry in pair.status.history]


async def test_an_order_taken_back_while_it_waits_leaves_the_owner_and_the_time_as_they_were() -> None:
    pair = await serving_with_lowering()
    pair.order("b")
    await pair.hold(Reason.TTL_RUNS_OUT)

    pair.order("a")
    await pair.settle()

    assert pair.world.ttl_seconds == EVER
    assert pair.world.writers() == ["a"]


async def test_a_server_that_will_not_lower_is_left_after_three_attempts() -> None:
    pair = await serving_with_lowering()
    pair.world.is_dns_up = False

    pair.order("b")
    await pair.run_until(lambda pair: is_at(pair, StepName.QUIESCE))
    pair.world.is_dns_up = True
    await pair.settle()

    assert last(pair, EpisodeKind.SWITCHOVER)[StepName.LOWER_TTL] == "Failed"
    assert pair.status.active_node == "b"


async def test_an_operator_that_died_while_it_waited_lowers_and_waits_again() -> None:
    pair = await serving_with_lowering()
    pair.order("b")
    await pair.hold(Reason.TTL_RUNS_OUT)

    pair.restart_operator()
    await pair.settle()

    assert pair.status.active_node == "b"
    assert pair.world.ttl_seconds == EVER


async def test_a_server_that_keeps_to_the_short_time_is_not_argued_with() -> None:
    pair = await serving_with_lowering()
    pair.world.is_dns_frozen = True
    pair.world.ttl_seconds = LOWERED

    await pair.settle()
    repaired = len(pair.status.history)
    for _ in range(20):
        await pair.turn()

    assert len(pair.status.history) == repaired


async def test_a_switchover_whose_spec_lowers_nothing_does_not_wait() -> None:
    pair = Pair()
    await pair.settle()

    pair.order("b")
    await pair.settle()

    assert last(pair, EpisodeKind.SWITCHOVER)[StepName.LOWER_TTL] == "Done"
    assert not any(
        decided.decision.reason is Reason.TTL_RUNS_OUT
        for decided in pair.recorder.decided
        if hasattr(decided.decision, "reason")
    )
