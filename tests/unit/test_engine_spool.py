"""The queue of mail that comes up with older data: counted, held before anything runs, and declared."""

from datetime import datetime

import pytest

from maestro_operator.cli.history import told
from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.nodes.configuration import configuration
from maestro_operator.drivers.ports import Equipment
from maestro_operator.metrics import TWICE, _episodes
from maestro_operator.model.backing import Spool
from maestro_operator.model.errors import BadInput
from maestro_operator.model.outcome import Done, Failed, Refused
from maestro_operator.model.pair import Automatic, Failover
from maestro_operator.model.status import FrozenNode, HistoryEntry
from maestro_operator.model.steps import EpisodeKind, StepName
from support.worlds import Pair, is_settled, pair_spec

SPOOL = Spool(folders=("/srv/maestro/spool",), hold_program="/usr/local/sbin/hold-queue")


async def queueing(*, messages: int = 3) -> Pair:
    """A pair served by a, whose standby has messages in the queue of its copy."""
    pair = Pair(pair_spec(spool=SPOOL, failover=Failover(automatic=Automatic.ENABLED, max_data_loss_seconds=120)))
    await pair.run_until(lambda it: it.status.active_node == "a" and is_settled(it))
    pair.world.nodes["b"].queued = messages
    return pair


def frozen(pair: Pair) -> FrozenNode:
    node = pair.store.spec.node("b")
    return FrozenNode(name=node.name, address=node.address, ssh=node.ssh)


def entry(pair: Pair, kind: EpisodeKind) -> HistoryEntry:
    return next(item for item in pair.status.history if item.kind is kind)


async def test_a_failover_holds_the_queue_before_anything_runs_and_declares_what_may_be_sent_twice() -> None:
    pair = await queueing()
    ran: list[tuple[str, bool]] = []
    pair.after_effect = lambda verb: ran.append((verb, bool(pair.world.nodes["b"].running)))
    pair.world.power_cut("a")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    failover = entry(pair, EpisodeKind.FAILOVER)
    assert pair.world.nodes["b"].held == (failover.id, 3)
    assert ("hold_queue", False) in ran
    assert ("hold_queue", True) not in ran
    assert failover.may_be_sent_twice == 3
    assert "up to 3 messages of the queue may be sent twice" in told(failover.to_resource())
    assert (TWICE, ("Failover",), 3) in _episodes(pair.status)


async def test_a_failover_starts_nothing_while_the_queue_is_not_held() -> None:
    pair = await queueing()
    pair.world.nodes["b"].can_hold = False
    pair.world.power_cut("a")
    await pair.run_until(_tried_to_start)
    for _ in range(5):
        await pair.turn()

    assert pair.world.nodes["b"].running == set()
    assert not pair.world.nodes["b"].guard.may_run(pair.world.nodes["b"].boot_id)

    pair.world.nodes["b"].can_hold = True
    started, began = pair.world.clock.now(), pair.status.episode.down_since if pair.status.episode else None
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    failover = entry(pair, EpisodeKind.FAILOVER)
    assert failover.may_be_sent_twice == 3
    assert began is not None
    assert (failover.downtime_seconds or 0.0) >= seconds_between(began, started)


def seconds_between(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def _tried_to_start(pair: Pair) -> bool:
    record = pair.status.episode.record(StepName.START_SERVICES) if pair.status.episode else None
    return record is not None and record.attempts > 1


async def test_a_switchover_moves_the_queue_as_it_is_and_neither_holds_nor_declares() -> None:
    pair = await queueing()
    pair.order("b")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    assert pair.world.nodes["b"].held is None
    assert entry(pair, EpisodeKind.SWITCHOVER).may_be_sent_twice is None


async def test_a_pair_without_a_queue_declares_nothing_of_one() -> None:
    pair = await queueing()
    pair.change(spool=None)
    pair.world.power_cut("a")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    failover = entry(pair, EpisodeKind.FAILOVER)
    assert failover.may_be_sent_twice is None
    assert "sent twice" not in told(failover.to_resource())


async def test_the_queue_in_memory_is_counted_once_an_episode_and_never_under_a_running_service() -> None:
    pair = await queueing()
    replication = memory_drivers(pair.world).replication
    node, pair.world.nodes["b"].records = frozen(pair), 0

    first = await replication.hold_queue(node, episode="ep-1", deadline_seconds=1)
    pair.world.nodes["b"].queued = 9
    again = await replication.hold_queue(node, episode="ep-1", deadline_seconds=1)
    pair.world.nodes["b"].running = {"maestro.service"}
    refused = await replication.hold_queue(node, episode="ep-2", deadline_seconds=1)
    pair.world.nodes["b"].running, pair.world.nodes["b"].can_hold = set(), False
    failed = await replication.hold_queue(node, episode="ep-2", deadline_seconds=1)

    assert (first, again) == (Done({"queued": "3"}), Done({"queued": "3"}))
    assert isinstance(refused, Refused)
    assert isinstance(failed, Failed)


def test_a_node_is_told_where_the_queue_lies_and_who_holds_it() -> None:
    lines = configuration(Equipment("uid-1", pair_spec(spool=SPOOL), "a")).splitlines()

    assert {"spool=/srv/maestro/spool", "spool_hold=/usr/local/sbin/hold-queue"} <= set(lines)


@pytest.mark.parametrize("folder", ["/var/spool/mail", "/srv/maestro", "/srv/maestro-2/spool"])
def test_a_queue_that_no_copy_brings_is_refused(folder: str) -> None:
    spec = pair_spec(spool=Spool(folders=(folder,)))

    with pytest.raises(BadInput, match="is not below /srv/maestro: write folders of the data"):
        configuration(Equipment("uid-1", spec, "a"))
