"""A restore in whose middle the world changes: nothing is brought up that is not there, and the owner goes on."""

from __future__ import annotations

import copy
from dataclasses import replace

from maestro_operator.drivers.memory.guard_twin import Mark
from maestro_operator.drivers.memory.world import MemoryNode
from maestro_operator.model.backing import Backup, BackupCommand
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import is_at, serving
from support.worlds import Pair

NIGHTLY = "20260101"


async def restoring(step: StepName) -> Pair:
    """Returns a pair in the middle of a restore, whose step was just begun."""
    pair = await serving()
    pair.change(backup=Backup(command=BackupCommand(program="/usr/local/sbin/newest")))
    pair.world.back_up("a", NIGHTLY)
    await pair.settle()
    pair.say(Say.RESTORE, pair.status.history[0].id, NIGHTLY)
    await pair.hold(Reason.COPY_OVER_BUDGET)
    episode = pair.status.episode
    assert episode is not None
    pair.say(Say.ACCEPT_LOSS, episode.id, "100000")
    await pair.run_until(lambda it: is_at(it, step))
    return pair


async def serves_again(pair: Pair) -> tuple[str, str | None]:
    """Waits until a serves, and returns how the restore ended and what it brought up."""
    await pair.run_until(lambda it: it.status.episode is None and it.world.writers() == ["a"])
    entry = next(item for item in pair.status.history if item.kind is EpisodeKind.RESTORE)
    return entry.result, entry.restored


def put_back(pair: Pair, name: str, disk: MemoryNode) -> None:
    """Boots a node from an older disk."""
    node = pair.world.nodes[name]
    pair.world.power_cut(name)
    node.guard, node.records, node.copies = disk.guard, disk.records, disk.copies
    node.promoted, node.promoted_episode, node.backups = disk.promoted, disk.promoted_episode, disk.backups
    pair.world.power_on(name)


def promise_more(pair: Pair, name: str) -> None:
    """Lets another operator promise a node an epoch that no journal knows of."""
    node = pair.world.nodes[name]
    node.guard = replace(node.guard, promised=Mark(9, name, "renew-9-elsewhere"))


async def test_a_backup_that_is_gone_after_the_stop_gives_the_owner_its_service_back() -> None:
    pair = await restoring(StepName.STOP)
    written = pair.world.nodes["a"].records

    pair.world.nodes["a"].backups.clear()

    assert await serves_again(pair) == ("RolledBack", None)
    assert (pair.world.nodes["a"].records or 0) >= (written or 0)


async def test_an_answer_that_is_taken_out_after_the_stop_ends_the_restore() -> None:
    pair = await restoring(StepName.STOP)

    pair.change(answers=())

    assert await serves_again(pair) == ("RolledBack", None)
    assert pair.status.epoch.in_force is not None


async def test_a_restore_waits_for_an_owner_that_goes_after_the_stop() -> None:
    pair = await restoring(StepName.STORE_EPOCH)

    pair.world.power_cut("a")
    held = await pair.hold(Reason.TARGET_UNREADABLE)
    assert "take the answer Restore of 20260101 out" in held.message
    pair.world.power_on("a")

    assert await serves_again(pair) == ("Done", NIGHTLY)


async def test_an_owner_that_was_put_back_after_its_restore_is_restored_once_more() -> None:
    pair = await restoring(StepName.STOP)
    disk = copy.deepcopy(pair.world.nodes["a"])
    await pair.run_until(lambda it: is_at(it, StepName.SWAP_PERMIT))

    put_back(pair, "a", disk)

    assert await serves_again(pair) == ("Done", NIGHTLY)


async def test_an_owner_that_was_put_back_after_its_services_started_is_left_to_people() -> None:
    pair = await restoring(StepName.STOP)
    disk = copy.deepcopy(pair.world.nodes["a"])
    await pair.run_until(lambda it: is_at(it, StepName.START_SERVICES))

    put_back(pair, "a", disk)

    held = await pair.hold(Reason.NODE_ROLLED_BACK)
    assert "order b and answer FailOver" in held.message
    assert pair.world.writers() == []


async def test_a_standby_that_was_put_back_after_a_restore_stores_the_epoch_once_more() -> None:
    pair = await restoring(StepName.STOP)
    disk = copy.deepcopy(pair.world.nodes["b"])
    await pair.run_until(lambda it: is_at(it, StepName.RESTORE))

    put_back(pair, "b", disk)

    assert await serves_again(pair) == ("Done", NIGHTLY)


async def test_an_owner_that_was_promised_more_goes_on_above_it_with_what_was_restored() -> None:
    pair = await restoring(StepName.RESTORE)

    promise_more(pair, "a")

    assert await serves_again(pair) == ("Abandoned", NIGHTLY)
    mark = pair.status.epoch.in_force
    assert mark is not None
    assert mark.number > 9


async def test_a_standby_that_was_promised_more_stores_a_later_epoch() -> None:
    pair = await restoring(StepName.STOP)

    promise_more(pair, "b")

    assert (await serves_again(pair))[0] == "Abandoned"
    mark = pair.status.epoch.in_force
    assert mark is not None
    assert mark.number > 9


async def test_a_resource_that_is_to_take_off_another_pairs_guards_says_how_to_get_rid_of_it() -> None:
    pair = await serving()
    pair.store.recreate()
    pair.change(management=Management.RELEASE)

    held = await pair.hold(Reason.FOREIGN_PAIR)

    assert "delete the resource" in held.message
    assert pair.world.writers() == ["a"]
