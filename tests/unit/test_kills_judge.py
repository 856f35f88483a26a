"""The judge of the kill matrix sees each planted harm, and its list of what must be there is the operator's own."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from maestro_operator.decide.phases import PHASES
from maestro_operator.model.steps import BY_A_CLUSTER, STEPS, EpisodeKind
from support.kills import listed
from support.kills.enumeration import deaths, finish
from support.kills.stories import STORIES
from support.kills.verdict import complaints
from support.manifests import ROOT

Cell = dict[str, Any]
DEATH = "Switchover.Promote.promote-b.1.after"
_CELL: Cell = {}


async def good_cell() -> Cell:
    """What a death in the middle of a switchover leaves behind where all goes well."""
    if not _CELL:
        story = STORIES["switchover"]
        (pair,) = [pair for boundary, pair in await deaths("switchover") if boundary.name == DEATH]
        await finish(pair, story)
        _CELL.update(
            {
                "kind": story.kind.value,
                "boundary": DEATH,
                "wanted": {"owner": story.owner, "standby": story.standby},
                "death": {"returncode": -9},
                "reached": [[0.0, "first", DEATH], [1.0, "second", "Switchover.Promote.write.1.before"]],
                "lines": pair.diary.lines,
                "acks": pair.diary.acks,
                "lost": 0,
                "lostBefore": 0,
                "writes": [list(write) for write in pair.logged.log],
                "final": {"status": dict(pair.store.status)},
            }
        )
    return copy.deepcopy(_CELL)


def two_run(cell: Cell) -> None:
    cell["lines"][3]["nodes"]["a"]["running"] = cell["lines"][3]["nodes"]["b"]["running"] = 2


def two_permits(cell: Cell) -> None:
    for name, node in cell["lines"][-1]["nodes"].items():
        node.update({"inForce": [9, name, "x"], "permit": [9, node["bootId"]]})


def two_owners(cell: Cell) -> None:
    cell["writes"][-1][1]["epoch"] = {"promised": {"number": 1, "owner": "b", "episode": "x"}}


def name_too_early(cell: Cell) -> None:
    lines = cell["lines"]
    for name in lines[1]["names"]:
        lines[1]["names"][name] = lines[1]["nodes"]["b"]["address"]


def data_gone(cell: Cell) -> None:
    node = cell["lines"][-1]["nodes"]["b"]
    cell["lines"].append(copy.deepcopy(cell["lines"][-1]))
    node.update({"running": 0, "records": 10_000})
    cell["lines"][-1]["nodes"]["b"].update({"running": 0, "records": 3})


def no_intent(cell: Cell) -> None:
    cell["writes"] = [write for write in cell["writes"] if write[0] > cell["lines"][-1]["at"]]


def lost_a_record(cell: Cell) -> None:
    cell["lost"] = 1


def not_killed(cell: Cell) -> None:
    cell["death"]["returncode"] = 0


def died_elsewhere(cell: Cell) -> None:
    cell["reached"][0][2] = "Switchover.Promote.promote-b.1.before"


def went_on_writing(cell: Cell) -> None:
    cell["reached"].insert(1, [0.5, "first", "Switchover.Promote.write.2.before"])


def went_on_to_the_next_step(cell: Cell) -> None:
    cell["reached"].insert(1, [0.5, "first", "Switchover.Localise.pin-b.1.before"])


def nobody_came(cell: Cell) -> None:
    cell["reached"] = cell["reached"][:1]


def still_under_way(cell: Cell) -> None:
    cell["final"]["status"]["episode"] = {"kind": "Switchover", "step": "Promote"}


def wrong_owner(cell: Cell) -> None:
    cell["final"]["status"]["activeNode"] = "a"


def nobody_serves(cell: Cell) -> None:
    cell["lines"][-1]["nodes"]["b"]["running"] = 0


def name_elsewhere(cell: Cell) -> None:
    cell["lines"][-1]["names"] = {"maestro.example.org": "192.0.2.1"}


def unprotected(cell: Cell) -> None:
    cell["final"]["status"]["conditions"] = []


def rolled_back(cell: Cell) -> None:
    cell["final"]["status"]["history"] = []


HARMS: Mapping[Callable[[Cell], None], str] = {
    two_run: "one-writer",
    two_permits: "one-writer",
    two_owners: "one-owner-an-epoch",
    name_too_early: "name-only-at-the-promoted",
    data_gone: "nothing-thrown-away",
    no_intent: "intent-first",
    lost_a_record: "loss-was-declared",
    not_killed: "died-there",
    died_elsewhere: "died-there",
    went_on_writing: "died-there",
    went_on_to_the_next_step: "died-there",
    nobody_came: "died-there",
    still_under_way: "finished",
    wrong_owner: "finished",
    nobody_serves: "finished",
    name_elsewhere: "finished",
    unprotected: "finished",
    rolled_back: "finished",
}


async def test_a_story_that_ended_well_has_no_complaint() -> None:
    assert complaints(await good_cell()) == {}


@pytest.mark.parametrize("kind", ["Failover", "Restore"])
@pytest.mark.parametrize(("lost", "is_declared"), [(3, True), (30, False)])
async def test_what_may_be_lost_is_what_was_declared(kind: str, lost: int, *, is_declared: bool) -> None:
    cell = await good_cell()
    # One record a second, acknowledged before the last epoch; two seconds are declared.
    cell.update({"kind": kind, "lost": lost, "acks": [[float(at), at, 1] for at in range(40)]})
    cell["final"]["status"]["history"] = [{"kind": kind, "result": "Done", "declaredLossSeconds": 2.0}]

    assert ("loss-was-declared" in complaints(cell)) is not is_declared


async def test_a_death_at_one_node_may_find_the_same_step_done_at_the_other() -> None:
    cell = await good_cell()

    cell["reached"].insert(1, [0.5, "first", "Switchover.Promote.promote-a.1.after"])

    assert complaints(cell) == {}


@pytest.mark.parametrize("harm", HARMS)
async def test_each_planted_harm_is_seen_by_its_law(harm: Callable[[Cell], None]) -> None:
    cell = await good_cell()

    harm(cell)

    assert HARMS[harm] in complaints(cell)


def test_the_list_of_stories_is_the_one_that_is_told() -> None:
    assert {name: story.kind.value for name, story in STORIES.items()} == dict(listed.STORIES)
    assert set(listed.STORIES.values()) == {kind.value for kind in EpisodeKind if kind not in BY_A_CLUSTER}


def test_the_list_of_steps_leaves_out_only_looks_and_what_is_done_by_the_time_it_is_reached() -> None:
    never_intended = {("Rejoin", "Equip"), ("Rejoin", "Stop"), ("Switchover", "LowerTTL")}

    for kind in (kind for kind in EpisodeKind if kind not in BY_A_CLUSTER):
        acts = {step.value for step in STEPS[kind] if not PHASES[step].is_look}
        assert set(listed.STEPS[kind.value]) == {step for step in acts if (kind.value, step) not in never_intended}


def test_the_judge_imports_nothing_of_the_operator() -> None:
    program = "import sys, support.kills.judge; sys.exit(any('maestro_operator' in name for name in sys.modules))"

    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=False, cwd=ROOT, timeout=60)

    assert done.returncode == 0
