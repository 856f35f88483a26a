"""The life of a pair with a mirror in memory: nothing acknowledged is lost within the freeze, and more is declared."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from maestro_operator.admission.spec import _freeze
from maestro_operator.drivers.memory.mirror import MirrorWorld
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.detection import DrbdView, VantagePoint
from maestro_operator.model.mirroring import Drbd, PeerLost
from maestro_operator.model.pair import Automatic, Failover, Replication
from maestro_operator.model.reasons import Reason
from maestro_operator.model.resource import Empty
from maestro_operator.model.status import HistoryEntry
from maestro_operator.model.steps import EpisodeKind
from support.worlds import ADDRESSES, UNITS, Killed, Pair, is_settled, pair_spec

FREEZE_SECONDS = 300


def mirrored(*, freeze_seconds: int = FREEZE_SECONDS) -> tuple[Pair, MirrorWorld]:
    drbd = Drbd(resource="r0", disk="/dev/vdb", mount="/srv/maestro", peer_lost_freeze_seconds=freeze_seconds)
    failover = Failover(automatic=pair_spec().failover.automatic, max_data_loss_seconds=60)
    world = MirrorWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock(), freeze_seconds=freeze_seconds)
    return Pair(pair_spec(replication=Replication(drbd=drbd), failover=failover), world=world), world


def seen_by_the_mirror() -> tuple[Pair, MirrorWorld]:
    """A mirrored pair whose active node is looked at by the operator and by the standby's DRBD, and by nobody else."""
    pair, world = mirrored()
    points = (VantagePoint(operator=Empty()), VantagePoint(drbd=DrbdView(resource="r0")))
    pair.change(detection=pair.store.spec.detection.model_copy(update={"vantage_points": points}))
    return pair, world


def votes_on_a(pair: Pair) -> dict[str, str]:
    return {vote.vantage_point: vote.vote.value for vote in pair.recorder.seen[-1].votes if vote.node == "a"}


