"""How long the check took."""

import time


def monotonic_seconds() -> float:
    """Return the machine's monotonic clock."""
    return time.monotonic()
