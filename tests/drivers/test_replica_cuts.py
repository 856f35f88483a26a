"""A run or a step that ends anywhere leaves the old or the new whole thing, and a repeat finishes it."""

import hashlib
import os

import pytest

from drivers.test_replica_pair import LIVE, STORE, Answer, Node, Pair, pair, volume

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

BYTE_POINTS = 26
STEP_POINTS = (("announce", "before"), ("announce", "after"), ("commit", "before"), ("commit", "after"))
MOST_CALLS = 60

# Stands before `btrfs`, `mv` and `rm` in PATH; at call N it takes the whole process group down.
REAPER = """#!/bin/sh
calls=$(cat @COUNT@ 2>/dev/null || echo 0)
calls=$((calls + 1))
echo $calls >@COUNT@
[ "$calls" -ne "$DIE_AT" ] || kill -9 0
PATH=${PATH#*:}
exec "${0##*/}" "$@"
"""


def reaper(node: Node) -> dict[str, str]:
    """Puts the wrappers into a root and gives the environment that uses them."""
    folder = node.at("reaper")
    folder.mkdir(exist_ok=True)
    for name in ("btrfs", "mv", "rm"):
        path = folder / name
        path.write_text(REAPER.replace("@COUNT@", str(node.root / "reaper/calls")))
        path.chmod(0o755)
    return {"PATH": f"{node.root}/reaper:/usr/sbin:/usr/bin:/sbin:/bin"}


def die_at(node: Node, call: int, *words: str) -> Answer:
    """Runs a verb that dies right before its call number `call` of a tool that changes something."""
    env = reaper(node)
    node.at("reaper/calls").write_text("0\n")
    return node.replica(*words, env={**env, "DIE_AT": str(call)})


def change(node: Node, number: int) -> None:
    """Changes the live data in every way a run has to carry."""
    live = node.at(LIVE)
    with (live / "db/table").open("r+b") as file:
        file.seek(number * 20_000 % (1 << 20))
        file.write(hashlib.sha256(str(number).encode()).digest() * 40)
    (live / "files/one").write_text(f"{number:06}\n")
    (live / f"files/new-{number}").write_bytes(os.urandom(6000))
    (live / f"files/new-{number - 3}").unlink(missing_ok=True)


def bytes_of_a_run(pair: Pair) -> int:
    """Measures what a run sends."""
    count = pair.a.at("wire/bytes")
    count.write_bytes(b"")
    pair.a.plan("data", "count")
    pair.send()
    pair.a.heal()
    return count.stat().st_size


