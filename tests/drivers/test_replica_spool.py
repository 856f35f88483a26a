"""The queue of mail that comes up with a copy: real files counted on the node, and a program that holds them."""

import shutil
from pathlib import Path

import pytest

from drivers.test_replica_links import configure
from drivers.test_replica_pair import LIVE, Pair, pair, volume

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
PROGRAM = Path(__file__).parents[2] / "examples/hold-queue"
BROKEN = "#!/bin/sh\nexit 7\n"


def queued(pair: Pair, *, program: bool = True) -> None:
    """Puts three messages into the queue of a, sends the whole to b, sends two of them on, and cuts a off."""
    pair.a.at(f"{LIVE}/spool/deep").mkdir(parents=True)
    for name in ("1.qf", "2.qf", "deep/3.qf"):
        pair.a.at(f"{LIVE}/spool/{name}").write_text("To: everybody\n")
    pair.send()
    for name in ("1.qf", "2.qf"):
        pair.a.at(f"{LIVE}/spool/{name}").unlink()
    hold = pair.b.at("lib/hold-queue")
    shutil.copy(PROGRAM, hold)
    settings = {"spool_hold": f"{pair.b.root}/lib/hold-queue"} if program else {}
    configure(pair, **settings)
    for node in (pair.a, pair.b):
        config = node.at("etc/maestro-guard/config")
        config.write_text(config.read_text() + "spool=/srv/maestro/spool\nspool=/srv/maestro/spool2\n")


def test_what_came_up_in_the_queue_is_counted_and_held_once_and_covers_what_was_sent_since(pair: Pair) -> None:
    queued(pair)
    assert pair.b.replica("promote", "--episode", "ep-2").code == 0

    first = pair.b.replica("hold", "--episode", "ep-2")
    again = pair.b.replica("hold", "--episode", "ep-2")

    would_be_sent_again = {"1.qf", "2.qf"}
    assert (first.code, first.values["queued"]) == (0, "3")
    assert int(first.values["queued"]) >= len(would_be_sent_again)
    assert (again.values["queued"], again.values["again"]) == ("3", "yes")
    assert list(pair.b.at(f"{LIVE}/spool").iterdir()) == []
    held = pair.b.at(f"{LIVE}/spool.held-ep-2")
    assert {str(path.relative_to(held)) for path in held.rglob("*.qf")} == {"1.qf", "2.qf", "deep/3.qf"}
    seen = pair.b.observe()
    assert (seen["queued"], seen["queued_episode"]) == ("3", "ep-2")


def test_a_queue_whose_program_fails_is_not_held_and_is_tried_anew(pair: Pair) -> None:
    queued(pair)
    assert pair.b.replica("promote", "--episode", "ep-2").code == 0
    pair.b.at("lib/hold-queue").write_text(BROKEN)

    failed = pair.b.replica("hold", "--episode", "ep-2")
    seen = pair.b.observe()
    shutil.copy(PROGRAM, pair.b.at("lib/hold-queue"))
    held = pair.b.replica("hold", "--episode", "ep-2")

    assert (failed.code, failed.values["failed"]) == (1, "NotHeld")
    assert "queued" not in seen
    assert (held.code, held.values["queued"]) == (0, "3")


def test_without_a_program_the_queue_is_counted_all_the_same(pair: Pair) -> None:
    queued(pair, program=False)
    assert pair.b.replica("promote", "--episode", "ep-2").code == 0

    assert pair.b.replica("hold", "--episode", "ep-2").values["queued"] == "3"


def test_a_queue_is_not_held_where_there_is_no_live_data_nor_without_one_in_the_configuration(pair: Pair) -> None:
    assert pair.b.replica("hold", "--episode", "ep-2").code == 2
    queued(pair)

    refused = pair.b.replica("hold", "--episode", "ep-2")

    assert (refused.code, refused.values["refused"]) == (10, "LiveAbsent")
