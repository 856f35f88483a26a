"""The one place of the stand-in that reads clocks and waits."""

import datetime as dt
import time


def monotonic_nanoseconds() -> int:
    """Return the kernel's monotonic clock, which all nodes of one test bed share."""
    return time.monotonic_ns()


def wall_nanoseconds() -> int:
    """Return the wall clock in nanoseconds since 1970."""
    return time.time_ns()


def local_now() -> dt.datetime:
    """Return the node's local time: the product names its logs by the node's local date."""
    return dt.datetime.now().astimezone()


def pause(seconds: float) -> None:
    """Sleep once."""
    time.sleep(seconds)
