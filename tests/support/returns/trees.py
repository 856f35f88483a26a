"""What lies in the part of a node's disk that its peer can write to: names, sizes and times."""

import os
from pathlib import Path

STORE = ".maestro-replica"
RECEIVED = ("incoming", "generations", "meta/announced")
"""What a push changes; what the node itself sends, keeps aside or promotes lies elsewhere."""


def listing(srv: Path) -> dict[str, str]:
    """Return every file that a peer's push could have made, with its size and its last change."""
    found: dict[str, str] = {}
    for part in RECEIVED:
        place = srv / STORE / part
        if place.is_file():
            found[part] = _mark(place)
        for folder, _, names in os.walk(place):
            for name in names:
                path = Path(folder) / name
                found[str(path.relative_to(srv / STORE))] = _mark(path)
    return found


def _mark(path: Path) -> str:
    status = path.lstat()
    return f"{status.st_size} {status.st_ctime_ns}"
