"""A counter-example as a numbered story in the project's nouns, kept as data that a test plays again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from support.modelcheck import moves
from support.modelcheck.beginnings import BEGINNINGS
from support.modelcheck.moves import Move

if TYPE_CHECKING:
    from support.modelcheck.stage import Stage
    from support.modelcheck.state import State


class Story(NamedTuple):
    """Where a walk began, and every move from there."""

    beginning: str
    moves: tuple[Move, ...]


def told(story: Story, ends: str) -> Iterator[str]:
    """Returns a story line by line; moves that the pair makes by itself, one after the other, are one line."""
    yield f"0. {story.beginning}"
    number = alone = 0
    for move in (*story.moves, None):
        if move is not None and move.kind == moves.GO:
            alone += 1
            continue
        if alone:
            number += 1
            yield f"{number}. the operator is left to itself for {alone} moves"
            alone = 0
        if move is not None:
            number += 1
            yield f"{number}. {move.text}"
    yield f"=> {ends}"


def kept(story: Story, path: Path) -> None:
    """Keeps a story in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {"beginning": story.beginning, "moves": [list(move) for move in story.moves]}
    path.write_text(json.dumps(body, indent=1) + "\n")


def read(path: Path) -> Story:
    """Returns the story that a file keeps."""
    body = json.loads(path.read_text())
    return Story(body["beginning"], tuple(Move(*move) for move in body["moves"]))


def played(stage: Stage, story: Story) -> State:
    """Returns what comes of a story.

    Raises:
        Violation: a law was broken on the way.

    """
    return after(stage, BEGINNINGS[story.beginning].make(stage), story.moves)


def after(stage: Stage, state: State, story: Sequence[Move]) -> State:
    """Returns what comes of these moves."""
    for move in story:
        state = moves.play(stage, state, move)
    return state
