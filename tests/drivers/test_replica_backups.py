"""The application's backups: found by report or program, kept on both nodes, and put in the place of live data."""

import os
from pathlib import Path

import pytest

from drivers.test_replica_links import both, configure, pair, volume
from drivers.test_replica_pair import LIVE, STORE, Answer, Node, Pair, tree_of

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

BACKUPS = f"{STORE}/backups"
GOOD = "hub: saved\nlui: saved\nThe backup was completed successfully\nFinal completion date: 2026-11-29 03:10\n"
BAD = "hub: saved\nlui: ERROR: no space left on device\n"
HOUR = 3600

PROGRAM = """#!/bin/sh
[ "$1" = newest ] || exit 2
cat @HERE@/told
"""
RESTORER = """#!/bin/sh
[ "$1" = restore ] && mkdir "$3/db" && cp "$2/hub/dump" "$3/db/table"
"""


def report(node: Node, backup: str, text: str = GOOD, *, age: int = 2 * HOUR) -> None:
    """Writes a report as the application does, some time ago."""
    folder = node.at("opt/hub/logs")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"backupReport_{backup}.txt"
    path.write_text(text)
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))


def backed_up(pair: Pair, backup: str = "20261129", *, content: str = "rows\n") -> None:
    """Lets the application make a backup of two components."""
    for component in ("hub", "lui"):
        folder = pair.a.at(f"opt/{component}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dump").write_text(f"{component} {content}")
    report(pair.a, backup)


@pytest.fixture
def watched(pair: Pair) -> Pair:
    """Both nodes are told where reports and backups lie."""
    configure(pair, backup_reports="/opt/hub/logs", backup_path="/opt/hub", backup_keep="2")
    configure(pair, backup_path="/opt/lui")
    return pair


def kept(node: Node) -> list[str]:
    return sorted(path.name for path in node.at(BACKUPS).iterdir() if path.name[0] != ".")


def told(node: Node, key: str = "backup") -> list[str]:
    return node.replica("observe").all(key)


def run(pair: Pair) -> Answer:
    return pair.a.replica("backup")


def test_a_successful_backup_is_kept_on_both_nodes_with_the_same_checksums(watched: Pair) -> None:
    backed_up(watched)

    assert run(watched).code == 0

    for node in (watched.a, watched.b):
        (line,) = told(node)
        name, age, size, peer = line.split(":")
        assert (name, peer) == ("20261129", "yes")
        assert 2 * HOUR <= int(age) < 3 * HOUR
        assert int(size) > 0
    folders = [node.at(f"{BACKUPS}/20261129") for node in (watched.a, watched.b)]
    assert tree_of(folders[0] / "data/hub") == tree_of(folders[1] / "data/hub")
    assert (folders[0] / "sums").read_text() == (folders[1] / "sums").read_text()
    assert told(watched.a, "backup_result") == ["ok"]


def test_a_backup_without_success_is_told_and_not_kept(watched: Pair) -> None:
    backed_up(watched)
    run(watched)
    report(watched.a, "20261130", BAD)

    run(watched)

    assert kept(watched.a) == ["20261129"]
    assert told(watched.a, "backup_result") == ["failed"]
    assert told(watched.a, "backup_failed") == ["20261130"]


def test_a_report_that_is_being_written_is_no_failure(watched: Pair) -> None:
    backed_up(watched)
    report(watched.a, "20261130", BAD, age=0)

    run(watched)

    assert kept(watched.b) == ["20261129"]
    assert told(watched.a, "backup_result") == ["running"]
    assert told(watched.a, "backup_failed") == ["none"]


def test_the_newest_are_kept_on_each_node(watched: Pair) -> None:
    for number in range(4):
        backed_up(watched, f"2026112{number}", content=f"{number}\n")
        report(watched.a, f"2026112{number}", age=(10 - number) * HOUR)
        assert run(watched).code == 0

    assert kept(watched.a) == kept(watched.b) == ["20261122", "20261123"]


def test_a_backup_is_kept_here_while_the_peer_is_away_and_sent_when_it_is_back(watched: Pair) -> None:
    backed_up(watched)
    watched.a.plan("backup", "before")

    assert run(watched).code == 1
    assert told(watched.a)[0].endswith(":no")

    watched.a.heal()
    assert run(watched).code == 0
    assert told(watched.a)[0].endswith(":yes")
    assert kept(watched.b) == ["20261129"]


def test_what_arrives_damaged_is_not_kept(watched: Pair) -> None:
    backed_up(watched)
    dump = watched.b.root / BACKUPS / ".20261129.part/incoming/hub/dump"
    script = watched.b.at("lib/maestro-backups")
    sound = '            sum_up "$_part/incoming"'
    assert sound in script.read_text()
    script.write_text(script.read_text().replace(sound, f"            echo x >{dump}\n{sound}"))

    assert run(watched).code == 1

    assert kept(watched.b) == []
    assert told(watched.a)[0].endswith(":no")


def test_a_standby_keeps_no_backup_of_its_own(watched: Pair) -> None:
    report(watched.b, "20261128")

    assert watched.b.replica("backup").code == 0

    assert not watched.b.at(BACKUPS).exists() or kept(watched.b) == []