def settled_on(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None and is_settled(pair)


def settled_on_alone(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None


def entry(pair: Pair, kind: EpisodeKind) -> HistoryEntry:
    return next(item for item in pair.status.history if item.kind is kind)


async def test_a_mirrored_pair_is_activated_and_switched_without_loss_and_back() -> None:
    pair, world = mirrored()
    await pair.run_until(settled_on("a"))

    for node in ("b", "a"):
        pair.order(node)
        await pair.run_until(settled_on(node))
        assert (world.writers(), world.lost_records()) == ([node], 0)

    assert world.acknowledged > 0
    assert world.moments_with_two_writers == []


async def test_a_failover_within_the_freeze_loses_and_declares_nothing_where_nothing_may_be_lost() -> None:
    pair, world = mirrored()
    pair.change(failover=Failover(automatic=Automatic.ENABLED, max_data_loss_seconds=0))
    await pair.run_until(settled_on("a"))
    before = world.acknowledged

    world.power_cut("a")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    assert before > 0
    assert world.lost_records() == 0
    assert entry(pair, EpisodeKind.FAILOVER).declared_loss_seconds == 0

    world.power_on("a")
    await pair.run_until(settled_on("b"))
    rejoin = entry(pair, EpisodeKind.REJOIN)
    assert ("a", rejoin.id) in {(item.node, item.episode) for item in pair.status.quarantine}
    assert world.is_in_sync("b")
    assert world.moments_with_two_writers == []


async def test_a_mirror_that_talks_with_the_active_node_keeps_the_operator_from_moving() -> None:
    pair, world = seen_by_the_mirror()
    await pair.run_until(settled_on("a"))
    world.cut("operator", "a")

    await pair.hold(Reason.SEEN_ALIVE, max_turns=80)
    for _ in range(20):
        await pair.turn()

    assert votes_on_a(pair) == {"operator": "Dead", "drbd": "Alive"}
    assert pair.status.active_node == "a"


async def test_a_mirror_that_seeks_its_peer_in_vain_is_one_of_those_who_conclude_an_outage() -> None:
    pair, world = seen_by_the_mirror()
    await pair.run_until(settled_on("a"))
    world.power_cut("a")

    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.kind is EpisodeKind.FAILOVER)
    concluded = votes_on_a(pair)
    await pair.run_until(settled_on_alone("b"))

    assert concluded == {"operator": "Dead", "drbd": "Dead"}


async def test_a_mirror_that_does_not_look_for_its_peer_says_nothing_and_nothing_moves() -> None:
    pair, world = seen_by_the_mirror()
    await pair.run_until(settled_on("a"))
    world.sides["b"].is_willing = False
    world.power_cut("a")

    for _ in range(60):
        await pair.turn()

    assert votes_on_a(pair) == {"operator": "Dead", "drbd": "Unknown"}
    assert pair.status.active_node == "a"


async def test_the_frozen_owner_goes_on_alone_when_status_says_so_and_is_no_outage() -> None:
    pair, world = mirrored()
    await pair.run_until(settled_on("a"))

    world.power_cut("b")
    orders: list[bool] = []
    pair.after_effect = lambda _: orders.append(pair.status.alone is not None) if world.nodes["a"].receipts else None
    await pair.run_until(lambda it: it.status.episode is None and world.sides["a"].alone_epoch is not None)
    before = world.acknowledged
    await pair.hold(Reason.STANDBY_ABSENT)

    assert orders
    assert all(orders)
    assert world.acknowledged > before
    assert pair.status.active_node == "a"
    assert entry(pair, EpisodeKind.STANDBY_LOST).result == "Done"

    world.power_on("b")
    await pair.run_until(lambda it: settled_on("a")(it) and it.status.alone is None)
    assert world.is_in_sync("a")


async def test_after_standby_lost_a_failover_declares_all_since_the_last_contact() -> None:
    pair, world = mirrored()
    await pair.run_until(settled_on("a"))
    world.cut("a", "b")
    await pair.run_until(lambda _: world.sides["a"].alone_epoch is not None)
    contact = world.sides["b"].contact_seconds
    for _ in range(5):
        await pair.turn()
    last_written = world.last_acknowledged_seconds

    world.power_cut("a")
    held = await pair.hold(Reason.COPY_OVER_BUDGET)

    at_risk_seconds = float(held.message.split()[2])
    assert last_written > contact
    assert at_risk_seconds >= last_written - contact
    assert pair.status.active_node == "a"


@pytest.mark.parametrize("sides", ["a", "b"])
async def test_a_failover_from_an_owner_whose_settings_let_it_go_on_declares_all_since_the_last_contact(
    sides: str,
) -> None:
    pair, world = mirrored()
    await pair.run_until(settled_on("a"))
    for name in sides:
        world.sides[name].unsafe = ("fencing:dont-care",)
    for _ in range(3):
        await pair.turn()
    world.cut("a", "b")
    contact = world.sides["b"].contact_seconds
    for _ in range(5):
        pair.let_pass(5)
    last_written = world.last_acknowledged_seconds

    world.power_cut("a")
    held = await pair.hold(Reason.COPY_OVER_BUDGET)

    at_risk_seconds = float(held.message.split()[2])
    assert at_risk_seconds >= last_written - contact


async def test_an_owner_whose_settings_are_mended_is_believed_again_to_freeze() -> None:
    pair, world = mirrored()
    await pair.run_until(settled_on("a"))
    world.sides["a"].unsafe = ("fencing:dont-care",)
    await pair.run_until(lambda it: it.status.alone is not None)
    written_down = pair.status.alone
    for _ in range(3):
        await pair.turn()

    assert pair.status.alone == written_down

    world.sides["a"].unsafe = ()
    await pair.run_until(lambda it: it.status.alone is None)


@pytest.mark.parametrize("nth", [1, 2])
async def test_an_operator_that_dies_while_it_gives_the_standby_up_is_followed_by_one_that_ends_it(nth: int) -> None:
    pair, world = mirrored()
    await pair.run_until(settled_on("a"))
    world.cut("a", "b")
    count = 0

    def die(verb: str) -> None:
        nonlocal count
        if verb == "order" and world.nodes["a"].receipts:
            assert pair.status.alone is not None
            count += 1
            if count <= nth:
                raise Killed

    pair.after_effect = die
    await pair.run_until(lambda it: it.status.episode is None and world.sides["a"].alone_epoch is not None)

    assert pair.kills >= 1
    assert pair.status.active_node == "a"


async def test_without_an_operator_the_owner_waits_for_its_time_and_goes_on() -> None:
    pair, world = mirrored(freeze_seconds=20)
    await pair.run_until(settled_on("a"))
    world.cut("a", "b")

    written = []
    for _ in range(8):
        pair.let_pass(5)
        written.append(world.acknowledged)

    assert written[0] == written[2]
    assert written[-1] > written[2]
    assert world.sides["a"].alone_epoch == 1


@pytest.mark.parametrize(
    ("freeze_seconds", "loss_seconds", "peer_lost", "is_refused"),
    [
        (70, 0, PeerLost.GO_ON, True),
        (71, 0, PeerLost.GO_ON, False),
        (70, 1, PeerLost.GO_ON, False),
        (0, 0, PeerLost.FREEZE, False),
    ],
)
def test_an_automatic_failover_that_may_lose_nothing_needs_a_freeze_longer_than_detection_and_fence(
    freeze_seconds: int, loss_seconds: int, peer_lost: PeerLost, is_refused: object
) -> None:
    drbd = Drbd(resource="r0", disk="/dev/vdb", mount="/srv/maestro", peer_lost=peer_lost)
    spec = pair_spec(
        replication=Replication(drbd=drbd.model_copy(update={"peer_lost_freeze_seconds": freeze_seconds})),
        failover=Failover(automatic=Automatic.ENABLED, max_data_loss_seconds=loss_seconds),
    )

    found = list(_freeze(spec))

    assert [field for field, _ in found] == ["spec.replication.drbd.peerLostFreezeSeconds"] * bool(is_refused)
    assert all("write 71 or more" in fault for _, fault in found)
