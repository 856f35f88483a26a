"""The control plane reads the time and waits only here."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER_SET = threading.Event()


def monotonic_seconds() -> float:
    """Returns the monotonic clock, in seconds."""
    return time.monotonic()


def utc_now() -> datetime:
    """Returns the wall clock in UTC; certificates carry it."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Waits for a moment between two looks at a condition."""
    _NEVER_SET.wait(seconds)


def await_condition(condition: Callable[[], bool], *, within_seconds: float, every_seconds: float = 0.05) -> bool:
    """Waits until the condition holds and returns whether it came to hold in time."""
    deadline = monotonic_seconds() + within_seconds
    while not condition():
        if monotonic_seconds() >= deadline:
            return False
        pause(every_seconds)
    return True
