"""The one place of the test bed that reads clocks and waits."""

import datetime
import time
from collections.abc import Callable


class TimedOutError(Exception):
    """A bounded wait ended without what it waited for."""


def monotonic_nanoseconds() -> int:
    """Return the host's monotonic clock, which all evidence of one run shares."""
    return time.monotonic_ns()


def monotonic_seconds() -> float:
    """Return the host's monotonic clock in seconds."""
    return time.monotonic()


def wall() -> str:
    """Return the wall clock as RFC 3339 in UTC, for people who read evidence."""
    return datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="microseconds")


def pause(seconds: float) -> None:
    """Sleep once; loops use `wait_until`, which is bounded."""
    time.sleep(seconds)


def wait_until(
    holds: Callable[[], bool],
    *,
    timeout_seconds: float,
    what: str,
    every_seconds: float = 0.01,
) -> None:
    """Wait until `holds` is true, or raise TimedOutError naming `what` was waited for."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        if time.monotonic() >= deadline:
            message = f"waited {timeout_seconds:g} s in vain for {what}"
            raise TimedOutError(message)
        time.sleep(every_seconds)
