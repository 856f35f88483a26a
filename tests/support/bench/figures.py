"""Figures, the noise they were measured in, and how a cost grows."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RUNS = 7
"""The least of samples that a figure rests on."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The samples of one figure."""

    min: float
    median: float
    max: float
    n: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """Sums up samples."""
        return cls(min(samples), statistics.median(samples), max(samples), len(samples))

    def each_of(self, count: int) -> Spread:
        """Returns the share of each of so many."""
        return Spread(self.min / count, self.median / count, self.max / count, self.n)


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the results."""

    id: str
    unit: str
    spread: Spread
    goal: str = ""
    """What was aimed at, in words; empty where nothing was."""
    met: bool | None = None
    against: str = ""
    """What was measured beside it in the same run."""
    ratio: Spread | None = None
    """By how many times it is more than that, sample by sample."""
    profile: str = ""
    """The file that says where the time goes."""

    def as_line(self) -> Mapping[str, Any]:
        """Returns it for the file."""
        return asdict(self)


def ratios(samples: Sequence[float], beside: Sequence[float]) -> Spread:
    """Returns the ratio of samples that were taken side by side; one beside nothing at all is infinite."""
    return Spread.of([one / other if other else math.inf for one, other in zip(samples, beside, strict=True)])


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Returns the slope of a line through the logarithms: how a value grows with the size.

    The least squares fit of log(value) = exponent x log(size) + c.
    """
    xs, ys = [math.log(size) for size in sizes], [math.log(max(value, 1e-9)) for value in values]
    return statistics.linear_regression(xs, ys).slope


def exponents(sizes: Sequence[int], samples: Sequence[Sequence[float]]) -> Spread:
    """Returns the slope through the first samples of each size, through the second ones, and so on, each in order."""
    ordered = [sorted(of_size) for of_size in samples]
    return Spread.of([exponent(sizes, values) for values in zip(*ordered, strict=False)])


def percentile(samples: Sequence[float], part: float) -> float:
    """Returns the nearest sample at or above so many percent of them."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, math.ceil(part / 100 * len(ordered)) - 1)]


def timed(act: Callable[[], object], *, clock: Callable[[], float], times: int) -> float:
    """Returns the seconds of one `act`, which is made so many times."""
    began = clock()
    for _ in range(times):
        act()
    return (clock() - began) / times
