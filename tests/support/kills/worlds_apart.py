"""Memory worlds in a process of their own, which outlives every operator: a Unix socket, one call a connection.

A call is carried out whole in the worlds' process, in its one event loop: the death of the caller tears nothing.
Both ends are this project's own processes on one machine; nobody else can open the socket's folder.
"""

from __future__ import annotations

import asyncio
import copyreg
import pickle
import struct
import threading
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, cast

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.ports import Drivers
from support.kills import clock
from support.kills.boundaries import EFFECTS, described
from support.kills.diary import Diary
from support.other_loop import done_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_operator.drivers.memory.world import MemoryWorld

T = TypeVar("T")
BEAT_SECONDS = 0.5
GUARDS_EVERY_BEATS, SYNCS_EVERY_BEATS = 1, 10
ANSWER_SECONDS = 30.0
LENGTH = struct.Struct("!I")
TOLD = "told"
"""In the place of a port: the operator tells that it has reached a boundary."""


class Asked(NamedTuple):
    """What a process asks of a world."""

    name: str
    port: str
    verb: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(slots=True)
class Living:
    """One pair's world, what its nodes did, and which boundaries its operators reached."""

    world: MemoryWorld
    diary: Diary
    drivers: Drivers
    reached: list[tuple[float, str, str]] = field(default_factory=list)
    """Moment, process and boundary."""
    parked: str | None = None
    """The boundary at which its operator waits for its death."""

    def is_over(self, seconds: float) -> bool:
        """Tells whether an episode ended so long ago, and no boundary was reached since."""
        return bool(self.reached) and "End.write" in self.reached[-1][2] and self.is_silent_for(seconds)

    def is_silent_for(self, seconds: float) -> bool:
        """Tells whether no boundary was reached for so long."""
        return clock.wall_seconds() - self.reached[-1][0] > seconds


class Worlds:
    """Every pair's world, in a thread of this process; leaving the block ends it."""

    def __init__(self, socket: Path) -> None:
        """Keeps where it is to be reached; nothing lives before the block is entered."""
        self.socket = socket
        self.living: dict[str, Living] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._ready, self._end = threading.Event(), asyncio.Event()

    def __enter__(self) -> Self:
        """Begins to live."""
        self._thread.start()
        assert self._ready.wait(ANSWER_SECONDS), "the worlds did not come to life"
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    def add(self, name: str, world: MemoryWorld, *, acks: list[list[float]]) -> None:
        """Lets a world live under a pair's name."""

        def added() -> None:
            diary = Diary(world, now=clock.wall_seconds)
            diary.acks = acks
            self.living[name] = Living(world, diary, memory_drivers(world))

        self.call(added)

    def take(self, name: str) -> Living:
        """Ends a world's life and returns it."""
        return self.call(lambda: self.living.pop(name))

    def call(self, act: Callable[[], T]) -> T:
        """Does something in the worlds' own loop and returns what came of it."""
        return done_in(self._loop, act, within_seconds=ANSWER_SECONDS)

    async def _serve(self) -> None:
        server = await asyncio.start_unix_server(self._answer, str(self.socket))
        beat = asyncio.create_task(self._beat())
        self._ready.set()
        await self._end.wait()
        beat.cancel()
        server.close()
        await asyncio.gather(beat, return_exceptions=True)

    async def _beat(self) -> None:
        """Lets guards go round, timers fire and clients write."""
        number = 0
        while True:
            number += 1
            for living in self.living.values():
                living.diary.note_write()
                if number % GUARDS_EVERY_BEATS == 0:
                    living.world.run_guards()
                if number % SYNCS_EVERY_BEATS == 0:
                    living.world.run_syncs()
                living.diary.note("time passed")
            await asyncio.sleep(BEAT_SECONDS)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked: Asked = await _receive(reader)
            writer.write(_packed(await self._carry_out(asked)))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # The caller died; what it asked for was done or was not.
        finally:
            writer.close()

    async def _carry_out(self, asked: Asked) -> Any:  # noqa: ANN401
        living = self.living[asked.name]
        if asked.port == TOLD:
            process, boundary, is_parked = asked.arguments
            living.reached.append((round(clock.wall_seconds(), 6), process, boundary))
            living.parked = boundary if is_parked else living.parked
            return None
        verb = getattr(getattr(living.drivers, asked.port), asked.verb)
        outcome = await verb(*asked.arguments, **asked.options)
        if asked.verb in EFFECTS:
            living.diary.note(described(asked.verb, asked.arguments))
        return outcome


class FarWorld:
    """One pair's world as the operator's process reaches it."""

    def __init__(self, socket: str, name: str) -> None:
        """Keeps the way there."""
        self._socket = socket
        self._name = name
        self.calls = 0

    def asked(self, port: str, verb: str, *arguments: Any, **options: Any) -> Asked:  # noqa: ANN401
        """Returns the request that a verb of a port be carried out."""
        return Asked(self._name, port, verb, arguments, options)

    async def call(self, asked: Asked) -> Any:  # noqa: ANN401
        """Lets a verb of a port be carried out there."""
        self.calls += 1
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(_packed(asked))
            await writer.drain()
            return await _receive(reader)
        finally:
            writer.close()

    async def tell(self, process: str, boundary: str, *, is_parked: bool) -> None:
        """Tells that a boundary is reached."""
        await self.call(self.asked(TOLD, "", process, boundary, is_parked))

    def commands_run(self, node: str) -> int:
        """Returns how many calls there were for both nodes together."""
        return self.calls if node == "a" else 0

    def drivers(self) -> Drivers:
        """Returns one port of each family over this world."""
        return Drivers(**{item.name: cast("Any", _FarPort(self, item.name)) for item in fields(Drivers)})


class _FarPort:
    def __init__(self, world: FarWorld, port: str) -> None:
        self._world = world
        self._port = port

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401
        """Returns the verb, which is carried out in the other process."""

        async def called(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            return await self._world.call(self._world.asked(self._port, verb, *arguments, **options))

        return called


def _of_mapping(proxy: MappingProxyType[str, str]) -> tuple[Any, ...]:
    return _proxied, (dict(proxy),)


def _proxied(values: dict[str, str]) -> MappingProxyType[str, str]:
    return MappingProxyType(values)


copyreg.pickle(MappingProxyType, _of_mapping)  # An outcome's facts are one.


def _packed(value: object) -> bytes:
    body = pickle.dumps(value)
    return LENGTH.pack(len(body)) + body


async def _receive(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301 - from this project's own process
