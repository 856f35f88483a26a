"""The life of a pair in memory whose product replicates itself: what its standby is believed, and what it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_operator.drivers.memory.product import ProductWorld
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.commanding import Command, DemoteProgram, LagProgram, PromoteProgram, StatusProgram
from maestro_operator.model.pair import Replication
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind
from support.worlds import ADDRESSES, UNITS, Pair, is_settled, killed_once_after, pair_spec

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "/usr/local/lib/product/ask"
PRODUCT = Replication(
    command=Command(
        data="/var/lib/product",
        standby_unit="product-standby.service",
        interval_seconds=10,
        status=StatusProgram(program=PROGRAM, arguments=("status",)),
        lag=LagProgram(program=PROGRAM, arguments=("lag",)),
        promote=PromoteProgram(program=PROGRAM, arguments=("promote",)),
        demote=DemoteProgram(program=PROGRAM, arguments=("demote",)),
    )
)


def replicating() -> tuple[Pair, ProductWorld]:
    world = ProductWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
    return Pair(pair_spec(replication=PRODUCT), world=world), world


def settled_on(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None and is_settled(pair)


def settled_on_alone(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None


def is_behind(pair: Pair) -> bool:
    assessment = pair.recorder.decided[-1].assessment if pair.recorder.decided else None
    return assessment is not None and assessment.out_of_sync is not None


async def test_a_pair_is_activated_and_switched_without_loss_and_back() -> None:
    pair, world = replicating()
    await pair.run_until(settled_on("a"))

    for node in ("b", "a"):
        pair.order(node)
        await pair.run_until(settled_on(node))
        assert (world.writers(), set(world.following), world.lost_records()) == ([node], {"a", "b"} - {node}, 0)

    assert world.acknowledged > 0
    assert world.moments_with_two_writers == []
    assert [node.quarantine for node in world.nodes.values()] == [{}, {}]


async def test_a_failover_declares_at_least_what_was_lost_and_the_old_owner_s_data_are_kept_aside() -> None:
    pair, world = replicating()
    await pair.run_until(settled_on("a"))
    world.cut("a", "b")
    for _ in range(3):
        world.clock.pass_seconds(1.0)
        assert world.write()
    written = world.nodes["a"].records
    world.power_cut("a")
    world.heal()

    await pair.run_until(settled_on_alone("b"))

    moved = next(item for item in pair.status.history if item.kind is EpisodeKind.FAILOVER)
    assert world.lost_records() == 3
    assert (moved.declared_loss_seconds or 0) > 3.0
    world.power_on("a")
    await pair.run_until(settled_on("b"))
    assert list(world.nodes["a"].quarantine.values()) == [written]
    assert world.moments_with_two_writers == []


async def test_a_standby_that_does_not_say_for_certain_what_it_is_is_not_promoted() -> None:
    pair, world = replicating()
    await pair.run_until(settled_on("a"))
    world.mute.add("b")
    world.power_cut("a")

    await pair.hold(Reason.PEER_NOT_READY, max_turns=200)

    assert (pair.status.active_node, world.writers()) == ("a", [])
    world.mute.clear()
    await pair.run_until(settled_on_alone("b"))


async def test_a_lost_standby_costs_the_owner_nothing_and_comes_back_by_itself() -> None:
    pair, world = replicating()
    await pair.run_until(settled_on("a"))
    world.power_cut("b")
    before = world.acknowledged

    await pair.run_until(lambda it: is_behind(it) and world.acknowledged > before + 3)
    world.power_on("b")
    await pair.run_until(settled_on("a"))

    assert world.following["b"].records == world.nodes["a"].records
    assert world.moments_with_two_writers == []


async def test_a_returning_standby_that_wrote_nothing_keeps_its_data() -> None:
    pair, world = replicating()
    await pair.run_until(settled_on("a"))
    standby = world.following["b"]
    world.reboot("b")

    await pair.run_until(settled_on("a"))

    assert world.following["b"] is standby
    assert world.nodes["b"].quarantine == {}


@pytest.mark.parametrize("verb", ["final_sync", "promote", "reverse"])
async def test_an_operator_that_is_killed_right_after_an_effect_goes_on(verb: str) -> None:
    pair, world = replicating()
    await pair.run_until(settled_on("a"))
    left = killed_once_after(pair, verb)

    pair.order("b")
    await pair.run_until(settled_on("b"))

    assert (pair.kills, left) == (1, [])
    assert (world.writers(), world.lost_records(), world.moments_with_two_writers) == (["b"], 0, [])
