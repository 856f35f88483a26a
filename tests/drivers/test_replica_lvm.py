"""Generations from snapshots of a real logical volume, in a machine whose kernel has a device mapper."""

from pathlib import Path

import pytest

from support.lvm.machine import run_inside

pytestmark = [pytest.mark.root, pytest.mark.timeout(450)]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that was found inside, by name."""
    folder = tmp_path_factory.mktemp("lvm")
    text = run_inside("support.lvm.inside", Path(folder))
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert found.get("played") == "all", text[-3000:]
    return found


def test_a_snapshot_of_written_data_is_one_moment_and_is_gone_afterwards(said: dict[str, str]) -> None:
    assert (said["run1.code"], said["run1.moment"], said["run1.generation"]) == ("0", "snapshot", "1.1")
    assert (said["run2.code"], said["run2.generation"]) == ("0", "1.2")
    assert {said["run1.apart"], said["run2.apart"]} <= {"0", "1"}
    assert said["run.volumes"] == "srv"


def test_a_snapshot_that_ran_full_is_no_moment(said: dict[str, str]) -> None:
    assert said["full.code"] == "1"
    assert said["full.kept"] == "True"
    assert said["full.volumes"] == "srv"


def test_what_a_killed_run_left_goes_with_its_unit_s_end(said: dict[str, str]) -> None:
    assert said["killed.left"] == "maestro-moment,srv"
    assert (said["letgo.code"], said["killed.volumes"]) == ("0", "srv")
    assert said["killed.generation"] == "1.2"
    assert (said["after.code"], said["after.same"]) == ("0", "True")


def test_a_volume_on_which_the_data_does_not_lie_is_refused(said: dict[str, str]) -> None:
    assert said["elsewhere.refused"] == "VolumeNotMounted"
