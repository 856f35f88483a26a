"""The operator dies at every boundary of every kind of episode: a new one, which remembers nothing, finishes it.

A story is told once; at every boundary a fork of the world is taken in which the operator is dead and a new one begins.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from maestro_operator.model.steps import BY_A_CLUSTER, EpisodeKind
from support.kills import enumeration, laws, listed
from support.kills.batch import told
from support.kills.boundaries import END, WRITE, Boundary
from support.kills.enumeration import finish
from support.kills.stories import STORIES, ToldPair

INTENDED = {(kind, step) for kind, steps in listed.STEPS.items() for step in steps}
PARTS = 12
"""The boundaries of a story are dealt out to so many tests, each within its 2 seconds."""
_TOLD: dict[str, list[tuple[Boundary, ToldPair]]] = {}


async def deaths(name: str) -> Sequence[tuple[Boundary, ToldPair]]:
    """Every boundary of a story, with the world in which the operator died there."""
    if name not in _TOLD:
        _TOLD[name] = await enumeration.deaths(name)
    return _TOLD[name]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", STORIES)
async def test_a_new_operator_finishes_what_the_dead_one_left(name: str, part: int) -> None:
    story = STORIES[name]

    for boundary, pair in (await deaths(name))[part::PARTS]:
        left = pair.forked()
        await finish(left, story)

        # By what a cell of the matrix keeps of each status.
        writes = [(at, told(status)) for at, status in left.logged.log]
        assert laws.broken(left.diary.lines, writes) == {}, boundary.name
        assert left.status.active_node == story.owner, boundary.name
        assert story.loses or left.world.lost_records() == 0, boundary.name


async def test_every_step_of_every_kind_is_killed_around_its_intent_and_its_effects() -> None:
    told = [boundary for name in STORIES for boundary, _ in await deaths(name)]

    for around_a_write in (True, False):
        for moment in ("before", "after"):
            hit = {(it.kind, it.step) for it in told if (it.act == WRITE) == around_a_write and it.moment == moment}
            assert INTENDED - hit == set()


async def test_the_end_of_every_kind_is_killed_around_its_write() -> None:
    told = [boundary for name in STORIES for boundary, _ in await deaths(name)]

    for moment in ("before", "after"):
        ended = {it.kind for it in told if (it.step, it.act, it.moment) == (END, WRITE, moment)}
        assert ended == {kind.value for kind in EpisodeKind if kind not in BY_A_CLUSTER}
