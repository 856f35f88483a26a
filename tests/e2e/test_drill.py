"""A drill on two real nodes: there and back, each way timed, and refused while anything is not well."""

from collections.abc import Iterator

import pytest

from support.bed import clock
from support.demo.stage import Stage
from support.demo.story import PAIR
from support.demo.watcher import condition
from support.manifests import Manifest
from support.served import SECONDS, do, is_active, is_protected, maestro, moves, patch, reason, sides, status, until

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("drill") / "stage", say=print) as stage:
        stage.kubectl("apply", "-f", "-", input_text=stage.pair())
        until(stage, is_protected, what="the pair is protected")
        patch(stage, {"rehearsals": {"drillWithinDays": 90}})
        yield stage


def drilled(told: Manifest, name: str) -> Manifest:
    return next((item for item in told.get("rehearsals", []) if item["id"] == name and "result" in item), {})


def rows(stage: Stage, node: str) -> set[str]:
    return set(do(stage, node, "cd /srv/maestro && find files -type f | sort").split())


def test_a_drill_goes_there_and_back_and_its_figures_are_kept(stage: Stage) -> None:
    active, standby = sides(stage)
    until(stage, lambda it: reason(it, "DrillRecent") == "NeverRehearsed", what="no drill passed yet")
    before = rows(stage, active)

    maestro(stage, "drill", PAIR, "--name", "spring")
    clock.wait_until(lambda: is_active(stage, standby), timeout_seconds=SECONDS, what="the other node serves")
    assert not is_active(stage, active)
    until(stage, lambda it: bool(drilled(it, "spring")), what="the drill has an end")

    told = drilled(status(stage), "spring")
    assert told["result"] == "Passed", told
    assert [leg["target"] for leg in told["legs"]] == [standby, active]
    for leg in told["legs"]:
        assert 0 < leg["downtimeSeconds"] <= leg["seconds"] < SECONDS
    assert [leg["episode"] for leg in reversed(told["legs"])] == moves(status(stage))[:2]
    assert sides(stage) == (active, standby)
    assert (is_active(stage, active), is_active(stage, standby)) == (True, False)
    assert before <= rows(stage, active)
    until(stage, lambda it: condition(it, "DrillRecent") == "True", what="the drill is recent")
    assert condition(status(stage), "ActiveNodeOverridden") == "False"


def test_a_drill_is_refused_while_the_standby_is_off_and_nothing_is_stopped(stage: Stage) -> None:
    until(stage, is_protected, what="the pair is protected")
    active, standby = sides(stage)
    served = moves(status(stage))
    stage.bed.nodes[standby].power_cut()
    until(stage, lambda it: reason(it, "PeerReady") == "PeerNotReady", what="the standby is gone")

    maestro(stage, "drill", PAIR, "--name", "refused")
    until(stage, lambda it: bool(drilled(it, "refused")), what="the drill has an end")

    told = drilled(status(stage), "refused")
    assert (told["result"], told.get("legs", [])) == ("Refused", [])
    assert f"{standby} cannot be read" in told["message"]
    assert is_active(stage, active)
    assert moves(status(stage)) == served
    stage.bed.nodes[standby].power_on()
    until(stage, is_protected, what="the pair is protected again")
