"""A backup in the place of a copy or of live data: named by a person, its loss said before, nothing thrown away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.decide.restoring import named
from maestro_operator.drivers.memory.world import Copy
from maestro_operator.drivers.nodes.configuration import configuration
from maestro_operator.drivers.ports import Equipment
from maestro_operator.model.backing import Backup, BackupCommand, BackupReports, RestoreTest
from maestro_operator.model.decision import Hold
from maestro_operator.model.outcome import Failed
from maestro_operator.model.pair import Automatic, Replication, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import KeptBackup, Replica
from maestro_operator.model.status import Generation, HistoryEntry
from maestro_operator.model.steps import EpisodeKind
from maestro_operator.report.backups import backup_fresh
from support.beginnings import serving
from support.looks import node, seen
from support.worlds import Pair, pair_spec

BACKUP = Backup(command=BackupCommand(program="/usr/local/sbin/newest"))
NIGHTLY = "20260101"


async def backed_up(*, seconds_ago: float = 40) -> Pair:
    """Returns a pair served by a whose application made a backup some time ago."""
    pair = await serving()
    pair.change(backup=BACKUP)
    pair.world.back_up("a", NIGHTLY)
    written = pair.world.nodes["a"].records
    pair.clock.pass_seconds(seconds_ago)
    await pair.run_until(lambda it: (it.world.nodes["a"].records or 0) > (written or 0))
    return pair


def last_entry(pair: Pair) -> HistoryEntry:
    return pair.status.history[0]


def entry_of(pair: Pair, kind: EpisodeKind) -> HistoryEntry:
    return next(item for item in pair.status.history if item.kind is kind)


def condition(pair: Pair, name: str) -> tuple[str, str]:
    found = next(item for item in pair.status.conditions if item.type == name)
    return found.status, found.reason


async def asked(pair: Pair, item: str = NIGHTLY) -> Pair:
    """Lets a person name the backup, and waits until the loss is said."""
    pair.say(Say.RESTORE, last_entry(pair).id, item)
    await pair.hold(Reason.COPY_OVER_BUDGET)
    return pair


async def test_the_loss_is_said_before_anything_is_stopped() -> None:
    pair = await backed_up(seconds_ago=400)

    await asked(pair)

    held = await pair.hold(Reason.COPY_OVER_BUDGET)
    assert "restoring 20260101 loses" in held.message
    assert "answer AcceptLoss of " in held.message
    assert pair.world.writers() == ["a"]
    assert pair.status.state == "WaitForUser"


async def test_an_accepted_restore_brings_the_backup_up_and_keeps_what_was_live() -> None:
    pair = await backed_up(seconds_ago=400)
    records = pair.world.nodes["a"].backups[NIGHTLY][0]
    await asked(pair)
    episode = pair.status.episode
    assert episode is not None
    live: list[int | None] = []
    pair.after_effect = lambda _: live.append(pair.world.nodes["a"].records)

    pair.say(Say.ACCEPT_LOSS, episode.id, "900")
    await pair.run_until(lambda it: it.status.episode is None and it.world.writers() == ["a"])

    entry = entry_of(pair, EpisodeKind.RESTORE)
    assert (entry.result, entry.restored) == ("Done", NIGHTLY)
    assert entry.declared_loss_seconds is not None
    assert 400 <= entry.declared_loss_seconds <= 900
    assert entry.downtime_seconds is not None
    assert records in live
    assert pair.world.nodes["a"].quarantine[f"{episode.id}-replaced"] > records
    assert pair.world.moments_with_two_writers == []


async def test_after_a_restore_the_standby_rejoins_with_the_restored_data() -> None:
    pair = await backed_up()
    pair.say(Say.RESTORE, last_entry(pair).id, NIGHTLY)
    await pair.hold(Reason.COPY_OVER_BUDGET)
    assert pair.status.episode is not None
    pair.say(Say.ACCEPT_LOSS, pair.status.episode.id, "900")

    await pair.run_until(lambda it: it.status.episode is None and it.status.history[0].kind is EpisodeKind.REJOIN)
    await pair.settle()

    newest = pair.world.nodes["b"].newest()
    mark = pair.status.epoch.in_force
    assert newest is not None
    assert mark is not None
    assert newest.generation.epoch == mark.number


async def test_a_restore_that_is_not_accepted_ends_when_its_answer_is_taken_out() -> None:
    pair = await backed_up(seconds_ago=400)
    await asked(pair)

    pair.change(answers=())
    await pair.run_until(lambda it: it.status.episode is None)

    assert (last_entry(pair).kind, last_entry(pair).result) == (EpisodeKind.RESTORE, "Abandoned")
    assert last_entry(pair).restored is None
    await pair.settle()
    assert pair.world.writers() == ["a"]


async def test_a_backup_that_is_not_there_is_named_with_those_that_are() -> None:
    pair = await backed_up()

    pair.say(Say.RESTORE, last_entry(pair).id, "20251231")

    held = await pair.hold(Reason.BACKUP_ABSENT)
    assert "a has no backup 20251231; kept there: 20260101 (" in held.message
    assert pair.world.writers() == ["a"]


async def test_a_backup_that_goes_while_people_decide_is_missed_before_anything_is_stopped() -> None:
    pair = await backed_up(seconds_ago=400)
    await asked(pair)

    pair.world.nodes["a"].backups.clear()

    await pair.hold(Reason.BACKUP_ABSENT)
    assert pair.world.writers() == ["a"]


async def test_an_owner_that_goes_while_people_decide_holds_with_a_way_out() -> None:
    pair = await backed_up(seconds_ago=400)
    await asked(pair)

    pair.world.power_cut("a")
    held = await pair.hold(Reason.TARGET_UNREADABLE)
    assert "take the answer Restore of 20260101 out" in held.message

    pair.change(answers=())
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)


async def test_a_restore_that_fails_three_times_gives_the_owner_its_service_back() -> None:
    pair = await backed_up()
    pair.say(Say.RESTORE, last_entry(pair).id, NIGHTLY)
    await pair.hold(Reason.COPY_OVER_BUDGET)
    assert pair.status.episode is not None

    async def broken(*_: object, **__: object) -> Failed:
        return Failed(Reason.COMMAND_FAILED, "the program ended with 1")

    pair.drivers.replication.restore = broken  # type: ignore[method-assign]
    pair.say(Say.ACCEPT_LOSS, pair.status.episode.id, "900")
    await pair.run_until(lambda it: it.status.episode is None and it.world.writers() == ["a"])

    entry = entry_of(pair, EpisodeKind.RESTORE)
    assert (entry.result, entry.restored) == ("Abandoned", None)
    assert pair.world.lost_records() == 0


async def held_at_preflight(pair: Pair) -> Hold:
    """Orders the survivor without a copy, and waits until the failover says why it does not begin."""
    pair.order("b")
    await pair.run_until(lambda it: it.status.episode is not None)
    return await pair.hold(Reason.COPY_NOT_WHOLE)


async def test_a_survivor_without_a_whole_copy_comes_up_with_the_backup_that_a_person_names() -> None:
    pair = await backed_up(seconds_ago=400)
    records = pair.world.nodes["b"].backups[NIGHTLY][0]
    pair.world.nodes["b"].copies = ()
    pair.change(failover=pair.store.spec.failover.model_copy(update={"automatic": Automatic.DISABLED}))
    pair.world.power_cut("a")
    held = await held_at_preflight(pair)
    assert "kept there: 20260101 (" in held.message
    episode = pair.status.episode
    assert episode is not None
    assert f"answer Restore to {episode.id}" in held.message

    pair.say(Say.RESTORE, episode.id, NIGHTLY)
    held = await pair.hold(Reason.COPY_OVER_BUDGET)
    assert "answer AcceptLoss of " in held.message
    pair.say(Say.ACCEPT_LOSS, episode.id, "3600")
    live: list[int | None] = []
    pair.after_effect = lambda _: live.append(pair.world.nodes["b"].records)
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    entry = entry_of(pair, EpisodeKind.FAILOVER)
    assert (entry.result, entry.restored) == ("Done", NIGHTLY)
    assert records in live
    assert entry.declared_loss_seconds is not None


async def test_a_survivor_that_does_not_have_the_named_backup_says_which_it_has() -> None:
    pair = await backed_up()
    pair.world.nodes["b"].copies = ()
    pair.world.power_cut("a")
    await held_at_preflight(pair)
    assert pair.status.episode is not None

    pair.say(Say.RESTORE, pair.status.episode.id, "20251231")

    held = await pair.hold(Reason.BACKUP_ABSENT)
    assert "b has no backup 20251231; kept there: 20260101" in held.message


async def test_a_copy_of_no_one_moment_is_brought_up_where_a_person_names_it() -> None:
    pair = await backed_up()
    node = pair.world.nodes["b"]
    node.copies = (Copy(Generation(epoch=1, counter=9), 7, pair.clock.monotonic_seconds(), is_whole=False),)
    pair.world.power_cut("a")
    held = await held_at_preflight(pair)
    assert "1.9 (" in held.message
    assert pair.status.episode is not None

    pair.say(Say.RESTORE, pair.status.episode.id, "1.9")
    pair.say(Say.ACCEPT_LOSS, pair.status.episode.id, "3600")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    assert entry_of(pair, EpisodeKind.FAILOVER).restored == "1.9"


async def test_a_mirror_is_not_restored_by_the_operator() -> None:
    pair = await backed_up()
    spec = pair.store.spec
    seen_mirror = Replication.model_validate({"drbd": {"resource": "r0", "disk": "/dev/vdb", "mount": "/srv/maestro"}})
    pair.store.spec = spec.model_copy(update={"replication": seen_mirror})

    pair.say(Say.RESTORE, last_entry(pair).id, NIGHTLY)

    await pair.hold(Reason.NOT_CONFIGURED)


def test_what_could_be_restored_is_named_youngest_first_and_an_unknown_age_last() -> None:
    replica = Replica(
        backups=(KeptBackup("old", 900.0), KeptBackup("strange", None), KeptBackup("young", 60.0)),
        torn=Generation(epoch=2, counter=4),
        torn_age_seconds=5.0,
    )

    told = "2.4 (younger than 1 min), young (older than 1 min), old (older than 15 min), strange (age unknown)"
    assert named(replica) == f"kept there: {told}"
    assert named(Replica()) == "no backup is kept there"
    assert replica.restorable("2.4") == (True, 5.0)
    assert replica.restorable("none") == (False, None)


@pytest.mark.parametrize(
    ("replica", "said"),
    [
        (Replica(), ("False", Reason.BACKUP_ABSENT)),
        (Replica(backups=(KeptBackup("x", None),)), ("False", Reason.BACKUP_ABSENT)),
        (Replica(backups=(KeptBackup("x", 5.0, is_on_both=True),)), ("True", Reason.ALL_GOOD)),
        (Replica(backups=(KeptBackup("x", 5.0),)), ("False", Reason.BACKUP_ALONE)),
        (Replica(backups=(KeptBackup("x", 93601.0, is_on_both=True),)), ("False", Reason.BACKUP_TOO_OLD)),
        (
            Replica(backups=(KeptBackup("x", 5.0, is_on_both=True),), backup_failed="y"),
            ("False", Reason.BACKUP_FAILED),
        ),
        (Replica(backup_result="unreadable"), ("Unknown", Reason.BAD_ANSWER)),
    ],
)
def test_a_backup_is_fresh_when_it_is_young_successful_and_on_both_nodes(
    replica: Replica, said: tuple[str, Reason]
) -> None:
    at = seen()
    told = replace(
        at,
        spec=at.spec.model_copy(update={"backup": BACKUP}),
        nodes={**at.nodes, "a": replace(node("a"), replica=replica)},
    )

    truth, reason, _ = backup_fresh(told, told.status)

    assert (truth, reason) == said


def test_nothing_is_said_of_backups_that_nobody_asked_for_or_of_a_node_that_was_not_read() -> None:
    at = seen()

    assert backup_fresh(at, at.status)[:2] == ("Unknown", Reason.NOT_CONFIGURED)
    unread = replace(at, spec=at.spec.model_copy(update={"backup": BACKUP}), nodes={})
    assert backup_fresh(unread, at.status)[:2] == ("Unknown", Reason.NOT_YET_KNOWN)


async def test_a_pair_whose_backup_is_not_fresh_is_not_protected() -> None:
    pair = await backed_up()
    await pair.settle()
    assert condition(pair, "BackupFresh") == ("True", "AllGood")
    assert condition(pair, "Protected")[0] == "True"

    pair.world.nodes["b"].backups.clear()
    await pair.settle()

    assert condition(pair, "BackupFresh") == ("False", "BackupAlone")
    assert condition(pair, "Protected") == ("False", "BackupAlone")


def told_to_the_node(backup: Backup) -> set[str]:
    return set(configuration(Equipment("uid-1", pair_spec(backup=backup), "a")).splitlines())


def test_a_node_is_told_where_backups_lie_and_how_many_are_kept() -> None:
    reports = BackupReports(folder="/opt/hub/logs", paths=("/opt/hub/backup", "/opt/lui/backup"))

    assert {"backup_reports=/opt/hub/logs", "backup_path=/opt/hub/backup", "backup_path=/opt/lui/backup"} <= (
        told_to_the_node(Backup(reports=reports))
    )
    assert {"backup_program=/x/newest", "backup_keep=5", "backup_restore=/x/restore"} <= told_to_the_node(
        Backup(command=BackupCommand(program="/x/newest"), keep=5, restore_program="/x/restore")
    )
    assert not any(line.startswith("test_") for line in told_to_the_node(Backup()))
    assert {"test_days=7", "test_seconds=60", "test_program=/x/check"} <= told_to_the_node(
        Backup(restore_test=RestoreTest(timeout_seconds=60, program="/x/check"))
    )
    assert "test_days=30" in told_to_the_node(Backup(restore_test=RestoreTest(every_days=30)))


async def test_a_restore_test_that_failed_is_said_and_moves_nothing() -> None:
    pair = await backed_up()
    pair.change(backup=BACKUP.model_copy(update={"restore_test": RestoreTest()}))
    await pair.settle()
    assert condition(pair, "RestoreTested") == ("False", "NeverRehearsed")

    pair.world.nodes["b"].tested = (NIGHTLY, pair.clock.monotonic_seconds(), "passed")
    await pair.settle()
    assert condition(pair, "RestoreTested") == ("True", "AllGood")

    pair.world.nodes["b"].tested = (NIGHTLY, pair.clock.monotonic_seconds(), "CheckFailed")
    await pair.settle()
    assert condition(pair, "RestoreTested") == ("False", "RestoreTestFailed")
    assert condition(pair, "Protected")[0] == "True"
    assert pair.status.active_node == "a"
