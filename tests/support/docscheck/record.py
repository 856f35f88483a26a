"""What was tried of the docs and what came of it, one line each, raw: the judge reads nothing else."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["command", "manifest", "outcome", "option", "target", "path", "language", "skip", "on-node"]


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that a page says, as it was tried."""

    kind: Kind
    page: str
    line: int
    text: str
    """What was run, judged or looked for."""
    code: int
    """How it ended; 0 is well."""
    said: str = ""


class Record:
    """The lines so far, each on disk before the next thing is tried."""

    def __init__(self, path: Path) -> None:
        """Begin empty."""
        self._path, self._lock = path, threading.Lock()
        path.write_text("")

    def note(self, tried: Tried) -> None:
        """Write one line."""
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(asdict(tried)) + "\n")


def read(path: Path) -> list[Tried]:
    """Returns every line of a record."""
    return [Tried(**json.loads(line)) for line in path.read_text().splitlines()]
