"""While all is well the nodes are read seldom and probed often; on suspicion, and before any act, both are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_operator.model.decision import Steady
from maestro_operator.model.seen import NodeSeen, Unknown
from support.worlds import Pair, pair_spec

if TYPE_CHECKING:
    from maestro_operator.model.pair import PairSpec

pytestmark = pytest.mark.unit
PERIODS = 3


def restful() -> PairSpec:
    spec = pair_spec()
    return spec.model_copy(update={"detection": spec.detection.model_copy(update={"full_look_periods": PERIODS})})


async def at_rest() -> Pair:
    """A pair at rest right after both nodes were read."""
    pair = Pair(restful())
    await pair.settle()
    for _ in range(20):
        before = uptime(pair)
        await pair.turn()
        if uptime(pair) != before:
            return pair
    raise AssertionError("no turn read the nodes")


def uptime(pair: Pair, name: str = "a") -> float | None:
    """What the last turn had of a node that changes with every reading."""
    node = pair.recorder.seen[-1].nodes[name]
    return node.uptime_seconds if isinstance(node, NodeSeen) else None


async def test_a_pair_at_rest_is_read_once_in_so_many_periods_and_probed_in_each() -> None:
    pair = await at_rest()
    readings, looks, asked = [uptime(pair)], [], pair.world.commands

    for _ in range(2 * PERIODS):
        await pair.turn()
        readings.append(uptime(pair))
        looks += [vote.times for vote in pair.recorder.seen[-1].votes if vote.vantage_point == "operator"]

    assert len(set(readings)) == PERIODS
    assert looks == list(range(looks[0], looks[0] + 2 * PERIODS))
    # Two full looks: two readings and one question to the peer each.
    assert pair.world.commands - asked < 2 * PERIODS * 2


async def test_what_anybody_finds_unwell_is_read_in_the_same_turn() -> None:
    pair = await at_rest()
    before = uptime(pair)
    pair.world.nodes["a"].running.clear()

    await pair.turn()

    assert uptime(pair) != before
    assert not pair.recorder.seen[-1].nodes["a"].runs(unit.name for unit in pair.recorder.seen[-1].nodes["a"].units)  # type: ignore[union-attr]


async def test_an_order_is_never_taken_on_readings_of_an_earlier_turn() -> None:
    pair = await at_rest()
    before = uptime(pair)
    pair.order("b")

    await pair.turn()

    assert uptime(pair) != before


async def test_a_turn_that_would_do_something_looks_again_first() -> None:
    pair = await at_rest()
    before = uptime(pair)
    pair.world.names = dict.fromkeys(pair.world.names, pair.world.nodes["b"].address)

    decided = await pair.turn()

    assert decided is not None
    assert not isinstance(decided.decision, Steady)
    assert uptime(pair) != before


async def test_a_standby_that_falls_silent_is_noticed_within_those_periods() -> None:
    pair = await at_rest()
    pair.world.cut("operator", "b")

    for _ in range(PERIODS):
        await pair.turn()

    assert isinstance(pair.recorder.seen[-1].nodes["b"], Unknown)


async def test_a_pair_whose_active_node_only_its_peer_looks_at_is_read_every_time() -> None:
    spec = restful()
    points = tuple(point for point in spec.detection.vantage_points if point.peer is not None)
    pair = Pair(spec.model_copy(update={"detection": spec.detection.model_copy(update={"vantage_points": points})}))
    await pair.settle()

    readings = []
    for _ in range(PERIODS):
        await pair.turn()
        readings.append(uptime(pair))

    assert len(set(readings)) == PERIODS
