"""Evidence for judges: one JSON object a line, each with the host's monotonic clock and the wall clock."""

import json
import threading
from pathlib import Path

from support.bed import clock


class Journal:
    """An append-only file of JSON lines, safe to write from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="utf-8")

    def write(self, **fields: object) -> None:
        """Appends one line; the clocks are read under the lock, so lines are in order of time."""
        with self._lock:
            stamped = {"monotonic_ns": clock.monotonic_nanoseconds(), "wall": clock.wall(), **fields}
            self._file.write(json.dumps(stamped) + "\n")
            self._file.flush()
