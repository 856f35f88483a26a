"""The operator as it ships, as a process of its own, over nodes that other processes reach too.

`python -m support.flaky.process SOCKET NAME WALL_OFFSET_FILE [BREAK]`; everything else is the operator's own settings.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Drivers
from maestro_operator.logs import log_as_json
from maestro_operator.loop import PairLoop
from maestro_operator.main import Shared, run
from maestro_operator.settings import Settings
from support.bed.clock import monotonic_nanoseconds
from support.flaky.nodes import FAMILIES, Call, packed, receive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Leader, Resource, Store

IGNORES_ITS_LEASE = "no-lease"


class JumpyClock(SystemClock):
    """The machine's clocks; the wall clock is off by what a file says at this moment."""

    def __init__(self, offset: Path) -> None:
        self._offset = offset

    @override
    def now(self) -> str:
        try:
            seconds = float(self._offset.read_text() or 0)
        except (OSError, ValueError):
            seconds = 0.0
        jumped = datetime.fromisoformat(super().now()) + timedelta(seconds=seconds)
        return jumped.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Wire:
    """One connection to the nodes, for every pair of this process."""

    def __init__(self, path: Path, *, operator: str) -> None:
        self.operator = operator
        self._path = path
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._writer: asyncio.StreamWriter | None = None
        self._opening = asyncio.Lock()

    async def ask(self, call: Callable[[int], Call]) -> Any:  # noqa: ANN401 - whatever the port gives
        """Sends a call and returns what the nodes answer; raises what they raise."""
        async with self._opening:
            if self._writer is None:
                reader, self._writer = await asyncio.open_unix_connection(self._path)
                self._reading = asyncio.create_task(self._read(reader))
        self._number += 1
        made = call(self._number)
        answer = self._waiting[made.number] = asyncio.get_running_loop().create_future()
        self._writer.write(packed(made))
        try:
            value = await answer
        finally:
            self._waiting.pop(made.number, None)
        if isinstance(value, Exception):
            raise value
        return value

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            number, value = await receive(reader)
            waiting = self._waiting.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(value)


@dataclass
class Follower:
    """A pair's store that remembers the term it has written last."""

    store: Store
    term: int = 0

    async def read(self) -> Resource | None:
        """Reads the resource."""
        return await self.store.read()

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Writes the status, and remembers the term in it."""
        written = await self.store.write_status(resource, status)
        self.term = max(self.term, int(str(written.status.get("term") or 0)))
        return written

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Holds the resource back from its deletion, or lets it go."""
        return await self.store.hold(resource, held=held)


@dataclass(frozen=True)
class Port:
    """One port of the drivers whose every verb is asked over the wire."""

    wire: Wire
    world: str
    family: str
    follower: Follower

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        async def ask(*words: object, **options: object) -> object:
            term, asked_ns = self.follower.term, monotonic_nanoseconds()
            return await self.wire.ask(
                lambda number: Call(
                    number, self.wire.operator, self.world, self.family, verb, words, options, term, asked_ns
                )
            )

        return ask


class Reckless:
    """The planted fault: somebody who always believes that it leads."""

    has_lease = True
    led_for_seconds = 3600.0
    sure_for_seconds = 3600.0

    async def lost(self) -> None:
        """Waits for ever."""
        await asyncio.Event().wait()


@dataclass
class FarParts:
    """Makes loops whose effects happen on nodes over the wire."""

    shared: Shared
    wire: Wire
    leader: Leader
    _drivers: dict[str, Drivers] = field(default_factory=dict)

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Returns a new loop."""
        follower = Follower(store)
        ports: dict[str, Any] = {
            family: Port(self.wire, f"{key.namespace}/{key.name}", family, follower) for family in FAMILIES
        }
        return PairLoop(
            store=follower,
            drivers=Drivers(**ports),
            leader=self.leader,
            clock=self.shared.clock,
            publisher=self.shared.publisher,
            commands=self,
        )

    def commands_run(self, node: str) -> int:
        """Counts nothing: these nodes are asked over one wire."""
        del node
        return 0


def main(words: list[str]) -> int:
    """Runs the operator until it is told to end."""
    path, name, offset, *broken = words
    log_as_json("INFO")
    settings = Settings.from_environment(os.environ)
    logging.getLogger().setLevel(settings.log_level)

    def parts(shared: Shared) -> FarParts:
        leader = Reckless() if broken == [IGNORES_ITS_LEASE] else shared.leader
        return FarParts(shared, Wire(Path(path), operator=name), leader)

    return asyncio.run(run(settings, parts, clock=JumpyClock(Path(offset))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
