"""Plays the cells of the memory half that are not done yet: a story after the other, many pairs at once."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from support.bed.clock import monotonic_seconds
from support.controlplane import ControlPlane
from support.kills import enumeration
from support.kills.batch import Batch, Cell
from support.kills.evidence import evidence_of
from support.kills.verdict import complaints
from support.kills.worlds_apart import Worlds
from support.pair_api import install_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from support.kills.boundaries import Boundary

AT_ONCE = 2
"""How many batches run side by side: most of a batch's time is the dead leader's Lease."""
MOST_PAIRS = 30
"""In one batch."""


class MemoryHalf:
    """The folder in which the cells are kept, and what plays them."""

    def __init__(self, folder: Path, *, tree: str, fault: str = "", say: Callable[[str], None]) -> None:
        """Keep where the cells go; a cell of another tree is played again."""
        self._folder, self._tree, self._fault, self._say = folder, tree, fault, say
        self._numbers = iter(range(1, 10_000))

    def play(self, stories: Iterable[str]) -> None:
        """Play what is missing, and leave a file a cell; the plan says which cells there must be."""
        stories = tuple(stories)
        self._folder.mkdir(parents=True, exist_ok=True)
        plan = {story: [boundary.name for boundary in enumeration.boundaries(story)] for story in stories}
        (self._folder / "plan.json").write_text(json.dumps({"tree": self._tree, "stories": plan}, indent=1))
        batches = [batch for story in stories for batch in self._missing(story)]
        if not batches:
            self._say("memory half: every cell is done already")
            return
        scratch = self._folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        with ControlPlane.start(scratch / "plane", own_processes=True) as plane, Worlds(scratch / "w.sock") as worlds:
            install_schema(plane)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda batch: self._play(plane, worlds, batch), batches))
        shutil.rmtree(scratch, ignore_errors=True)

    def _missing(self, story: str) -> list[tuple[str, str, list[Cell]]]:
        """Return the cells of a story that are not done, in batches of a name each."""
        todo = [boundary for boundary in enumeration.boundaries(story) if not self._is_done(story, boundary)]
        parts = [todo[at : at + MOST_PAIRS] for at in range(0, len(todo), MOST_PAIRS)]
        return [
            (
                f"{story}-{number}",
                story,
                [Cell(story, boundary, next(self._numbers), enumeration.beginning(story)) for boundary in part],
            )
            for number, part in enumerate(parts)
        ]

    def _is_done(self, story: str, boundary: Boundary) -> bool:
        path = self._path(story, boundary)
        if not path.exists():
            return False
        cell = json.loads(path.read_text())
        return bool(cell["tree"] == self._tree and not complaints(cell))

    def _path(self, story: str, boundary: Boundary) -> Path:
        return self._folder / story / f"{boundary.name}.json"

    def _play(self, plane: ControlPlane, worlds: Worlds, batch: tuple[str, str, Sequence[Cell]]) -> None:
        name, story, cells = batch
        began = monotonic_seconds()
        folder = self._folder / "logs" / name
        Batch(plane, worlds, name=name, folder=folder, fault=self._fault).play(cells)
        bad = 0
        for cell in cells:
            found = {"tree": self._tree, **evidence_of(cell, worlds.take(cell.name))}
            path = self._path(story, cell.boundary)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(found))
            partial.rename(path)
            bad += bool(complaints(found))
        seconds = monotonic_seconds() - began
        self._say(f"memory half: {name}: {len(cells)} deaths, {bad} not as they should be, {seconds:.0f} s")
