"""What is known of mutants already, so that a run goes on where the last one stopped: one JSON line a verdict."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from support.mutants.mutant import Verdict

if TYPE_CHECKING:
    from pathlib import Path


class Ledger:
    """A file that only grows; a mutant's last line counts."""

    def __init__(self, path: Path) -> None:
        """Reads what there is; a line that was cut off in the middle is not there."""
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.known: dict[str, Verdict] = {}
        for line in path.read_text().splitlines() if path.exists() else ():
            try:
                told = json.loads(line)
                self.known[told["mark"]] = Verdict(**{**told, "laws": tuple(told["laws"])})
            except ValueError:
                continue

    def note(self, verdict: Verdict) -> None:
        """Writes one verdict down."""
        self.known[verdict.mark] = verdict
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(verdict)) + "\n")