def test_a_run_cut_at_any_of_thirty_points_leaves_the_last_whole_generation(pair: Pair) -> None:
    pair.send()
    change(pair.a, 0)
    total = bytes_of_a_run(pair)
    assert total > 5_000
    points = [("data", "bytes", str(total * point // BYTE_POINTS)) for point in range(BYTE_POINTS)]
    points += [(step, fault, "") for step, fault in STEP_POINTS]
    assert len(points) == 30
    last = pair.b.observe()["generation"]
    whole = pair.b.tree(f"{STORE}/generations/{last}")

    for number, (step, fault, amount) in enumerate(points, start=1):
        change(pair.a, number)
        expected = pair.a.tree()
        pair.a.plan(step, fault, amount)
        answer = pair.a.replica("run")
        pair.a.heal()

        assert answer.code != 0, (step, fault, amount, answer)
        now = pair.b.observe()["generation"]
        if (step, fault) == ("commit", "after"):
            # Only the answer was lost: the new generation is whole.
            assert now != last
            whole = expected
        else:
            assert now == last, (step, fault, amount)
        assert pair.b.tree(f"{STORE}/generations/{now}") == whole
        assert max(pair.b.generations, key=lambda name: [*map(int, name.split("."))]) == now
        if number % 5 == 0 or (step, fault) == ("commit", "after"):
            last = pair.send()
            whole = pair.b.tree(f"{STORE}/generations/{last}")
            assert whole == pair.a.tree(), (step, fault, amount)


def test_a_cut_run_is_followed_by_one_that_trusts_no_time_stamp(pair: Pair) -> None:
    # The cut run brought a file over; it then changes again, and looks as it did to the cut run.
    live = pair.a.at(LIVE)
    pair.send()
    stamp = (0, 1_700_000_000_000_000_000)
    (live / "files/one").write_text("aaaa\n")
    os.utime(live / "files/one", ns=stamp)
    pair.a.plan("commit", "before")
    assert pair.a.replica("run").code != 0
    pair.a.heal()
    (live / "files/one").write_text("bbbb\n")
    os.utime(live / "files/one", ns=stamp)

    newest = pair.send()

    assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree()


def test_what_a_cut_run_left_behind_is_cleaned_up(pair: Pair) -> None:
    pair.send()
    change(pair.a, 1)
    pair.a.plan("commit", "before")
    assert pair.a.replica("run").code != 0
    pair.a.heal()
    store = pair.b.root / STORE
    pair.b.volume.run("btrfs", "-q", "subvolume", "snapshot", "-r", store / "incoming", store / "generations/.1.9.part")
    pair.b.at(f"{STORE}/incoming/.one.Xy12Zz").write_text("half a file\n")
    pair.b.at(f"{STORE}/meta/7.7").write_text("manifest=x\nend=1\n")

    newest = pair.send()

    assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree()
    assert not [path for path in pair.b.at(f"{STORE}/generations").iterdir() if path.name.startswith(".")]
    assert not pair.b.at(f"{STORE}/meta/7.7").exists()


def test_a_sender_killed_at_any_call_leaves_a_whole_generation_and_the_next_run_is_right(pair: Pair) -> None:
    pair.send()
    finished = False
    for call in range(1, MOST_CALLS):
        change(pair.a, call)
        old = pair.b.observe()["generation"]
        before = pair.b.tree(f"{STORE}/generations/{old}")

        died = die_at(pair.a, call, "run")

        now = pair.b.observe()["generation"]
        assert pair.b.tree(f"{STORE}/generations/{now}") == (before if now == old else pair.a.tree()), call
        change(pair.a, call + 100)
        newest = pair.send()
        assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree(), call
        assert [path.name for path in pair.a.at(f"{STORE}/sent").iterdir()] == [newest]
        finished = died.code == 0
        if finished:
            break
    assert finished
    assert call > 6


def test_a_commit_killed_at_any_call_is_old_or_new_and_a_repeat_finishes_it(pair: Pair) -> None:
    pair.send()
    finished = False
    for call in range(1, MOST_CALLS):
        change(pair.a, call)
        old = pair.b.observe()["generation"]
        before = pair.b.tree(f"{STORE}/generations/{old}")
        pair.a.plan("commit", "before")
        assert pair.a.replica("run").code != 0
        pair.a.heal()
        record = max(pair.a.at(f"{STORE}/meta").glob("sent-*"), key=lambda path: int(path.name.rpartition(".")[2]))
        number = record.name.removeprefix("sent-")
        manifest = record.read_text().splitlines()[0].partition("=")[2]
        words = ("receive", "commit", *number.split("."), "a", manifest)

        died = die_at(pair.b, call, *words)

        now = pair.b.observe()["generation"]
        assert now in {old, number}
        assert pair.b.tree(f"{STORE}/generations/{now}") == (before if now == old else pair.a.tree())
        again = pair.b.replica(*words)
        assert (again.code, again.values["committed"]) == (0, number), again
        assert pair.b.tree(f"{STORE}/generations/{number}") == pair.a.tree()
        finished = died.code == 0
        if finished:
            break
    assert finished
    assert call > 4


def test_a_promotion_killed_at_any_call_is_finished_by_a_repeat_and_keeps_the_old_data(pair: Pair) -> None:
    generation = pair.send()
    copy = pair.b.tree(f"{STORE}/generations/{generation}")
    pair.b.volume.run("btrfs", "-q", "subvolume", "create", pair.b.root / LIVE)
    finished = False
    for call in range(1, MOST_CALLS):
        pair.b.at(f"{LIVE}/mine").write_text(f"written before {call}\n")
        old = pair.b.tree()
        words = ("promote", "--episode", f"ep-{call}")

        died = die_at(pair.b, call, *words)

        aside = pair.b.at(f"{STORE}/quarantine/ep-{call}-replaced")
        kept = pair.b.tree(str(aside.relative_to(pair.b.at("")))) if aside.exists() else None
        live = pair.b.tree() if pair.b.at(LIVE).exists() else None
        assert old in (live, kept), call
        assert live in (None, old, copy), call
        again = pair.b.replica(*words)
        assert (again.code, again.values["promoted"]) == (0, generation), again
        assert pair.b.tree() == copy
        assert pair.b.tree(f"{STORE}/quarantine/ep-{call}-replaced") == old
        assert pair.b.observe()["journal"] == "none"
        finished = died.code == 0
        if finished:
            break
    assert finished
    assert call > 6


def test_a_quarantine_killed_at_any_call_is_finished_by_a_repeat_and_loses_nothing(pair: Pair) -> None:
    pair.send()
    finished = False
    for call in range(1, MOST_CALLS):
        assert pair.b.replica("promote", "--episode", f"up-{call}").code == 0
        pair.b.at(f"{LIVE}/mine").write_text(f"written in {call}\n")
        old = pair.b.tree()
        words = ("quarantine", "--episode", f"ep-{call}")

        died = die_at(pair.b, call, *words)

        kept = pair.b.at(f"{STORE}/quarantine/ep-{call}").exists()
        assert kept != pair.b.at(LIVE).exists(), call
        again = pair.b.replica(*words)
        assert (again.code, again.values["quarantined"]) == (0, f"ep-{call}"), again
        assert pair.b.tree(f"{STORE}/quarantine/ep-{call}") == old
        assert pair.b.tree(f"{STORE}/incoming") == old
        assert not pair.b.at(LIVE).exists()
        finished = died.code == 0
        if finished:
            break
    assert finished
    assert call > 6


def test_a_reversal_killed_at_any_call_is_finished_by_a_repeat(pair: Pair) -> None:
    generation = pair.send()
    old = pair.a.tree()
    kept = pair.a.at(f"{STORE}/generations/{generation}")
    finished = False
    for call in range(1, MOST_CALLS):
        words = ("reverse", "--episode", f"ep-{call}", "--generation", generation)

        died = die_at(pair.a, call, *words)

        assert pair.a.at(LIVE).exists() or kept.exists(), call
        again = pair.a.replica(*words)
        assert (again.code, again.values["reversed"]) == (0, generation), again
        assert pair.a.tree(f"{STORE}/incoming") == old
        assert pair.a.tree(f"{STORE}/generations/{generation}") == old
        assert pair.a.tree(f"{STORE}/sent/{generation}") == old
        finished = died.code == 0
        if finished:
            break
        # Round again: the same node comes up from the copy that it kept, and forgets that copy.
        assert pair.a.replica("promote", "--episode", f"up-{call}", "--generation", generation).code == 0
        pair.a.volume.run("btrfs", "-q", "subvolume", "delete", pair.a.root / STORE / "generations" / generation)
        pair.a.at(f"{STORE}/meta/{generation}").unlink()
    assert finished
    assert call > 6
