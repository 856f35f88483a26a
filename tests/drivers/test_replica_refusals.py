"""What the replication refuses: data without a grant, copies that are not whole, steps that would lose something."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drivers.test_replica_pair import LIVE, STORE, Node, Pair, pair, sent_but_not_committed, until, volume

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

NO_MANIFEST = "0" * 64


@contextmanager
def hanging_receiver(pair: Pair) -> Iterator[subprocess.Popen[bytes]]:
    """Holds a run whose connection went silent in the middle of the data; the receiver waits on."""
    pair.a.plan("data", "hang", "4000")
    words = pair.a.volume.command(pair.a.root / "lib/maestro-replica", "--root", pair.a.root, "run")
    run = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: pair.b.observe()["receivers"] == "1" and _entered(pair))
        yield run
    finally:
        pair.a.heal()
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def _entered(pair: Pair) -> bool:
    marker = pair.b.at(f"{STORE}/meta/incoming")
    return marker.exists() and "empty" not in marker.read_text()


def commit(pair: Pair, number: str, manifest: str, *, source: str = "a", node: Node | None = None) -> tuple[int, str]:
    """Asks for a commit and gives the exit code and the word of refusal."""
    answer = (node or pair.b).replica("receive", "commit", *number.split("."), source, manifest)
    return answer.code, answer.values.get("refused", "")


# --- without a grant ---------------------------------------------------------------------------------


def test_a_commit_is_refused_after_sever(pair: Pair) -> None:
    number, manifest = sent_but_not_committed(pair)
    pair.order(pair.b, "sever")

    assert commit(pair, number, manifest) == (10, "NoGrant")
    assert pair.b.generations == set()


def test_a_commit_is_refused_after_a_demotion_to_a_later_epoch(pair: Pair) -> None:
    number, manifest = sent_but_not_committed(pair)
    pair.order(pair.b, "demote", "--epoch", "2", "--owner", "a", episode="ep-2")

    assert commit(pair, number, manifest) == (10, "NoGrant")
    assert pair.b.generations == set()


def test_a_grant_that_ends_between_the_check_and_the_commit_is_seen_under_the_lock(pair: Pair) -> None:
    number, manifest = sent_but_not_committed(pair)
    guard = f"{pair.b.root}/lib/maestro-guard --root {pair.b.root}"
    demote = f"{guard} demote --pair p-1 --node b --term 1 --episode ep-2 --epoch 2 --owner a"
    tool = pair.b.at("reaper/sha256sum")
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nPATH=${{PATH#*:}}\nsha256sum\n{demote} >/dev/null\n")
    tool.chmod(0o755)

    answer = pair.b.replica(
        "receive",
        "commit",
        *number.split("."),
        "a",
        manifest,
        env={"PATH": f"{pair.b.root}/reaper:/usr/sbin:/usr/bin:/sbin:/bin"},
    )

    assert (answer.code, answer.values["refused"]) == (10, "NoGrant"), answer
    assert pair.b.generations == set()


def test_an_announcement_without_a_grant_is_refused_and_the_sender_says_so(pair: Pair) -> None:
    pair.order(pair.b, "sever")

    answer = pair.a.replica("final")

    assert answer.code == 10
    assert (answer.values["refused"], answer.values["by"]) == ("NoGrant", "peer")
    assert pair.a.observe()["run_result"] == "PeerNoGrant"
    assert not pair.b.at(f"{STORE}/incoming").exists()


def test_another_source_is_refused(pair: Pair) -> None:
    number, manifest = sent_but_not_committed(pair)

    assert commit(pair, number, manifest, source="c") == (10, "NoGrant")
    assert pair.b.replica("receive", "announce", "1", "9", "c").values["refused"] == "NoGrant"


def test_a_lower_or_equal_generation_is_refused(pair: Pair) -> None:
    pair.send()
    pair.send()

    for number in ("1.1", "1.2", "0.9"):
        code, word = commit(pair, number, NO_MANIFEST)
        assert code == 10
        assert word in {"LowerGeneration", "BadRequest"}
    again = pair.b.replica("receive", "announce", "1", "2", "a")
    assert (again.code, again.values["refused"]) == (10, "LowerGeneration")


def test_a_number_is_announced_once_so_that_no_data_is_older_than_its_announcement(pair: Pair) -> None:
    first = pair.b.replica("receive", "announce", "1", "5", "a")
    again = pair.b.replica("receive", "announce", "1", "5", "a")

    assert first.code == 0
    assert (again.code, again.values["refused"]) == (10, "LowerGeneration")


def test_a_commit_that_was_not_announced_is_refused(pair: Pair) -> None:
    pair.send()

    assert commit(pair, "1.9", NO_MANIFEST) == (10, "NotAnnounced")


def test_a_sender_without_a_permit_does_not_send(pair: Pair) -> None:
    pair.order(pair.a, "demote", "--epoch", "2", "--owner", "b", episode="ep-2")

    answer = pair.a.replica("final")

    assert answer.code == 10
    assert not pair.a.at("wire/asked").exists()


# --- not whole -----------------------------------------------------------------------------------------


def test_a_manifest_that_does_not_match_is_refused_and_the_next_run_is_right(pair: Pair) -> None:
    pair.send()
    number, manifest = sent_but_not_committed(pair)
    pair.b.at(f"{STORE}/incoming/files/one").write_text("not what was sent\n")

    assert commit(pair, number, manifest) == (10, "ManifestMismatch")
    assert pair.b.observe()["generation"] == "1.1"
    newest = pair.send()
    assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree()


def test_a_repeated_commit_of_the_same_generation_is_done(pair: Pair) -> None:
    number, manifest = sent_but_not_committed(pair)
    assert commit(pair, number, manifest)[0] == 0

    assert commit(pair, number, manifest)[0] == 0
    assert commit(pair, number, NO_MANIFEST)[0] == 10


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        ("btrfs -q subvolume create inner", "NestedSubvolume"),
        ("mkdir inner && mount -t tmpfs none inner", "MountInside"),
        ("cd .. && mv maestro other && mkdir maestro", "LiveNotSubvolume"),
    ],
)
def test_data_of_which_no_snapshot_holds_all_is_not_sent(pair: Pair, prepare: str, reason: str) -> None:
    assert pair.a.volume.run("sh", "-c", f"cd {pair.a.root / LIVE} && {prepare}").code == 0

    answer = pair.a.replica("final")

    pair.a.volume.run("sh", "-c", f"umount {pair.a.root / LIVE}/inner 2>/dev/null")
    assert (answer.code, answer.values["refused"]) == (10, reason)
    assert pair.b.observe()["whole"] == "no"


def test_a_node_without_a_whole_generation_is_not_promoted(pair: Pair) -> None:
    sent_but_not_committed(pair)

    for words in (("promote", "--episode", "ep-9"), ("promote", "--episode", "ep-9", "--generation", "1.1")):
        answer = pair.b.replica(*words)
        assert (answer.code, answer.values["refused"]) == (10, "NotWhole")
    assert not pair.b.at(LIVE).exists()


# --- one receiver at a time, and it can be ended -----------------------------------------------------------


def test_a_second_receiver_is_refused_while_the_first_is_at_work(pair: Pair) -> None:
    with hanging_receiver(pair):
        words = ("receive", "data", "1", "1", "a", "--server", "-lHogDtpAXre.iLsfxCIvu", ".", "incoming/")
        second = pair.b.replica(*words)
        finish = pair.b.replica("receive", "commit", "1", "1", "a", NO_MANIFEST)

        assert (second.code, second.values["refused"]) == (10, "ReceiverBusy")
        assert (finish.code, finish.values["refused"]) == (10, "ReceiverBusy")
        assert pair.b.observe()["receivers"] == "1"


def test_runs_of_one_sender_never_overlap(pair: Pair) -> None:
    with hanging_receiver(pair):
        asked = pair.a.at("wire/asked").read_text()

        answer = pair.a.replica("run")

        assert (answer.code, answer.lines) == (0, ())
        assert pair.a.at("wire/asked").read_text() == asked
        assert pair.a.observe()["running"] == "yes"


def test_sever_ends_a_running_receiver_and_reads_back_none(pair: Pair) -> None:
    with hanging_receiver(pair):
        (pid,) = (path.name for path in pair.b.at("run/maestro-guard/receivers").iterdir() if path.name.isdigit())
        assert os.getpgid(int(pid)) == int(pid)

        pair.order(pair.b, "sever")

        assert pair.b.observe()["receivers"] == "0"
        until(lambda: not _lives(int(pid)))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_next_announcement_ends_a_receiver_that_its_sender_left_behind(pair: Pair) -> None:
    with hanging_receiver(pair) as run:
        os.killpg(run.pid, signal.SIGSTOP)
        pair.a.heal()

        answer = pair.b.replica("receive", "announce", "1", "7", "a")

        assert answer.code == 0, answer
        assert pair.b.observe()["receivers"] == "0"
        os.killpg(run.pid, signal.SIGCONT)
    assert pair.send() == "1.8"
    assert pair.b.tree(f"{STORE}/generations/1.8") == pair.a.tree()


GOOD = ("--server", "-lHogDtpAXre.iLsfxCIvu", "--delete", ".", "incoming/")


BAD = (
    (),
    ("--server", "--sender", "-lHogDtpAXre.iLsfxCIvu", ".", "incoming/"),
    ("--daemon", *GOOD[1:]),
    (*GOOD[:-1], "/etc"),
    (*GOOD[:-1], "../live/"),
    (*GOOD, "/etc/"),
    (*GOOD[:2], "--log-file=/etc/passwd", *GOOD[2:]),
    (*GOOD[:2], "--remove-source-files", *GOOD[2:]),
    (*GOOD[:2], "--timeout=1;id", *GOOD[2:]),
    ("--server", "-lHogDtpAXrM--backup", ".", "incoming/"),
    ("--server", "-lHogDtpAXbre.iLsfxCIvu", ".", "incoming/"),
    ("--server", ".", "incoming/", "--delete"),
)


def test_only_the_known_words_of_rsync_are_obeyed(pair: Pair) -> None:
    assert pair.b.replica("receive", "announce", "1", "3", "a").code == 0

    for words in BAD:
        answer = pair.b.replica("receive", "data", "1", "3", "a", *words)
        assert (answer.code, answer.values.get("refused")) == (10, "BadRequest"), words


@pytest.mark.parametrize("words", [("1;id", "1", "a"), ("1", "01", "a"), ("1", "1", "../a"), ("1", "1", "$(id)")])
def test_words_of_a_request_that_are_no_numbers_or_names_are_refused(pair: Pair, words: tuple[str, ...]) -> None:
    answer = pair.b.replica("receive", "announce", *words)

    assert (answer.code, answer.values["refused"]) == (10, "BadRequest")
