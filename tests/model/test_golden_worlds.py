"""Golden worlds: what happened to others in the field, and what is decided here in the same situation."""

from __future__ import annotations

import json
import re

import pytest

from maestro_operator.decide import RULES, RULES_OF_A_MACHINE
from maestro_operator.model.recorded import from_plain, to_plain
from support.golden import World, differences, worlds

WORLDS = list(worlds())


def named(world: World) -> str:
    return f"{world.file.removesuffix('.yaml')}: {world.name}"


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_the_decision_is_the_one_that_is_right_there(world: World) -> None:
    assert differences(world) == {}, world.field


@pytest.mark.parametrize("world", WORLDS, ids=named)
def test_the_same_is_decided_from_the_look_as_it_is_kept(world: World) -> None:
    kept = json.dumps(to_plain(world.look()))

    assert from_plain(json.loads(kept)) == world.look()


def test_there_are_enough_and_every_rule_decides_in_one() -> None:
    assert len(WORLDS) >= 80
    assert {rule.__name__ for rule in (*RULES, *RULES_OF_A_MACHINE)} - {
        world.expect["rule"] for world in WORLDS
    } == set()


def test_every_world_says_what_happened_and_where_to_read_it() -> None:
    assert [world.name for world in WORLDS if not re.fullmatch(r"https://\S+", world.source)] == []
    assert [world.name for world in WORLDS if not world.field.endswith(".")] == []
    assert [world.name for world in WORLDS if not {"rule", "reason"} <= world.expect.keys()] == []


def test_no_two_worlds_have_the_same_name() -> None:
    assert len({world.name for world in WORLDS}) == len(WORLDS)
