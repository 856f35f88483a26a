"""The check of the laws over every world: what it walks, what it finds, and that what it found once stays mended."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.modelcheck.beginnings import BEGINNINGS
from support.modelcheck.blows import ANY
from support.modelcheck.breaks import BREAKS
from support.modelcheck.canonical import name_of
from support.modelcheck.explore import Begun, Explorer, Walk, story_of
from support.modelcheck.lies import LIES
from support.modelcheck.moves import GO, Move, play, wait
from support.modelcheck.stage import Stage, Violation
from support.modelcheck.state import State
from support.modelcheck.stories_page import PAGE, page
from support.modelcheck.story import Story, kept, played, read, told
from support.modelcheck.unattended import is_active
from support.modelcheck.ways_out import WaysOut
from support.worlds import ADDRESSES

FOLDER = Path(__file__).parent / "stories"
STORIES = sorted(FOLDER.glob("*.json"))
HELD = sorted((FOLDER / "holds").glob("*.json"))


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@functools.cache
def begun(stage: Stage, beginning: str) -> State:
    return BEGINNINGS[beginning].make(stage)


def walked(stage: Stage, beginning: str, *, faults: int = 0) -> Walk:
    explorer = Explorer(stage, most_faults=faults, say=lambda _: None)
    return explorer.run([Begun(beginning, 0, begun(stage, beginning))])


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_world_left_to_itself_breaks_no_law_and_comes_to_rest(stage: Stage, beginning: str) -> None:
    walk = walked(stage, beginning)

    ways = WaysOut(stage, walk)

    assert walk.found == []
    assert ways.endless() == []
    assert {key: held.dead_ends for key, held in ways.holds().items() if held.dead_ends} == {}


def test_one_fault_in_a_serving_pair_breaks_no_law_and_leaves_a_way_out(stage: Stage) -> None:
    walk = walked(stage, "a serves", faults=1)

    ways = WaysOut(stage, walk)

    assert walk.found == []
    assert ways.endless() == []
    assert {key: held.dead_ends for key, held in ways.holds().items() if held.dead_ends} == {}
    assert len(walk.came) > 150


def test_several_faults_are_plain_and_strike_only_what_comes_of_the_beginnings_that_are_named(stage: Stage) -> None:
    named, other = "a serves", "a serves, and b is ordered"
    explorer = Explorer(stage, most_faults=2, pairs=frozenset({named}), say=lambda _: None)

    own = explorer.approach([Begun(label, 0, begun(stage, label)) for label in (other, named)])

    stories = [story_of(explorer.walk, item.name) for item in own if item.spent]
    struck = [(start, [move for move in story if move.kind != GO]) for start, story in stories]
    assert {start for start, _ in struck} == {named}
    assert all(len(blows) == 1 for _, blows in struck)
    assert {move.what for _, blows in struck for move in blows} >= {"a loses its power", "a freezes"}
    assert not {move.what for _, blows in struck for move in blows} & {"a is replaced", "b is put back to a snapshot"}
    assert {story_of(explorer.walk, item.name)[0] for item in own if not item.spent} == {named, other}


def test_an_ordered_pair_ends_where_it_was_ordered_to(stage: Stage) -> None:
    walk = walked(stage, "a serves, and b is ordered")

    (rest,) = walk.rests.values()

    assert is_active(rest)
    assert rest.status["activeNode"] == "b"


def test_a_state_is_named_the_same_however_it_is_put_back(stage: Stage) -> None:
    state = begun(stage, "a serves, and b is ordered")
    first, again = (play(stage, state, Move("go")) for _ in range(2))

    assert name_of(first) == name_of(again) != name_of(state)


def test_two_pairs_whose_specs_differ_are_two_worlds(stage: Stage) -> None:
    one, other = "a serves, and b is ordered", "a serves, b is ordered, and what clients may keep is shortened"

    assert name_of(begun(stage, one)) != name_of(begun(stage, other))


def test_a_pair_that_put_the_time_to_live_right_already_is_another_world_than_one_that_has_not(stage: Stage) -> None:
    state = begun(stage, "a serves")
    other = state.copied()
    entry = {**state.status["history"][0], "kind": "Repair", "trigger": "lowered time to live"}
    other.stores[0].status = {**state.status, "history": [entry, *state.status["history"]]}

    assert name_of(state) != name_of(other)


def mirrored(stage: Stage, told_of: str) -> Iterator[bytes]:
    for name in ADDRESSES:
        state = begun(stage, "a serves")
        yield name_of(play(stage, state, Move("blow", told_of.format(name))))


def test_the_owner_and_its_standby_are_no_mirror_images(stage: Stage) -> None:
    owner, standby = mirrored(stage, "{} loses its power")

    assert owner != standby


@pytest.mark.parametrize("blow", ANY)
def test_a_blow_changes_the_copy_and_not_the_state_it_is_dealt_to(stage: Stage, blow: str) -> None:
    state = begun(stage, "a serves")
    before = name_of(state)
    if ANY[blow].can(state):
        assert name_of(play(stage, state, Move("blow", blow))) != before

    assert name_of(state) == before


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_of_a_fence_device_promotes_beside_a_node_that_lives(stage: Stage, lie: str) -> None:
    state = begun(stage, "a serves")
    state = play(stage, state, Move("blow", "a freezes"))
    for _ in range(12):
        acts = _next_acts(stage, state)
        at = next((number for number, act in enumerate(acts) if act == "off a"), None)
        if at is not None:
            state = play(stage, state, Move("turn", "off a", f"lies: {lie}", at))
            break
        state = play(stage, state, Move("go"))
    else:
        raise AssertionError("nobody fenced a")

    for _ in range(12):
        state = play(stage, state, Move("go"))

    assert state.status["activeNode"] == "a"


def _next_acts(stage: Stage, state: State) -> tuple[str, ...]:
    return wait(stage, state, name=name_of(state))[1].acts


def test_a_story_is_kept_told_and_played_again(stage: Stage, tmp_path: Path) -> None:
    story = Story("a serves", (Move("go"), Move("go"), Move("blow", "a loses its power")))
    kept(story, tmp_path / "story.json")

    assert read(tmp_path / "story.json") == story
    assert list(told(story, "nothing")) == [
        "0. a serves",
        "1. the operator is left to itself for 2 moves",
        "2. a loses its power",
        "=> nothing",
    ]
    assert not played(stage, story).world.nodes["a"].is_on


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_what_once_broke_a_law_breaks_it_no_more(stage: Stage, path: Path) -> None:
    played(stage, read(path))


@pytest.mark.parametrize("path", HELD, ids=lambda path: path.stem)
def test_what_once_held_without_a_way_out_ends_active_or_in_a_hold_that_people_can_leave(
    stage: Stage, path: Path
) -> None:
    walk = Explorer(stage, most_faults=0, say=lambda _: None).run([Begun(path.stem, 0, played(stage, read(path)))])

    ways = WaysOut(stage, walk)

    assert walk.found == []
    assert ways.endless() == []
    assert {key: held.way for key, held in ways.holds().items() if held.dead_ends} == {}


def test_a_guard_that_lets_a_permit_outlive_its_boot_is_found(stage: Stage) -> None:
    story = read(FOLDER / "a-permit-outlives-its-boot.json")

    with BREAKS["permit-outlives-boot"](), pytest.raises(Violation, match="one writer"):
        played(stage, story)


def test_the_page_of_what_was_found_is_as_it_is_made() -> None:
    assert PAGE.read_text() == page()


def test_a_proof_that_believes_one_look_of_a_device_is_found(stage: Stage) -> None:
    story = read(FOLDER / "one-look-of-a-device-is-no-proof.json")

    with BREAKS["believes-one-look"](), pytest.raises(Violation, match="proof is an observation"):
        played(stage, story)
