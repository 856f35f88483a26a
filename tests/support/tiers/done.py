"""What a run of `make test-long` has done already, so that one that was ended goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from support.tiers.verdict import Counts, Run

if TYPE_CHECKING:
    from pathlib import Path


class Done:
    """The green tiers of one tree, a file each; another tree, or a dirty one, finds none."""

    def __init__(self, folder: Path, *, tree: str) -> None:
        """Keeps where the files are and which tree is tested."""
        self._folder = folder
        self._tree = tree

    def find(self, name: str) -> Run | None:
        """Returns how the tier ran with this very tree, or None if it did not."""
        try:
            document = json.loads((self._folder / f"{name}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None
        if document["tree"] != self._tree or self._tree == "unknown" or self._tree.endswith("-dirty"):
            return None
        return Run(counts=Counts(**document["counts"]), seconds=document["seconds"])

    def keep(self, name: str, run: Run) -> None:
        """Writes down that the tier ran green."""
        self._folder.mkdir(parents=True, exist_ok=True)
        document = {"tree": self._tree, "counts": asdict(run.counts), "seconds": run.seconds}
        partial = self._folder / f"{name}.partial"
        partial.write_text(json.dumps(document))
        partial.rename(self._folder / f"{name}.json")
