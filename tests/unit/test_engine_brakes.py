"""Everything that keeps the operator from moving by itself: each with its reason, each played to its end."""

from __future__ import annotations

import pytest

from maestro_operator.model.reasons import Reason
from maestro_operator.observe.maintenance import maintenance
from support.beginnings import serving
from support.worlds import Pair, pair_spec

NOW = "2026-01-01T00:16:40.000Z"


def allowed(pair: Pair) -> tuple[str, str]:
    """Returns what the condition says of an automatic failover."""
    found = next(item for item in pair.status.conditions if item.type == "AutomaticFailoverAllowed")
    return found.status, found.reason


def maintained(until: str | None) -> dict[str, object]:
    detection = pair_spec().detection.model_copy(update={"maintenance_until": until})
    return {"detection": detection}


@pytest.mark.parametrize(
    ("until", "left"),
    [
        (None, 0.0),
        ("2026-01-01T00:16:00Z", 0.0),
        ("2026-01-01T00:17:40Z", 60.0),
        ("2026-01-01T01:17:40+01:00", 60.0),
        ("2026-01-01T00:17:40", float("inf")),
        ("tomorrow", float("inf")),
    ],
)
def test_a_maintenance_lasts_until_its_moment_and_for_ever_where_that_cannot_be_read(
    until: str | None, left: float
) -> None:
    found = maintenance(pair_spec(**maintained(until)), NOW)

    assert (found.left_seconds if found is not None else 0.0) == left


async def test_an_owner_that_is_down_in_a_maintenance_is_failed_over_only_when_that_is_over() -> None:
    pair = await serving()
    pair.change(**maintained("2026-01-01T00:17:05Z"))
    pair.world.power_cut("a")

    await pair.hold(Reason.MAINTENANCE)
    assert allowed(pair) == ("False", "Maintenance")
    assert pair.status.episode is None

    await pair.run_until(lambda it: it.status.active_node == "b")
    assert pair.clock.now() > "2026-01-01T00:17:05"


async def test_an_order_in_a_maintenance_is_carried_out() -> None:
    pair = await serving()
    pair.change(**maintained("2026-01-01T12:00:00Z"))

    pair.order("b")

    await pair.settle()
    assert pair.world.writers() == ["b"]


async def braked(pair: Pair, reason: Reason) -> None:
    """Takes turns with the owner dead; asserts that nothing moves, and that the condition says why."""
    await pair.hold(reason, max_turns=80)
    for _ in range(20):
        await pair.turn()
    assert (pair.status.active_node, pair.status.episode) == ("a", None)
    assert allowed(pair) == ("False", reason.value)


async def test_most_pairs_that_fall_silent_together_are_the_observers_own_trouble() -> None:
    pair = await serving()
    pair.census.note("another", is_silent=True)
    pair.world.power_cut("a")
    await braked(pair, Reason.TOO_MANY_AT_ONCE)

    pair.census.note("another", is_silent=False)

    await pair.run_until(lambda it: it.status.active_node == "b")


async def test_an_order_passes_where_most_pairs_fell_silent() -> None:
    pair = await serving()
    pair.census.note("another", is_silent=True)
    pair.world.power_cut("a")
    await braked(pair, Reason.TOO_MANY_AT_ONCE)

    pair.order("b")

    await pair.run_until(lambda it: it.status.active_node == "b")


async def test_a_pair_that_is_gone_is_counted_no_more() -> None:
    pair = await serving()
    await pair.turn()
    assert (pair.census.known, pair.census.silent) == (1, 0)

    pair.store.is_gone = True
    pair.loop.wake()
    await pair.loop.run()

    assert pair.census.known == 0


async def test_an_owner_that_could_not_be_fenced_is_not_failed_over_by_itself() -> None:
    pair = await serving()
    pair.world.devices["a"] = "dead"
    pair.let_pass(61.0)
    for _ in range(3):
        await pair.turn()
    pair.world.power_cut("a")

    await braked(pair, Reason.FENCING_NOT_READY)


async def test_a_survivor_that_is_not_able_is_not_promoted_by_itself() -> None:
    pair = await serving()
    pair.world.nodes["b"].copies = ()
    pair.world.power_cut("a")

    await braked(pair, Reason.PEER_NOT_READY)


async def test_a_copy_over_the_budget_is_not_promoted_by_itself() -> None:
    pair = await serving()
    pair.world.cut("a", "b")
    pair.let_pass(130.0)
    pair.world.power_cut("a")

    await braked(pair, Reason.COPY_OVER_BUDGET)


async def test_a_node_that_one_vantage_point_sees_alive_is_not_down() -> None:
    pair = await serving()
    pair.world.cut("operator", "a")

    await braked(pair, Reason.SEEN_ALIVE)


async def test_a_node_that_only_one_vantage_point_sees_is_not_down() -> None:
    pair = await serving()
    pair.world.isolate("a")
    pair.world.cut("operator", "b")

    await pair.hold(Reason.TOO_FEW_VOTES)
    for _ in range(20):
        await pair.turn()
    assert pair.status.episode is None


async def test_an_operator_that_has_just_begun_to_lead_moves_nothing_by_itself() -> None:
    pair = await serving()
    pair.world.power_cut("a")
    await pair.run_until(lambda it: it.holds(Reason.NOT_DOWN_LONG_ENOUGH))
    pair.leader.since_seconds = pair.clock.monotonic_seconds() + 30.0

    await braked(pair, Reason.LEADERSHIP_TOO_YOUNG)


async def test_a_pair_that_is_not_a_standby_any_more_says_so_before_anything_relies_on_it() -> None:
    pair = await serving()
    await pair.turn()
    pair.world.power_cut("b")

    await pair.hold(Reason.STANDBY_ABSENT)

    found = {item.type: (item.status, item.reason) for item in pair.status.conditions}
    assert found["DataInSync"] == ("False", "StandbyAbsent")
    assert found["PeerReady"] == ("False", "PeerNotReady")
    assert found["AutomaticFailoverAllowed"][0] == "False"
    assert pair.status.replication is not None
    assert pair.status.replication.in_sync is False
    written = pair.world.acknowledged
    await pair.turn()
    assert pair.world.acknowledged > written
