"""Lists every boundary of every story: the story is told once in memory, and each boundary it passes is a cell."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from support.kills.stories import STORIES, is_at_rest

if TYPE_CHECKING:
    from support.kills.boundaries import Boundary
    from support.kills.stories import Story, ToldPair
    from support.worlds import Pair

MOST_TURNS = 400


async def finish(pair: ToldPair, story: Story) -> None:
    """Takes turns until the story's owner serves and nothing is left to do."""

    def done(it: Pair) -> bool:
        return it.world.writers() == [story.owner] and is_at_rest(it)

    await pair.run_until(done, max_turns=MOST_TURNS)


async def deaths(name: str) -> list[tuple[Boundary, ToldPair]]:
    """Returns every boundary of a story, each with the world in which the operator died there."""
    story, found = STORIES[name], list[tuple["Boundary", "ToldPair"]]()
    pair = await story.told()

    async def fork(boundary: Boundary) -> None:
        if boundary.kind == story.kind:
            found.append((boundary, pair.forked()))

    pair.reached = fork
    await finish(pair, story)
    return found


@functools.cache
def boundaries(name: str) -> tuple[Boundary, ...]:
    """Returns every boundary of a story."""
    return tuple(boundary for boundary, _ in asyncio.run(deaths(name)))


def beginning(name: str) -> ToldPair:
    """Returns a new pair at the beginning of a story."""
    return asyncio.run(STORIES[name].told())