def test_a_program_tells_of_the_newest_backup(pair: Pair) -> None:
    configure(pair, backup_program=f"{pair.a.root}/lib/tell")
    path = pair.a.at("lib/tell")
    path.write_text(PROGRAM.replace("@HERE@", f"{pair.a.root}/lib"))
    path.chmod(0o755)
    pair.a.at("opt").mkdir()
    pair.a.at("opt/dump").write_text("rows\n")
    pair.a.at("lib/told").write_text("id=n-7\nresult=success\nfinished=1700000000\npath=/opt\n")

    assert run(pair).code == 0

    assert pair.b.at(f"{BACKUPS}/n-7/data/dump").read_text() == "rows\n"
    pair.a.at("lib/told").write_text("id=n-8\nresult=failure\n")
    run(pair)
    assert told(pair.a, "backup_failed") == ["n-8"]
    pair.a.at("lib/told").write_text("garbage\n")
    run(pair)
    assert told(pair.a, "backup_result") == ["unreadable"]


def copy_of_live(pair: Pair) -> dict[str, tuple[object, ...]]:
    """Makes a backup that is a copy of the live data, and lets it be kept."""
    configure(pair, backup_reports="/opt/hub/logs", backup_path=f"/{LIVE}")
    report(pair.a, "20261129")
    expected = pair.a.tree()
    assert run(pair).code == 0
    return expected


@both
def test_a_backup_takes_the_place_of_the_live_data_which_is_kept_aside(pair: Pair) -> None:
    expected = copy_of_live(pair)
    (pair.a.at(LIVE) / "db/table").write_bytes(b"damaged")
    damaged = pair.a.tree()

    words = ("restore", "--episode", "restore-2", "--item", "20261129")
    assert pair.a.replica(*words).values == {"restored": "20261129"}
    assert pair.a.replica(*words).values == {"restored": "20261129", "again": "yes"}

    assert pair.a.tree() == expected
    assert pair.a.tree(f"{STORE}/quarantine/restore-2-replaced") == damaged
    assert pair.a.observe()["promoted_episode"] == "restore-2"
    assert pair.a.observe()["promoted"] == "none"
    newest = pair.send()
    assert pair.b.tree(f"{STORE}/generations/{newest}") == expected


def test_a_survivor_restores_what_its_peer_had_sent_it(pair: Pair) -> None:
    expected = copy_of_live(pair)
    pair.let_send_after(pair.b, epoch=2, source=pair.a)

    assert pair.b.replica("restore", "--episode", "failover-2", "--item", "20261129").code == 0

    assert pair.b.tree() == expected


def test_a_damaged_backup_is_not_restored_and_the_live_data_stays(pair: Pair) -> None:
    copy_of_live(pair)
    pair.a.at(f"{BACKUPS}/20261129/data/db/table").write_bytes(b"bits rot")
    before = pair.a.tree()

    answer = pair.a.replica("restore", "--episode", "restore-2", "--item", "20261129")

    assert answer.values["refused"] == "BackupDamaged"
    assert pair.a.tree() == before


def test_a_program_of_the_site_makes_live_data_of_a_backup(watched: Pair) -> None:
    backed_up(watched)
    configure(watched, backup_restore=f"{watched.a.root}/lib/restorer")
    path = watched.a.at("lib/restorer")
    path.write_text(RESTORER)
    path.chmod(0o755)
    watched.a.at(LIVE).chmod(0o751)
    run(watched)

    assert watched.a.replica("restore", "--episode", "restore-2", "--item", "20261129").code == 0

    assert watched.a.at(f"{LIVE}/db/table").read_text() == "hub rows\n"
    assert watched.a.at(LIVE).stat().st_mode & 0o777 == 0o751


def test_a_copy_of_no_one_moment_is_restored_where_a_person_named_it(pair: Pair) -> None:
    running = pair.a.at(f"{LIVE}/db/table").open("rb")
    try:
        sent = pair.a.replica("run").values["generation"]
    finally:
        running.close()
    expected = pair.a.tree()
    pair.let_send_after(pair.b, epoch=2, source=pair.a)
    assert pair.b.observe()["whole"] == "no"

    assert pair.b.replica("restore", "--episode", "failover-2", "--item", sent).values["restored"] == sent

    assert pair.b.tree() == expected


@pytest.mark.parametrize("item", ["20261129", "7.7", "../../etc"])
def test_what_is_not_there_is_not_restored(pair: Pair, item: str) -> None:
    before = pair.a.tree()

    answer = pair.a.replica("restore", "--episode", "restore-2", "--item", item)

    assert answer.code in (2, 10)
    assert pair.a.tree() == before


def test_a_restore_that_was_cut_off_is_finished_by_a_repeat(pair: Pair) -> None:
    expected = copy_of_live(pair)
    (pair.a.at(LIVE) / "files/one").write_text("damaged\n")
    meta = pair.a.at(f"{STORE}/meta")
    (Path(meta) / "journal").write_text("verb=restore\nepisode=restore-2\ngeneration=20261129\nphase=prepare\nend=1\n")

    answer = pair.a.replica("restore", "--episode", "restore-2", "--item", "20261129")

    assert answer.values == {"restored": "20261129", "again": "yes"}
    assert pair.a.tree() == expected
