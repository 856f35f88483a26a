"""The operator as it ships, composed with a store and drivers around which its own death waits.

Run as a program it reads the operator's settings from the environment, and from `KILLS` a JSON file: which boundary
each pair's loop comes to its end at. With `at: once` the process kills itself there by SIGKILL; with `at: rest` the
loop stays there for ever, so that one SIGKILL from outside finds every pair at a boundary of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.logs import log_as_json
from maestro_operator.loop import PairLoop
from maestro_operator.main import Shared, run
from maestro_operator.settings import Settings
from support.kills.boundaries import Boundary, BoundedStore, Course, bounded
from support.kills.breaks import BREAKS, Sound
from support.kills.worlds_apart import FarWorld

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Store

LONG_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Deaths:
    """Where each pair's loop ends."""

    process: str
    socket: str
    ends: Mapping[str, str]
    """The pair's name to the boundary's."""
    is_at_once: bool
    fault: Sound

    @staticmethod
    def read(path: Path) -> Deaths:
        """Reads the file that KILLS names."""
        found = json.loads(path.read_text())
        return Deaths(
            process=found["process"],
            socket=found["socket"],
            ends=found["ends"],
            is_at_once=found["at"] == "once",
            fault=BREAKS[found["break"]](),
        )


@dataclass(frozen=True, slots=True)
class DoomedParts:
    """Makes loops over far worlds, each with the boundary at which it ends."""

    shared: Shared
    deaths: Deaths

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Returns a new loop over the pair's world."""
        world, end = FarWorld(self.deaths.socket, key.name), self.deaths.ends.get(key.name)

        async def reached(boundary: Boundary) -> None:
            is_end = boundary.name == end
            await world.tell(self.deaths.process, boundary.name, is_parked=is_end)
            if is_end and self.deaths.is_at_once:
                os.kill(os.getpid(), signal.SIGKILL)
            if is_end:
                await stay()

        course = Course(reached)
        return self.deaths.fault.loop(
            store=BoundedStore(self.deaths.fault.store(store, process=self.deaths.process), course),
            drivers=bounded(world.drivers(), course),
            leader=self.shared.leader,
            clock=self.shared.clock,
            publisher=self.shared.publisher,
            commands=world,
        )


async def stay() -> None:
    """Never comes back, whoever cancels it: only the death of the process ends it."""
    while True:
        try:
            await asyncio.sleep(LONG_SECONDS)
        except asyncio.CancelledError:
            continue


def main() -> int:
    """Runs the operator."""
    settings = Settings.from_environment(os.environ)
    log_as_json(settings.log_level)
    deaths = Deaths.read(Path(os.environ["KILLS"]))
    return asyncio.run(run(settings, lambda shared: DoomedParts(shared, deaths)))


if __name__ == "__main__":
    sys.exit(main())
