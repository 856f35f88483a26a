"""An event loop without I/O: what is ready runs, and where nothing is, the nearest timer is due at once.

Memory drivers never wait for anything outside the process, so a whole turn runs here without a system call.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar

from typing_extensions import override

T = TypeVar("T")


class InstantLoop(asyncio.AbstractEventLoop):
    """Runs one coroutine at a time to its end, and then all that it left behind."""

    def __init__(self, *, seconds: Callable[[], float], let_pass: Callable[[float], None]) -> None:
        """Keeps where the time is read, and what lets it pass."""
        self._seconds = seconds
        self._let_pass = let_pass
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self._is_running = False

    def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end and what is ready after it, and returns or raises what came of it."""
        asyncio._set_running_loop(self)  # noqa: SLF001 - the documented way in for an event loop's own `run`
        self._is_running = True
        try:
            task: asyncio.Task[T] = asyncio.Task(coroutine, loop=self)
            while not task.done() or self._ready:
                self._step()
        finally:
            self._is_running = False
            self._timers.clear()
            asyncio._set_running_loop(None)  # noqa: SLF001 - as above
        return task.result()

    def _step(self) -> None:
        if self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()  # noqa: SLF001 - an event loop is what runs a handle
            return
        if not self._timers:
            raise RuntimeError("the turn waits for something that never comes")
        at, _, timer = heapq.heappop(self._timers)
        if not timer.cancelled():
            self._let_pass(max(0.0, at - self._seconds()))
            timer._run()  # noqa: SLF001 - as above

    @override
    def time(self) -> float:
        return self._seconds()

    @override
    def call_soon(  # type: ignore[override]  # what a callback takes is not checked again
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    @override
    def call_later(  # type: ignore[override]  # what a callback takes is not checked again
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._seconds() + delay, callback, *args, context=context)

    @override
    def call_at(  # type: ignore[override]  # what a callback takes is not checked again
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Does nothing: a cancelled timer is passed over when its time comes."""

    @override
    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    @override
    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    @override
    def get_debug(self) -> bool:
        return False

    @override
    def is_running(self) -> bool:
        return self._is_running

    @override
    def is_closed(self) -> bool:
        return False

    @override
    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Lets it be: what was left behind by a process that was killed is nobody's any more."""


def instant_loop(*, seconds: Callable[[], float], let_pass: Callable[[float], None]) -> InstantLoop:
    """Returns a loop; what an event loop has for I/O is not there, and whoever asked for it would be told so."""
    return InstantLoop(seconds=seconds, let_pass=let_pass)  # type: ignore[abstract]
