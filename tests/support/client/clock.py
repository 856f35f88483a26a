"""The client's clock: the kernel's, which it shares with the nodes of the test bed."""

import time


def monotonic_nanoseconds() -> int:
    """Return the monotonic clock in nanoseconds."""
    return time.monotonic_ns()
