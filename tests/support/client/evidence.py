"""The client's own record of what happened: JSON lines, on disk at least once a second."""

import json
import os
from pathlib import Path
from typing import Any

from support.client import clock

SYNC_EVERY_NANOSECONDS = 1_000_000_000


class Evidence:
    """Appends lines to a file; each is handed to the kernel at once, so a killed client loses none."""

    def __init__(self, path: Path) -> None:
        """Append to this file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._synced_ns = clock.monotonic_nanoseconds()

    def append(self, values: dict[str, Any]) -> None:
        """Write one line; sync the file once a second."""
        os.write(self._handle, json.dumps(values, sort_keys=True).encode() + b"\n")
        now_ns = clock.monotonic_nanoseconds()
        if now_ns - self._synced_ns >= SYNC_EVERY_NANOSECONDS:
            os.fsync(self._handle)
            self._synced_ns = now_ns

    def close(self) -> None:
        """Put everything on disk."""
        os.fsync(self._handle)
        os.close(self._handle)


def next_number(path: Path) -> int:
    """Return the number after the highest acknowledged one, so that a client can be started again."""
    if not path.exists():
        return 1
    lines = (json.loads(line) for line in path.read_text().splitlines() if line.endswith("}"))
    return 1 + max((line["number"] for line in lines if line["kind"] == "ack"), default=0)
