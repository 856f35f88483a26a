"""A pair whose copies of running data are of no one moment: planned moves work, nothing is promoted unasked."""

from __future__ import annotations

from collections.abc import Callable

from maestro_operator.drivers.nodes.configuration import configuration
from maestro_operator.drivers.ports import Equipment
from maestro_operator.model.copying import (
    CommandConsistency,
    Consistency,
    FreezeConsistency,
    LvmConsistency,
    PlainConsistency,
    Rsync,
    ZfsConsistency,
)
from maestro_operator.model.pair import Automatic, Failover, Replication
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind
from support.worlds import INTERVAL_SECONDS, Pair, pair_spec


def replication(**way: object) -> Replication:
    consistency = Consistency.model_validate(way)
    rsync = Rsync(paths=("/srv/maestro",), interval_seconds=INTERVAL_SECONDS, consistency=consistency)
    return Replication(rsync=rsync)


async def plain() -> Pair:
    failover = Failover(automatic=Automatic.DISABLED)
    pair = Pair(pair_spec(replication=replication(plain=PlainConsistency()), failover=failover))
    pair.world.takes_moments = False
    await pair.run_until(at_rest_on("a"))
    return pair


MADE_A_STANDBY = (EpisodeKind.REJOIN, EpisodeKind.SWITCHOVER)


def at_rest_on(node: str) -> Callable[[Pair], bool]:
    return lambda it: (
        it.status.active_node == node
        and it.status.episode is None
        and it.world.writers() == [node]
        and any(entry.kind in MADE_A_STANDBY for entry in it.status.history)
    )


def condition(pair: Pair, name: str) -> tuple[str, str]:
    found = next(item for item in pair.status.conditions if item.type == name)
    return found.status, found.reason


async def test_a_switchover_sends_the_stopped_data_last_and_loses_nothing_there_and_back() -> None:
    pair = await plain()

    for node in ("b", "a"):
        pair.order(node)
        await pair.run_until(at_rest_on(node))
        assert pair.world.lost_records() == 0

    assert pair.world.acknowledged > 0
    assert pair.world.moments_with_two_writers == []


async def test_a_dead_owner_s_running_copies_are_promoted_by_nobody() -> None:
    pair = await plain()
    pair.world.nodes["b"].copies = tuple(copy for copy in pair.world.nodes["b"].copies if not copy.is_whole)
    assert condition(pair, "DataInSync") == ("False", "CopyNotWhole")

    pair.world.power_cut("a")
    pair.order("b")
    await pair.hold(Reason.COPY_NOT_WHOLE)

    assert pair.world.nodes["b"].records is None
    assert condition(pair, "PeerReady") == ("False", "PeerNotReady")


def lines_of(**way: object) -> set[str]:
    spec = pair_spec(replication=replication(**way))
    return set(configuration(Equipment("uid-1", spec, "a")).splitlines())


def test_a_node_is_told_how_it_takes_one_moment() -> None:
    assert {"moment=lvm", "moment_volume=vg0/srv", "moment_snapshot_mib=1024"} <= lines_of(
        lvm=LvmConsistency(volume="vg0/srv")
    )
    assert {"moment=zfs", "moment_dataset=tank/srv"} <= lines_of(zfs=ZfsConsistency(dataset="tank/srv"))
    assert {"moment=freeze", "moment_seconds=30"} <= lines_of(freeze=FreezeConsistency())
    assert {"moment=command", "moment_program=/x/y", "moment_seconds=300"} <= lines_of(
        command=CommandConsistency(program="/x/y")
    )
    assert {"moment=plain", "keep=3", "nice=10"} <= lines_of(plain=PlainConsistency())


def test_a_limit_is_told_where_there_is_one() -> None:
    rsync = replication(plain=PlainConsistency()).rsync
    assert rsync is not None
    limited = Replication(rsync=rsync.model_copy(update={"bandwidth_kibibytes_per_second": 512}))

    found = configuration(Equipment("uid-1", pair_spec(replication=limited), "a"))

    assert "bandwidth_kib=512" in found.splitlines()
