"""The one place of the test bed that reads clocks and waits."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path


class TimedOutError(Exception):
    """A bounded wait ended without what it waited for."""


def monotonic_nanoseconds() -> int:
    """Returns the host's monotonic clock, which all evidence of one run shares."""
    return time.monotonic_ns()


def monotonic_seconds() -> float:
    """Returns the host's monotonic clock in seconds."""
    return time.monotonic()


def wall() -> str:
    """Returns the wall clock as RFC 3339 in UTC, for people who read evidence."""
    return dt.datetime.now(tz=dt.UTC).isoformat(timespec="microseconds")


def age_seconds(path: Path) -> float:
    """Returns how long ago a file or folder last changed."""
    return time.time() - path.stat().st_mtime


def pause(seconds: float) -> None:
    """Sleeps once; loops use `wait_until`, which is bounded."""
    time.sleep(seconds)


def wait_until(
    holds: Callable[[], bool],
    *,
    timeout_seconds: float,
    what: str,
    every_seconds: float = 0.01,
) -> None:
    """Waits until `holds` is true, or raise TimedOutError naming `what` was waited for."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        if time.monotonic() >= deadline:
            message = f"waited {timeout_seconds:g} s in vain for {what}"
            raise TimedOutError(message)
        time.sleep(every_seconds)
