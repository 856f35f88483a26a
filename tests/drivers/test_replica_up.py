"""Data comes up, is kept aside and turns round, and none of it is lost on the way."""

import os
import subprocess
from pathlib import Path

import pytest

from drivers.test_replica_pair import LIVE, STORE, Pair, pair, sent_but_not_committed, until, volume

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


def test_a_promotion_is_done_once_and_said_again(pair: Pair) -> None:
    pair.send()

    first = pair.b.replica("promote", "--episode", "ep-9", "--generation", "1.1")
    pair.b.at(f"{LIVE}/new").write_text("written after the promotion\n")
    again = pair.b.replica("promote", "--episode", "ep-9", "--generation", "1.1")

    assert (first.code, again.code, again.values["again"]) == (0, 0, "yes")
    assert pair.b.at(f"{LIVE}/new").exists()
    seen = pair.b.observe()
    assert (seen["promoted"], seen["promoted_episode"], seen["live"]) == ("1.1", "ep-9", "present")


@pytest.mark.parametrize("verb", ["promote", "quarantine", "reverse"])
def test_live_data_is_not_moved_while_a_process_holds_it(pair: Pair, verb: str) -> None:
    number = pair.send()
    node = pair.a
    if verb == "promote":
        node = pair.b
        node.volume.run("btrfs", "-q", "subvolume", "create", node.root / LIVE)
    generation = ["--generation", number] if verb != "quarantine" else []
    holder = subprocess.Popen(node.volume.command("sh", "-c", f"cd {node.root / LIVE} && exec sleep 50"))
    try:
        until(lambda: str(Path(f"/proc/{holder.pid}/cwd").readlink()).endswith(LIVE))
        held = node.replica(verb, "--episode", "ep-9", *generation)
        assert (held.code, held.values["refused"]) == (10, "HoldersPresent")
        assert held.values["holders"] == str(holder.pid)
    finally:
        holder.kill()
        holder.wait()

    assert node.replica(verb, "--episode", "ep-9", *generation).code == 0


def test_quarantine_keeps_the_data_lists_it_and_makes_it_the_base_of_the_next_copy(pair: Pair) -> None:
    pair.send()
    assert pair.b.replica("promote", "--episode", "ep-9").code == 0
    pair.b.at(f"{LIVE}/last words").write_text("written by the old owner\n")
    # And a change that neither size nor time stamp shows: it must not end up in the next copy.
    table = pair.b.at(f"{LIVE}/db/table")
    stamp = table.stat().st_mtime_ns
    with table.open("r+b") as file:
        file.write(b"the old owner's bytes")
    os.utime(table, ns=(stamp, stamp))
    old = pair.b.tree()

    first = pair.b.replica("quarantine", "--episode", "ep-10")
    again = pair.b.replica("quarantine", "--episode", "ep-10")

    assert (first.values["quarantined"], again.values["again"]) == ("ep-10", "yes")
    assert pair.b.tree(f"{STORE}/quarantine/ep-10") == old
    newest = pair.send()
    assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree()
    assert pair.b.tree(f"{STORE}/quarantine/ep-10") == old
    # The timer measures what is kept; nobody waits for that.
    assert pair.b.replica("run").code == 0
    (kept,) = pair.b.replica("observe").all("quarantine")
    name, size, _age, moment = kept.split(":")
    assert name == "ep-10"
    assert int(size) > 1 << 20
    written = int(pair.b.at(f"{STORE}/quarantine/ep-10").parent.stat().st_mtime)
    assert abs(written - int(moment)) < 60


def test_quarantine_without_live_data_changes_nothing(pair: Pair) -> None:
    pair.send()

    answer = pair.b.replica("quarantine", "--episode", "ep-10")

    assert (answer.code, answer.values["quarantined"]) == (0, "none")
    assert pair.send() == "1.2"
    assert pair.b.replica("observe").all("quarantine") == []


def test_replication_turns_round_and_sends_only_what_changed(pair: Pair) -> None:
    final = pair.send()
    old = pair.a.tree()
    pair.let_send_after(pair.b, epoch=2, source=pair.a)
    assert pair.b.replica("promote", "--episode", "ep-2", "--generation", final).code == 0
    assert pair.a.replica("reverse", "--episode", "ep-2", "--generation", final).code == 0
    pair.let_receive(pair.a, epoch=2, source=pair.b)
    seen = pair.a.observe()
    assert (seen["generation"], seen["whole"], seen["live"]) == (final, "yes", "absent")
    assert pair.a.tree(f"{STORE}/generations/{final}") == old
    (pair.b.at(LIVE) / "files/back").write_text("from the new owner\n")

    answer = pair.b.replica("final")

    assert (answer.values["generation"], answer.values["mode"]) == ("2.1", "changes")
    assert pair.a.tree(f"{STORE}/generations/2.1") == pair.b.tree()


@pytest.mark.parametrize("change", ["write", "same-look"])
def test_reverse_is_refused_when_the_old_source_wrote_after_its_last_run(pair: Pair, change: str) -> None:
    final = pair.send()
    table = pair.a.at(f"{LIVE}/db/table")
    stat = table.stat()
    with table.open("r+b") as file:
        file.write(b"late")
    if change == "same-look":
        os.utime(table, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    late = pair.a.tree()

    answer = pair.a.replica("reverse", "--episode", "ep-2", "--generation", final)

    assert (answer.code, answer.values["refused"]) == (10, "NotEqual")
    assert pair.a.tree() == late
    assert pair.a.replica("quarantine", "--episode", "ep-2").code == 0
    assert pair.a.tree(f"{STORE}/quarantine/ep-2") == late


def test_reverse_to_a_generation_that_was_never_committed_is_refused(pair: Pair) -> None:
    number, _manifest = sent_but_not_committed(pair)

    answer = pair.a.replica("reverse", "--episode", "ep-2", "--generation", number)

    assert (answer.code, answer.values["refused"]) == (10, "NotWhole")
    assert pair.a.at(LIVE).exists()


def test_a_node_with_an_unfinished_promotion_neither_receives_nor_comes_up(pair: Pair) -> None:
    pair.send()
    pair.b.at(f"{STORE}/meta/journal").write_text("verb=promote\nepisode=ep-9\ngeneration=1.1\nphase=prepare\nend=1\n")

    assert pair.b.replica("receive", "announce", "1", "7", "a").values["refused"] == "Unfinished"
    assert pair.b.replica("up").values["refused"] == "Unfinished"
    assert pair.b.observe()["journal"] == "promote:ep-9"
    assert pair.b.replica("quarantine", "--episode", "ep-10").code == 0
    assert pair.b.at(f"{STORE}/quarantine/ep-10/files/one").exists()
