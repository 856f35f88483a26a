"""What Argo CD and generic tools make of a pair: the scripts run by a real Lua 5.1 over data in Argo CD's format."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from maestro_operator.decide import decide
from maestro_operator.model.pair import Say
from maestro_operator.model.seen import Seen
from maestro_operator.report.conditions import reported
from support.argocd_cm import ACTIONS, CONFIGURATION, SCRIPTS, configuration
from support.gitops import kstatus, samples, table
from support.golden import worlds
from support.lua import LuaError, literal, run
from support.promtool import PromtoolMissingError, obtain

Data = dict[str, Any]
HEALTH: list[Data] = yaml.safe_load((SCRIPTS / "health_test.yaml").read_text())["tests"]
ACTION: Data = yaml.safe_load((SCRIPTS / "actions" / "action_test.yaml").read_text())
WORDS = {"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"}


@pytest.fixture(autouse=True, scope="module")
def interpreter() -> None:
    try:
        obtain("lua5.1")
    except PromtoolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def read(path: Path) -> Data:
    return dict(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("case", HEALTH, ids=lambda case: Path(case["inputPath"]).stem)
def test_the_health_of_a_pair_is_what_the_operator_wrote(case: Data) -> None:
    assert run(SCRIPTS / "health.lua", read(SCRIPTS / case["inputPath"])) == case["healthStatus"]


def test_every_sample_has_its_health_and_every_row_of_the_page_is_right() -> None:
    told = {Path(case["inputPath"]).stem: case["healthStatus"]["status"] for case in HEALTH}

    assert set(told) == set(samples()) == set(table())
    assert told == {name: row[0] for name, row in table().items()}
    assert set(told.values()) <= WORDS


def test_kstatus_makes_of_every_sample_what_the_page_says() -> None:
    found = samples()

    assert dict(zip(found, kstatus(found.values()), strict=True)) == {name: row[2] for name, row in table().items()}


def test_kstatus_reads_the_conditions_of_a_pair_in_every_golden_world_as_they_are_meant() -> None:
    pairs = [as_written(world.look()) for world in worlds()]

    wrong = [(pair, said) for pair, said in zip(pairs, kstatus(pairs), strict=True) if said != meant(pair)]

    assert wrong == []
    assert {meant(pair) for pair in pairs} == {"Current", "InProgress", "Failed"}


def as_written(look: Seen) -> Data:
    """Returns the pair as the operator leaves it after a look: its generation, and the status it writes."""
    decided = decide(look)
    status = reported(look, decided, look.status)
    told = json.loads(status.model_dump_json(by_alias=True, exclude_none=True))
    return {"apiVersion": "maestropair.dev/v1alpha1", "kind": "MaestroPair"} | {
        "metadata": {"name": "lists", "namespace": "maestro", "generation": look.generation},
        "status": told,
    }


def meant(pair: Data) -> str:
    """Returns what somebody who knows no more than three conditions is to make of a pair."""
    found = {item["type"]: item["status"] for item in pair["status"]["conditions"]}
    if found["Reconciling"] == "True":
        return "InProgress"
    if found["Stalled"] == "True":
        return "Failed"
    return "Current" if found["Ready"] == "True" else "InProgress"


@pytest.mark.parametrize("case", ACTION["discoveryTests"], ids=lambda case: Path(case["inputPath"]).stem)
def test_an_action_is_offered_where_it_means_something(case: Data) -> None:
    found = run(SCRIPTS / "actions" / "discovery.lua", read(SCRIPTS / "actions" / case["inputPath"]))

    assert found == {item["name"]: {"disabled": item["disabled"]} for item in case["result"]}
    assert set(found) == set(ACTIONS)


@pytest.mark.parametrize("case", ACTION["actionTests"], ids=lambda case: case["action"])
def test_an_action_changes_spec_alone_and_as_the_command_line_would(case: Data) -> None:
    before = read(SCRIPTS / "actions" / case["inputPath"])

    after = run(SCRIPTS / "actions" / case["action"] / "action.lua", before)

    assert after == read(SCRIPTS / "actions" / case["expectedOutputPath"])
    assert {name: part for name, part in after.items() if name != "spec"} == {
        name: part for name, part in before.items() if name != "spec"
    }
    assert {answer["say"] for answer in after["spec"].get("answers", [])} <= {say.value for say in Say}
    assert after["spec"]["activeNode"] == before["spec"]["activeNode"], "an order is written in Git"


def test_every_action_has_a_test_and_is_offered_somewhere() -> None:
    offered = {item["name"] for case in ACTION["discoveryTests"] for item in case["result"] if not item["disabled"]}

    assert {case["action"] for case in ACTION["actionTests"]} == offered == set(ACTIONS)


def test_the_configuration_for_argo_cd_is_made_from_the_scripts() -> None:
    assert CONFIGURATION.read_text() == configuration()
    data = yaml.safe_load(CONFIGURATION.read_text())["data"]
    actions = yaml.safe_load(data["resource.customizations.actions.maestropair.dev_MaestroPair"])

    assert data["resource.customizations.health.maestropair.dev_MaestroPair"] == (SCRIPTS / "health.lua").read_text()
    assert [item["name"] for item in actions["definitions"]] == list(ACTIONS)


@pytest.mark.parametrize(
    "script", ["return string.upper('x')", "return ('x'):upper()", "return os.getenv('HOME')", "return {a = 1"]
)
def test_a_script_that_argo_cd_would_not_run_does_not_run_here(script: str, tmp_path: Path) -> None:
    path = tmp_path / "script.lua"
    path.write_text(script)

    with pytest.raises(LuaError):
        run(path, {})


def test_values_reach_lua_and_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "script.lua"
    path.write_text("return obj")
    value = {"text": 'a "b" \\ c\nd é', "number": 4, "truth": False, "list": [1, 2], "deep": {"x": {"y": "z"}}}

    assert run(path, value) == value
    assert literal({"gone": None}) == '{["gone"] = nil}'
