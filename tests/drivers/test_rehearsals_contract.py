"""The contract of what is tried beside a pair, held over the memory world and over two real nodes."""

from collections.abc import AsyncIterator

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Trial
from maestro_operator.model.outcome import Done, Failed, Outcome
from maestro_operator.model.pair import Check
from maestro_operator.model.probes import HttpCheck
from maestro_operator.model.reasons import Reason
from support.contracts.bed_pair import BedPair
from support.contracts.memory_pair import MemoryPair
from support.contracts.pair_world import BACKUP, UNITS, PairWorld, frozen
from support.contracts.steps import done, read, receiving, refusal

pytestmark = pytest.mark.timeout(120)

TRIAL = Trial(id="start-1", seconds=100)
PAGE = Check(name="page", http=HttpCheck(path="/files/", pattern="records"), deadline_seconds=10)


@pytest.fixture(params=["memory", pytest.param("bed", marks=pytest.mark.root)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[PairWorld]:
    if request.param == "memory":
        yield MemoryPair()
        return
    pair = BedPair(request.getfixturevalue("bed"))
    await pair.clean()
    yield pair
    await pair.close()


async def standing_by(world: PairWorld) -> None:
    """Let a serve, and b keep a whole generation of it."""
    await receiving(world)
    synced = await world.replication.final_sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=40)
    assert isinstance(synced, Done), synced


async def begin(world: PairWorld, name: str = "b", trial: Trial = TRIAL) -> Outcome:
    return await world.rehearsals.begin(frozen(world, name), trial, deadline_seconds=40)


async def start(world: PairWorld) -> Outcome:
    return await world.rehearsals.start(frozen(world, "b"), world.spec.services, deadline_seconds=40)


async def passed(world: PairWorld, *checks: Check) -> dict[str, bool]:
    found = await world.rehearsals.verify(frozen(world, "b"), checks, since=SystemClock().now(), deadline_seconds=20)
    return {result.name: result.passed for result in found}


async def end(world: PairWorld, name: str = "b") -> None:
    ended = await world.rehearsals.end(frozen(world, name), TRIAL.id, deadline_seconds=30)
    assert isinstance(ended, Done), ended


async def test_the_services_start_on_the_newest_copy_and_are_checked_there(world: PairWorld) -> None:
    await standing_by(world)
    newest = (await read(world, "b")).replica.newest

    begun, started = await begin(world), await start(world)

    assert isinstance(begun, Done), begun
    assert begun.facts["generation"] == str(newest)
    assert isinstance(started, Done), started
    assert await passed(world, PAGE) == {"page": True}
    await end(world)


async def test_what_is_tried_never_counts_as_a_running_side(world: PairWorld) -> None:
    await standing_by(world)
    before = (await read(world, "a")), (await read(world, "b"))
    await begin(world)
    assert isinstance(await start(world), Done)

    during = await read(world, "b")

    assert during.is_stopped, during
    assert not during.guard.may_run
    assert during.guard == before[1].guard
    await end(world)
    after = await read(world, "b")
    assert (after.replica.newest, after.replica.quarantine) == (before[1].replica.newest, before[1].replica.quarantine)
    assert (await read(world, "a")).runs_something


async def test_nothing_that_is_written_there_reaches_the_copy_or_the_live_data(world: PairWorld) -> None:
    await standing_by(world)
    records = await world.records("a")
    await begin(world)
    await start(world)
    await end(world)

    assert await world.records("a") == records
    assert await world.records("b") is None
    await done(world, "a", "quiesce", epoch=1)
    again = await world.replication.final_sync(frozen(world, "a"), frozen(world, "b"), deadline_seconds=40)
    assert isinstance(again, Done), again


async def test_a_node_that_may_run_tries_nothing(world: PairWorld) -> None:
    await standing_by(world)

    assert refusal(await begin(world, "a")) is Reason.STEP_REFUSED
    assert (await read(world, "a")).runs_something


async def test_without_a_whole_copy_nothing_is_tried(world: PairWorld) -> None:
    await receiving(world)

    assert refusal(await begin(world)) is Reason.COPY_NOT_WHOLE


async def test_the_same_test_begun_again_goes_on_and_another_takes_its_place(world: PairWorld) -> None:
    await standing_by(world)
    await begin(world)
    await start(world)

    assert isinstance(await begin(world), Done)
    assert await passed(world, PAGE) == {"page": True}
    assert isinstance(await begin(world, trial=Trial(id="start-2", seconds=100)), Done)
    assert await passed(world, PAGE) == {"page": False}
    await end(world)


async def test_a_service_that_does_not_start_fails_the_test(world: PairWorld) -> None:
    await standing_by(world)
    await world.breaks("b", UNITS[1])
    await begin(world)

    started = await start(world)

    assert isinstance(started, Failed), started
    assert UNITS[1] in started.message
    await end(world)


async def test_a_check_that_does_not_pass_there_fails(world: PairWorld) -> None:
    await standing_by(world)
    await begin(world)

    assert await passed(world, PAGE) == {"page": False}
    await end(world)


async def test_ending_what_is_gone_is_done(world: PairWorld) -> None:
    await standing_by(world)

    await end(world)
    await end(world)


async def test_a_promotion_ends_what_is_tried(world: PairWorld) -> None:
    await standing_by(world)
    await begin(world)
    await start(world)
    newest = (await read(world, "b")).replica.newest
    await done(world, "b", "promise", epoch=2, owner="b", episode="ep-2")
    await done(world, "a", "quiesce", epoch=1)
    await world.nodes.stop(frozen(world, "a"), world.spec.services, deadline_seconds=40)
    await done(world, "a", "demote", epoch=2, owner="b", episode="ep-2")
    await done(world, "b", "promote", epoch=2, episode="ep-2")

    up = await world.replication.promote(frozen(world, "b"), episode="ep-2", generation=newest, deadline_seconds=40)

    assert isinstance(up, Done), up
    assert await passed(world, PAGE) == {"page": False}
    await done(world, "b", "permit", epoch=2, episode="ep-2")
    started = await world.nodes.start(frozen(world, "b"), world.spec.services, deadline_seconds=40)
    assert isinstance(started, Done), started


async def test_a_dark_node_fails_each_verb(world: PairWorld) -> None:
    await standing_by(world)
    await world.power_cut("b")

    assert isinstance(await world.rehearsals.begin(frozen(world, "b"), TRIAL, deadline_seconds=2), Failed)
    assert isinstance(await world.rehearsals.end(frozen(world, "b"), TRIAL.id, deadline_seconds=2), Failed)
    assert isinstance(await world.rehearsals.test_restore(frozen(world, "b"), deadline_seconds=2), Failed)
    await world.power_on("b")


# ---------------------------------------------------------------- the restore test


async def restore_tried(world: PairWorld, name: str = "b") -> Outcome:
    return await world.rehearsals.test_restore(frozen(world, name), deadline_seconds=60)


async def test_the_standby_restores_its_newest_backup_beside_everything(world: PairWorld) -> None:
    await standing_by(world)
    await world.back_up("a")

    tested = await restore_tried(world)

    assert isinstance(tested, Done), tested
    assert tested.facts["tested"] == BACKUP
    seen = await read(world, "b")
    assert seen.replica.tested is not None
    assert (seen.replica.tested.name, seen.replica.tested.result) == (BACKUP, "passed")
    assert seen.is_stopped


async def test_a_rotten_backup_fails_its_test(world: PairWorld) -> None:
    await standing_by(world)
    await world.back_up("a")
    await world.rot("b")

    tested = await restore_tried(world)

    assert isinstance(tested, Failed), tested
    assert "BackupDamaged" in tested.message


async def test_without_a_backup_and_on_a_node_that_may_run_no_restore_is_tested(world: PairWorld) -> None:
    await standing_by(world)
    assert refusal(await restore_tried(world)) is Reason.BACKUP_ABSENT
    await world.back_up("a")

    assert refusal(await restore_tried(world, "a")) is Reason.STEP_REFUSED
