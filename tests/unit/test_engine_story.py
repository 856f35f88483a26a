"""The life of a pair in memory, from its first activation to the way back after a failover."""

from __future__ import annotations

from maestro_operator.model.pair import Say
from maestro_operator.model.status import State
from support.worlds import Pair, is_settled


def settled_on(node: str):
    return lambda pair: pair.status.active_node == node and pair.status.episode is None and is_settled(pair)


async def test_a_pair_is_activated_switched_failed_over_rejoined_and_handed_back() -> None:
    pair = Pair()

    await pair.run_until(settled_on("a"))
    assert pair.world.writers() == ["a"]
    assert pair.status.state is State.ACTIVE

    pair.order("b")
    await pair.run_until(settled_on("b"))
    assert pair.world.writers() == ["b"]
    assert pair.world.lost_records() == 0

    pair.world.power_cut("b")
    await pair.run_until(lambda it: it.status.active_node == "a" and it.world.writers() == ["a"])
    lost = pair.world.lost_records()
    await pair.run_until(lambda it: it.status.episode is None)

    pair.world.power_on("b")
    await pair.run_until(settled_on("a"))
    failover = next(entry for entry in pair.status.history if entry.kind == "Failover")

    pair.say(Say.HAND_BACK, failover.id)
    await pair.run_until(settled_on("b"))
    assert pair.world.writers() == ["b"]
    assert pair.world.lost_records() == lost
    assert pair.world.moments_with_two_writers == []
