"""The life of a pair on one shared disk in memory: held by the owner alone, taken only after the other side is out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_operator.drivers.memory.sharing import Hold, SharedWorld
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.pair import Automatic, Failover, FencingDevice, FencingRung, Replication
from maestro_operator.model.proof import Method
from maestro_operator.model.reasons import Reason
from maestro_operator.model.sharing import SharedDisk
from maestro_operator.model.steps import EpisodeKind
from support.worlds import ADDRESSES, UNITS, Pair, is_settled, killed_once_after, pair_spec

if TYPE_CHECKING:
    from collections.abc import Callable

IDENTITY = "60014050000000010000000000000001"
SHARED = Replication(
    shared_disk=SharedDisk(disk="/dev/disk/by-id/wwn-0x6001405", identity=IDENTITY, mount="/srv/maestro")
)


def shared(*, by_the_disk: bool = False) -> tuple[Pair, SharedWorld]:
    """Returns a pair on one disk, fenced by its power or by taking the disk from an isolated node."""
    world = SharedWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
    spec = pair_spec(replication=SHARED)
    if by_the_disk:
        devices = (FencingDevice(agent="reservation", identity=IDENTITY),)
        nodes = tuple(
            node.model_copy(
                update={
                    "fencing": (
                        FencingRung(
                            name="apart", devices=(*devices, FencingDevice(agent="gateway", identity=node.address))
                        ),
                    )
                }
            )
            for node in spec.nodes
        )
        spec = spec.model_copy(update={"nodes": nodes})
    return Pair(spec, world=world), world


def settled_on(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None and is_settled(pair)


def settled_on_alone(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None


async def test_a_pair_on_one_disk_is_activated_and_switched_without_loss_and_back() -> None:
    pair, world = shared()
    await pair.run_until(settled_on("a"))

    for node in ("b", "a"):
        pair.order(node)
        await pair.run_until(settled_on(node))
        assert (world.writers(), world.mounted, world.lost_records()) == ([node], {node}, 0)

    assert world.acknowledged > 0
    assert world.moments_with_two_writers == []


async def test_a_failover_after_a_power_cut_loses_and_declares_nothing_where_nothing_may_be_lost() -> None:
    pair, world = shared()
    pair.change(failover=Failover(automatic=Automatic.ENABLED, max_data_loss_seconds=0))
    await pair.run_until(settled_on("a"))
    before = world.acknowledged
    world.power_cut("a")

    await pair.run_until(settled_on_alone("b"))

    moved = next(item for item in pair.status.history if item.kind is EpisodeKind.FAILOVER)
    assert (moved.declared_loss_seconds, world.lost_records(), before > 0) == (0, 0, True)
    assert world.held == Hold("b", 2)
    world.power_on("a")
    await pair.run_until(settled_on("b"))
    assert (world.mounted, world.moments_with_two_writers) == ({"b"}, [])


async def test_the_disk_is_taken_from_a_node_that_runs_on_before_the_other_one_is_promoted() -> None:
    pair, world = shared(by_the_disk=True)
    await pair.run_until(settled_on("a"))
    world.isolate("a")

    await pair.run_until(settled_on_alone("b"))

    moved = next(item for item in pair.status.history if item.kind is EpisodeKind.FAILOVER)
    assert moved.proof is not None
    assert (moved.proof.method, world.nodes["a"].is_on) == (Method.FENCED, True)
    assert moved.proof.evidence[0].startswith(f"reservation {IDENTITY}: preempted")
    assert (world.writers(), world.lost_records()) == (["b"], 0)


async def test_a_disk_that_could_not_be_taken_keeps_the_survivor_out() -> None:
    pair, world = shared(by_the_disk=True)
    await pair.run_until(settled_on("a"))
    world.isolate("a")
    world.devices["a"] = "denying"

    await pair.hold(Reason.FENCE_UNPROVEN, max_turns=200)

    assert (world.held, pair.status.active_node) == (Hold("a", 1), "a")


async def test_a_standby_that_does_not_reach_the_storage_is_not_switched_to() -> None:
    pair, world = shared()
    await pair.run_until(settled_on("a"))
    world.apart.add("b")
    pair.order("b")

    await pair.hold(Reason.DISK_UNREADABLE)
    world.apart.clear()
    await pair.run_until(settled_on("b"))

    assert world.moments_with_two_writers == []


async def test_a_disk_under_a_stranger_s_key_is_nobody_s_to_take() -> None:
    pair, world = shared()
    await pair.run_until(settled_on("a"))
    world.held = Hold("foreign", 0)
    pair.order("b")

    await pair.hold(Reason.DISK_FOREIGN)

    assert world.held == Hold("foreign", 0)


async def test_a_storage_that_forgot_its_keys_does_not_keep_a_proven_failover_from_happening() -> None:
    pair, world = shared()
    await pair.run_until(settled_on("a"))
    world.persists = False
    world.power_cut("a")
    world.forget_reservations()

    await pair.run_until(settled_on_alone("b"))

    assert (world.held, world.lost_records()) == (Hold("b", 2), 0)


async def test_a_restarted_owner_has_its_disk_again() -> None:
    pair, world = shared()
    await pair.run_until(settled_on("a"))
    world.reboot("a")

    await pair.run_until(lambda it: world.writers() == ["a"] and settled_on("a")(it))

    assert world.mounted == {"a"}


@pytest.mark.parametrize("verb", ["final_sync", "promote", "reverse", "start"])
async def test_an_operator_that_is_killed_in_a_switchover_leaves_the_disk_to_one_side(verb: str) -> None:
    pair, world = shared()
    await pair.run_until(settled_on("a"))
    left = killed_once_after(pair, verb)

    pair.order("b")
    await pair.run_until(settled_on("b"))

    assert (pair.kills, left) == (1, [])
    assert (world.writers(), world.mounted, world.lost_records()) == (["b"], {"b"}, 0)
    assert world.moments_with_two_writers == []


@pytest.mark.parametrize("verb", ["off", "promote", "start"])
async def test_an_operator_that_is_killed_in_a_failover_takes_the_disk_once(verb: str) -> None:
    pair, world = shared(by_the_disk=True)
    await pair.run_until(settled_on("a"))
    left = killed_once_after(pair, verb)
    world.isolate("a")

    await pair.run_until(settled_on_alone("b"))

    assert (pair.kills, left) == (1, [])
    assert (world.writers(), world.lost_records()) == (["b"], 0)
    assert world.moments_with_two_writers == []
