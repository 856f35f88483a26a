"""The clock that the diaries and the API server's audit log share."""

import time


def wall_seconds() -> float:
    """Returns the wall clock in seconds since 1970."""
    return time.time()
