"""One thing to look at, never waited for longer than it deserves.

A node that answers is waited for, and for a moment only where somebody else finds nobody there; a
node that did not answer last time is looked at in the background, so that a dead side costs a turn
nothing. A look that began before the turn may bring bad news, never good: what was read before the
last effect says nothing about after it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.clock import Clock

T = TypeVar("T")

DOUBTED_PATIENCE_SECONDS = 1.0
"""As long as a turn waits for what somebody found dead, or a probe's time-out where that is longer."""


class Lookout(Generic[T]):
    """Looks at one thing; `look` gives the newest answer that may be believed."""

    def __init__(
        self,
        name: str,
        look: Callable[[], Awaitable[T | Unknown]],
        *,
        clock: Clock,
        patience_seconds: float,
        doubted_seconds: float = DOUBTED_PATIENCE_SECONDS,
    ) -> None:
        """Keep how to look, and how long a turn waits for one that answered last time, and for one that is doubted."""
        self._name = name
        self._look = look
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._doubted_seconds = doubted_seconds
        self._task: asyncio.Task[T | Unknown] | None = None
        self._last: T | Unknown = Unknown(Reason.NOT_YET_KNOWN, f"{name} was not looked at yet")
        self._is_first = True
        self._began_seconds = 0.0
        self._doubted: asyncio.Event | None = None
        """Where a turn waits: set when it is to wait for a moment only."""

    async def look(self, *, good_for_seconds: float = 0.0, is_doubted: bool = False) -> T | Unknown:
        """Return what is there now, or the last failure while a new look is under way.

        A good answer to a look that began at most `good_for_seconds` ago stands in for a new look. What is doubted, or
        comes to be, is waited for in vain for a moment only: the look goes on in the background.
        """
        if self.is_good_for(good_for_seconds):
            return self._last
        if self._task is not None:
            if not self._task.done():
                return self._last
            self._take()
            if isinstance(self._last, Unknown):
                self._begin()
                return self._last
        self._begin()
        if isinstance(self._last, Unknown) and not self._is_first:
            return self._last
        self._doubted = asyncio.Event()
        if is_doubted:
            self._doubted.set()
        if await self._is_awaited(self._doubted):
            self._take()
        else:
            text = f"{self._name} did not answer in {self._doubted_seconds:.1f} s, and somebody finds nobody there"
            self._last, self._is_first = Unknown(Reason.TIMED_OUT, text), False
        self._doubted = None
        return self._last

    def doubt(self) -> None:
        """Let a turn wait for a moment only: somebody finds nobody there."""
        if self._doubted is not None:
            self._doubted.set()

    async def _is_awaited(self, doubted: asyncio.Event) -> bool:
        """Tell whether the look ended; it is waited for to its end, or for a moment once there is a doubt."""
        if self._task is None:
            return True
        doubt = asyncio.ensure_future(doubted.wait())
        try:
            await asyncio.wait({self._task, doubt}, return_when=asyncio.FIRST_COMPLETED)
            left = self._began_seconds + self._doubted_seconds - self._clock.monotonic_seconds()
            if not self._task.done():
                await asyncio.wait({self._task}, timeout=max(0.0, left))
            return self._task.done()
        finally:
            doubt.cancel()

    def is_good_for(self, seconds: float) -> bool:
        """Tell whether the last look gave something and began less than so long ago."""
        return not isinstance(self._last, Unknown) and self._clock.monotonic_seconds() - self._began_seconds < seconds

    def _begin(self) -> None:
        self._began_seconds = self._clock.monotonic_seconds()
        self._task = asyncio.ensure_future(self._bounded())

    async def _bounded(self) -> T | Unknown:
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await self._look()
        except TimeoutError:
            return Unknown(Reason.TIMED_OUT, f"{self._name} did not answer in {self._patience_seconds:.1f} s")

    def _take(self) -> None:
        """Take the result of a finished look."""
        task, self._task = self._task, None
        if task is None or task.cancelled():
            return
        self._last = task.result()
        self._is_first = False

    def close(self) -> None:
        """End a look under way."""
        if self._task is not None:
            self._task.cancel()


class Periodic(Generic[T]):
    """Looks again every so often in the background and gives the last answer at once."""

    def __init__(
        self, first: T, look: Callable[[], Awaitable[T]], *, clock: Clock, period_seconds: float | Callable[[], float]
    ) -> None:
        """Keep how to look and how often; where that changes, it is asked for each time."""
        self._look = look
        self._clock = clock
        self._period_seconds = period_seconds
        self._last = first
        self._task: asyncio.Task[T] | None = None
        self._begun_seconds: float | None = None
        self.answered_seconds: float | None = None
        """When the last answer came, on the monotonic clock; None before the first."""

    def latest(self) -> T:
        """Return the last answer, and begin a new look when one is due."""
        self.taken()
        now, period = self._clock.monotonic_seconds(), self._period_seconds
        seconds = period if isinstance(period, float | int) else period()
        due = self._begun_seconds is None or now - self._begun_seconds >= seconds
        if self._task is None and due:
            self._begun_seconds = now
            self._task = asyncio.ensure_future(self._called())
        return self._last

    def taken(self) -> T:
        """Return the last answer and begin nothing."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            if not task.cancelled():
                self._last = task.result()  # a surprise is the turn's surprise
                self.answered_seconds = self._clock.monotonic_seconds()
        return self._last

    def is_older_than(self, seconds: float) -> bool:
        """Tell whether the last look began longer ago than that, or never."""
        return self._begun_seconds is None or self._clock.monotonic_seconds() - self._begun_seconds > seconds

    def hasten(self) -> None:
        """Look again at the next opportunity, whenever it was to be."""
        self._begun_seconds = None

    async def _called(self) -> T:
        return await self._look()

    async def first(self) -> T:
        """Return the first answer, waiting for it."""
        self.latest()
        if self.answered_seconds is None and self._task is not None:
            await asyncio.wait({self._task})
        return self.latest()

    def close(self) -> None:
        """End a look under way."""
        if self._task is not None:
            self._task.cancel()
