"""The one place where time comes from; everything else is handed a `Clock`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for people and the journal, monotonic time for every duration."""

    def now(self) -> str:
        """Return the wall clock as RFC 3339 in UTC with milliseconds."""

    def monotonic_seconds(self) -> float:
        """Return seconds that never go back, with no meaning across processes."""

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> str:
        """Return the wall clock as RFC 3339 in UTC with milliseconds."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def monotonic_seconds(self) -> float:
        """Return the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        await asyncio.sleep(seconds)
