"""Amounts in messages, so coarse that they seldom change: a pair that waits is not written at each look.

The law of this file: pure, and always to the safe side. What may be lost is said to be more than it is, never less, and
what is done already less, never more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

MINUTE, HOUR, DAY = 60, 3600, 86400
_SPANS = (
    *(5, 10, 20, 30),
    *(MINUTE * count for count in (1, 2, 3, 5, 10, 15, 20, 30)),
    *(HOUR * count for count in (1, 2, 3, 4, 6, 8, 12, 18)),
    *(DAY * count for count in (1, 2, 3, 5, 7, 14, 30)),
)
"""The spans that are said, in seconds; above the last of them whole multiples of it."""
ANSWERED_WITHIN_SECONDS = 60
"""What may be lost grows while a person reads."""
MEBIBYTE = 2**20
TENTH = 10


def seconds_at_most(seconds: float) -> int:
    """Return the least of few spans that is no shorter, in whole seconds."""
    if seconds > _SPANS[-1]:
        return _SPANS[-1] * -int(-seconds // _SPANS[-1])
    return _SPANS[bisect_left(_SPANS, seconds)]


def loss_to_accept(seconds: float) -> int:
    """Return what a person is asked to accept: no less than what may be lost when the answer comes."""
    return seconds_at_most(seconds + ANSWERED_WITHIN_SECONDS)


def age_words(seconds: float) -> str:
    """Return how old something is in words, such as `older than 2 h`."""
    if seconds < MINUTE:
        return "younger than 1 min"
    span = _SPANS[bisect_right(_SPANS, seconds) - 1]
    unit, name = next((unit, name) for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")) if span >= unit)
    return f"older than {span // unit} {name}"


def bytes_at_most(count: int) -> str:
    """Return an amount of data in words: `up to` the least power of two mebibytes that is no less."""
    mebibytes = max(1, -(-count // MEBIBYTE))
    return f"up to {1 << (mebibytes - 1).bit_length()} MiB"


def percent_at_least(percent: float) -> int:
    """Return how many whole tenths are done, in percent."""
    return int(percent // TENTH) * TENTH
