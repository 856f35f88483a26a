"""The operator as it ships, on real parts, around whose store and drivers its own death waits.

`KILLS` names a folder: `end` holds the pattern of the boundary at which the process kills itself by SIGKILL, and is
read anew at each boundary; every boundary reached is appended to `reached.jsonl` before anything else is done.
"""

from __future__ import annotations

import asyncio
import fnmatch
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator import main
from maestro_operator.logs import log_as_json
from maestro_operator.main import Shared, run
from maestro_operator.settings import Settings
from support.kills.boundaries import Boundary, BoundedStore, Course, bounded
from support.kills.clock import wall_seconds

if TYPE_CHECKING:
    from maestro_operator.loop import PairLoop
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Store


@dataclass(frozen=True, slots=True)
class DoomedRealParts:
    """Makes loops over the real drivers."""

    shared: Shared
    folder: Path

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Returns a new loop, its real store and drivers with a boundary around each write and effect."""
        course = Course(self._reached)
        loop = main._real(self.shared)(key, BoundedStore(store, course))  # noqa: SLF001 - the real parts, as they ship
        loop._drivers = bounded(loop._drivers, course)  # noqa: SLF001 - nothing of the product knows of its death
        return loop

    async def _reached(self, boundary: Boundary) -> None:
        pattern = (self.folder / "end").read_text().strip()
        dies = bool(pattern) and fnmatch.fnmatchcase(boundary.name, pattern)
        line = {"at": wall_seconds(), "pid": os.getpid(), "boundary": boundary.name, "dies": dies}
        with (self.folder / "reached.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)


def run_until_killed() -> int:
    """Runs the operator."""
    settings = Settings.from_environment(os.environ)
    log_as_json(settings.log_level)
    folder = Path(os.environ["KILLS"])
    return asyncio.run(run(settings, lambda shared: DoomedRealParts(shared, folder)))


if __name__ == "__main__":
    sys.exit(run_until_killed())
