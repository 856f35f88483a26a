"""A run brings the whole consistency group of one moment, whatever the time stamps say."""

import os
import subprocess

import pytest

from drivers.test_replica_pair import LIVE, STORE, Pair, pair, until, volume

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


def test_a_run_brings_the_whole_consistency_group_as_generation_one(pair: Pair) -> None:
    assert pair.send() == "1.1"

    assert pair.b.tree(f"{STORE}/generations/1.1") == pair.a.tree()
    seen = pair.b.observe()
    assert seen["generation"] == "1.1"
    assert seen["whole"] == "yes"
    assert seen["source"] == "a"
    assert pair.a.observe()["sent"] == "1.1"


def test_hard_links_and_extended_attributes_arrive(pair: Pair) -> None:
    os.setxattr(pair.a.at(f"{LIVE}/files/one"), "user.note", b"kept")

    pair.send()

    copy = pair.b.at(f"{STORE}/generations/1.1/files")
    assert (copy / "one").stat().st_ino == (copy / "twin").stat().st_ino
    assert os.getxattr(copy / "one", "user.note") == b"kept"


def test_a_later_run_brings_changes_and_removals_and_keeps_three_generations(pair: Pair) -> None:
    for number in range(5):
        pair.a.at(f"{LIVE}/files/round").write_text(f"{number}\n")
        pair.a.at(f"{LIVE}/files/only-{number}").touch()
        if number:
            pair.a.at(f"{LIVE}/files/only-{number - 1}").unlink()
        pair.send()

    assert pair.b.generations == {"1.3", "1.4", "1.5"}
    assert pair.b.tree(f"{STORE}/generations/1.5") == pair.a.tree()


def test_a_change_that_keeps_size_and_time_stamp_arrives(pair: Pair) -> None:
    table = pair.a.at(f"{LIVE}/db/table")
    os.utime(table, ns=(0, 1_700_000_000_000_000_000))
    pair.send()

    with table.open("r+b") as file:
        file.write(b"other bytes, same size")
    os.utime(table, ns=(0, 1_700_000_000_000_000_000))
    pair.send()

    assert pair.b.tree(f"{STORE}/generations/1.2") == pair.a.tree()


def test_a_change_within_the_same_second_arrives(pair: Pair) -> None:
    note = pair.a.at(f"{LIVE}/files/note")
    note.write_text("first")
    os.utime(note, ns=(0, 1_700_000_000_100_000_000))
    pair.send()

    note.write_text("other")
    os.utime(note, ns=(0, 1_700_000_000_900_000_000))
    pair.send()

    assert pair.b.tree(f"{STORE}/generations/1.2") == pair.a.tree()


def test_a_hard_link_that_was_taken_apart_is_written_anew_after_one_refusal(pair: Pair) -> None:
    pair.send()
    twin = pair.a.at(f"{LIVE}/files/twin")
    twin.unlink()
    twin.write_text("no longer a twin of one\n")

    answer = pair.a.replica("final")
    if answer.code != 0:
        assert answer.values["refused"] == "ManifestMismatch"
        assert pair.b.observe()["generation"] == "1.1"
        pair.send()

    newest = pair.b.observe()["generation"]
    assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree()


WRITER = """
import os
first, second = (os.open(name, os.O_WRONLY | os.O_CREAT) for name in ("files/first", "db/second"))
number = 0
while True:
    number += 1
    for file in (first, second):
        os.pwrite(file, b"%09d" % number, 0)
        os.fsync(file)
"""


def test_the_copy_is_of_one_moment_while_files_are_being_written(pair: Pair) -> None:
    # The second file follows the first, each on the disk before the other goes on: apart by one, never by more.
    pair.a.at(f"{LIVE}/db/between").write_bytes(bytes(24 << 20))
    words = ("sh", "-c", f"cd {pair.a.root / LIVE} && exec python3 -c '{WRITER}'")
    writer = subprocess.Popen(pair.a.volume.command(*words))
    try:
        second = pair.a.at(f"{LIVE}/db/second")
        until(lambda: second.exists() and second.stat().st_size > 0)
        numbers = [pair.send() for _ in range(3)]
    finally:
        writer.kill()
        writer.wait()

    for number in numbers:
        copy = pair.b.at(f"{STORE}/generations/{number}")
        assert 0 <= int((copy / "files/first").read_text()) - int((copy / "db/second").read_text()) <= 1


def test_only_the_last_sent_snapshot_is_kept(pair: Pair) -> None:
    pair.send()
    pair.send()

    assert [path.name for path in pair.a.at(f"{STORE}/sent").iterdir()] == ["1.2"]


def test_the_announcement_comes_before_the_snapshot(pair: Pair) -> None:
    # What is written when the announcement has been answered is in the copy: so the copy is
    # younger than the announcement, and its age is never told too small.
    pair.a.plan("announce", "touch", f"{pair.a.root / LIVE}/announced")

    pair.send()

    assert pair.b.at(f"{STORE}/generations/1.1/announced").exists()
