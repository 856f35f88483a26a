"""What Debian's `fence_scsi` does on a real SCSI-3 target, and what it says that is not so: why it is not believed."""

import subprocess
from pathlib import Path

import pytest

from support.lvm.machine import run_inside

pytestmark = [pytest.mark.root, pytest.mark.timeout(450)]

CONFLICT = "Invalid exchange"
"""How Linux names a write that meets another one's reservation (EBADE)."""
KIND = "Write Exclusive, registrants only"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that was found inside, by name."""
    folder = tmp_path_factory.mktemp("scsi")
    text = run_inside("support.scsi.inside", Path(folder))
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert found.get("played") == "all", text[-3000:]
    return found


def found_in(said: dict[str, str], state: str) -> tuple[str, ...]:
    """Returns what the disk says in one state, what the agent says of node a, and whether a and b write."""
    return tuple(said[f"{state}.{name}"] for name in ("keys", "reservation", "status", "a-writes", "b-writes"))


def test_the_agent_is_the_distribution_s_own_and_untouched() -> None:
    done = subprocess.run(("dpkg", "--verify", "fence-agents"), check=False, capture_output=True, text=True, timeout=60)

    assert "fence_scsi" not in done.stdout


def test_a_node_with_a_key_and_one_with_another_write_under_one_reservation(said: dict[str, str]) -> None:
    assert (said["on.a"], said["on.b"]) == ("0 Success: Powered ON", "0 Success: Powered ON")
    assert found_in(said, "both") == ("0xa1,0xb1", f"0xa1 {KIND}", "0 Status: ON", "yes", "yes")


def test_a_fenced_node_has_no_key_and_writes_nothing_more(said: dict[str, str]) -> None:
    assert said["fence.off"] == "0 Success: Powered OFF"
    assert found_in(said, "fenced") == ("0xb1", f"0xb1 {KIND}", "2 Status: OFF", CONFLICT, "yes")
    assert said["fenced.a-stores"] == "Input/output error"


def test_a_fenced_node_runs_on_and_still_reads_and_takes_into_memory_what_it_cannot_store(said: dict[str, str]) -> None:
    assert said["fenced.a-reads"] == str(0xB)
    assert said["fenced.a-writes-into-memory"] == "yes"


def test_the_agent_says_off_of_a_node_that_writes_where_nothing_is_reserved(said: dict[str, str]) -> None:
    """It looks for the key alone: after a target that forgot its keys everybody counts as fenced, and writes."""
    assert found_in(said, "bare") == ("", "none", "2 Status: OFF", "yes", "yes")
    assert (said["bare.off"], said["bare.a-writes-after-off"]) == ("0 Success: Already OFF", "yes")


def test_a_fenced_node_that_registers_anew_writes_again(said: dict[str, str]) -> None:
    assert (said["again.on"], said["again.a-writes"]) == ("0 Success: Powered ON", "yes")
