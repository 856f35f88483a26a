"""The operator as it ships, its drivers in memory, in a thread of the demo that lends its event loop to the world."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from typing_extensions import override

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.logs import log_as_json
from maestro_operator.loop import PairLoop
from maestro_operator.main import Shared, run
from support.other_loop import done_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_operator.drivers.memory.world import MemoryWorld
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Store
    from maestro_operator.settings import Settings

T = TypeVar("T")
ANSWER_SECONDS = 10.0
END_SECONDS = 15.0


class OperatorEndedError(Exception):
    """The operator ended while the story went on; its log says why."""


class Lives(Protocol):
    """The world or worlds that the operator's loops act on."""

    async def live(self) -> None:
        """Let time pass there, until cancelled."""

    def world_of(self, pair: str) -> MemoryWorld:
        """Return the world of a pair."""


@dataclass(frozen=True, slots=True)
class MemoryParts:
    """Makes loops whose effects happen in the pair's world."""

    shared: Shared
    living: Lives

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Return a new loop over the memory drivers."""
        world = self.living.world_of(key.name)
        return PairLoop(
            store=store,
            drivers=memory_drivers(world),
            leader=self.shared.leader,
            clock=self.shared.clock,
            publisher=self.shared.publisher,
            commands=CommandsIn(world),
        )


@dataclass(frozen=True, slots=True)
class CommandsIn:
    """Counts the commands that were sent to a world's nodes."""

    world: MemoryWorld

    def commands_run(self, node: str) -> int:
        """Return how many commands were sent to both nodes: the world counts them together."""
        return self.world.commands if node == next(iter(self.world.nodes)) else 0


class ThreadLoop(asyncio.SelectorEventLoop):
    """A loop outside the main thread, where no signal arrives: `tell` hands on what a signal would have."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers: dict[int, Callable[[], object]] = {}

    @override
    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: object) -> None:
        self._handlers[sig] = lambda: callback(*args)

    def tell(self, number: int) -> None:
        """Do what the signal would do; nothing where nobody handles it."""
        handler = self._handlers.get(number)
        if handler is not None:
            self.call_soon_threadsafe(handler)


class MemoryOperator:
    """Runs the operator and the world until `stop`."""

    def __init__(self, settings: Settings, living: Lives, *, log: Path) -> None:
        """Start at once; every log line goes to the file."""
        self._log = log.open("a")
        root = logging.getLogger()
        self._level_before, self._handlers_before = root.level, list(root.handlers)
        log_as_json(settings.log_level)
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(self._log)
        self._loop = ThreadLoop()
        self._thread = threading.Thread(target=self._run, args=(settings, living), name="operator", daemon=True)
        self._thread.start()

    def _run(self, settings: Settings, living: Lives) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(_run_in(living, settings))
        except Exception:
            logging.getLogger(__name__).exception("the operator ended in a surprise")

    def call(self, act: Callable[[], T]) -> T:
        """Do something to the world in its own loop, and return what came of it.

        Raises:
            OperatorEndedError: there is no loop any more.

        """
        if not self._thread.is_alive():
            raise OperatorEndedError(f"the operator has ended; see {self._log.name}")
        return done_in(self._loop, act, within_seconds=ANSWER_SECONDS)

    def stop(self) -> None:
        """End it as SIGTERM does, and wait until it has ended."""
        for _ in range(int(END_SECONDS)):
            # Told again: one that has only just begun does not listen yet.
            if self._thread.is_alive():
                self._loop.tell(signal.SIGTERM)
                self._thread.join(1)
        logging.captureWarnings(capture=False)
        logging.getLogger().handlers[:] = self._handlers_before
        logging.getLogger().setLevel(self._level_before)
        self._log.close()


async def _run_in(living: Lives, settings: Settings) -> int:
    """Run the operator while the world lives; the world's own mistake ends both."""
    world = asyncio.create_task(living.live(), name="world")
    operator = asyncio.create_task(run(settings, lambda shared: MemoryParts(shared, living)), name="operator")
    await asyncio.wait({world, operator}, return_when=asyncio.FIRST_COMPLETED)
    for task in (world, operator):
        task.cancel()
    ended = await asyncio.gather(world, operator, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
    return 0
