"""What the programs of both nodes do with one disk of a real SCSI-3 target: who holds it, and who is refused."""

from pathlib import Path

import pytest

from support.lvm.machine import run_inside

pytestmark = [pytest.mark.root, pytest.mark.timeout(450)]

CONFLICT = "Invalid exchange"
"""How Linux names what meets another one's reservation (EBADE)."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that was found inside, by name."""
    text = run_inside("support.scsi.owners", Path(tmp_path_factory.mktemp("owners")))
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert found.get("played") == "all", text[-3000:]
    return found


def reads(said: dict[str, str], state: str, node: str) -> dict[str, str]:
    """Returns what a node read in one state."""
    return dict(item.split(":", 1) for item in said[f"{state}.reads.{node}"].split())


def holders(said: dict[str, str], state: str) -> tuple[str, ...]:
    """Returns who holds the disk and in which epoch as `b` reads it, and which node the disk lets read."""
    found = reads(said, state, "b")
    can_read = [node for node in "ab" if said[f"{state}.{node}.may-read"] == "True"]
    return found["disk_holder"], found["disk_holder_epoch"], found["disk_keys"], said[f"{state}.reserved"], *can_read


def test_the_owner_alone_registers_holds_and_mounts_the_disk(said: dict[str, str]) -> None:
    assert said["first.b.up"].startswith("10 refused:NotOwner")
    assert said["first.a.up"] == "0"
    assert holders(said, "first") == ("a", "1", "1", "Exclusive Access", "a")
    assert (reads(said, "first", "a")["disk_mounted"], reads(said, "first", "a")["disk_obeys"]) == ("yes", "yes")


def test_the_standby_is_a_second_reader_and_is_refused_itself(said: dict[str, str]) -> None:
    found = reads(said, "first", "b")

    assert (found["generation"], found["whole"], found["disk_mounted"]) == ("1.1", "yes", "no")
    assert (found["disk_enforces"], said["first.b-writes"]) == ("yes", CONFLICT)


def test_the_target_keeps_the_reservation_over_a_loss_of_its_power(said: dict[str, str]) -> None:
    assert (reads(said, "first", "b")["disk_persists"], said["first.kept-by-the-target"]) == ("yes", "1")


def test_without_a_receipt_or_of_another_generation_the_disk_is_not_taken(said: dict[str, str]) -> None:
    assert said["without.b.promote"].startswith("10 refused:PeerNotFenced")
    assert holders(said, "without") == ("a", "1", "1", "Exclusive Access", "a")
    assert said["wrong.b.promote"].startswith("10 refused:NotWhole")


def test_taken_from_a_node_that_runs_on_the_disk_refuses_it_and_keeps_what_was_stored(said: dict[str, str]) -> None:
    assert said["taken.b.promote"] == "0"
    assert holders(said, "taken") == ("b", "2", "1", "Exclusive Access", "b")
    assert (said["taken.b-finds"], said["taken.b-stores"]) == ("one,", "yes")
    assert "yes" not in (said["taken.a-writes"], said["taken.a-stores"])


def test_an_old_owner_unmounts_what_it_still_had_and_is_kept_out(said: dict[str, str]) -> None:
    assert said["rejoined.a.quarantine"] == "0"
    assert reads(said, "rejoined", "a")["disk_mounted"] == "no"
    assert holders(said, "rejoined") == ("b", "2", "1", "Exclusive Access", "b")


def test_a_switchover_leaves_the_source_s_key_until_the_target_takes_the_disk(said: dict[str, str]) -> None:
    assert said["e3.b.final"] == "0"
    assert holders(said, "given")[:3] == ("b", "2", "1")
    assert reads(said, "given", "b")["disk_mounted"] == "no"
    assert said["back.a.promote"] == "0"
    assert holders(said, "back") == ("a", "3", "1", "Exclusive Access", "a")
    assert said["back.a-finds"] == "one,two,"


def test_a_fence_needs_a_promise_and_the_very_disk(said: dict[str, str]) -> None:
    assert said["unpromised.b.cut"].startswith("10 refused:NotPromised")
    assert said["other.b.cut"].startswith("10 refused:OtherDisk")


def test_what_nobody_is_seen_to_hold_is_not_taken_as_a_fence_and_the_owner_takes_it_again(said: dict[str, str]) -> None:
    """A storage that forgot would say to whoever asks first that it is alone, whatever the other node does."""
    assert said["forgotten.b.cut"].startswith("10 refused:NotHeldByPeer")
    assert said["forgotten.keys"] == "none"
    assert holders(said, "remembered") == ("a", "3", "1", "Exclusive Access", "a")


def test_a_disk_that_was_taken_as_a_fence_is_read_back_by_two_processes(said: dict[str, str]) -> None:
    assert said["cut.b.cut"] == "0"
    assert said["cut.once"] == said["cut.twice"] == "holder:b keys:1 enforces:yes"
    assert said["cut.once.process"] != said["cut.twice.process"]
    assert holders(said, "cut") == ("b", "4", "1", "Exclusive Access", "b")
    assert said["cut.a-writes"] != "yes"


def test_a_key_that_is_not_the_pair_s_is_nobody_s_to_take(said: dict[str, str]) -> None:
    assert said["stranger.a.up"].startswith("10 refused:ForeignKey")
    assert reads(said, "stranger", "a")["disk_holder"] == "foreign"
