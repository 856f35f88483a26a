"""What can be wrong with one request to the API server, and to which requests it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """One way in which a request fares badly."""

    DROP = "drop"
    """The connection ends before the API server hears of it."""
    LOSE = "lose-answer"
    """The API server carries it out, and the connection ends before the answer."""
    HANG = "hang"
    """Nothing is handed on and nothing answered, the connection stays."""
    LATE = "late"
    """It arrives after the delay, whether or not anybody still waits for the answer."""
    HALF = "half-answer"
    """Half of the answer's body comes, then nothing, the connection stays."""
    SLOW = "slow"
    """It is handed on after the delay, and answered."""
    STATUS = "status"
    """It is answered at once with the given status, and not handed on."""
    SILENT = "silent-watch"
    """A watch is accepted and says nothing."""
    BOOKMARKS = "bookmarks-only"
    """A watch brings bookmarks and nothing else."""
    NO_DELETED = "deleted-missed"
    """A watch brings everything but DELETED."""
    GONE = "gone"
    """A watch says 410 at once, as one whose resourceVersion is too old."""
    CUT = "cut-watch"
    """A watch ends as soon as it was accepted."""


WATCH_HOWS = (How.SILENT, How.BOOKMARKS, How.NO_DELETED, How.GONE, How.CUT)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as a fault looks at it."""

    method: str
    path: str
    is_watch: bool

    @property
    def is_lease(self) -> bool:
        """Whether it is about the Lease."""
        return "/leases" in self.path

    @property
    def is_list(self) -> bool:
        """Whether it lists pairs."""
        return self.method == "GET" and not self.is_watch and self.path.endswith("/maestropairs")


def everything(asked: Asked) -> bool:
    """Take every request."""
    del asked
    return True


def watches(asked: Asked) -> bool:
    """Take watches alone."""
    return asked.is_watch


def lists(asked: Asked) -> bool:
    """Take lists of pairs alone."""
    return asked.is_list


def leases(asked: Asked) -> bool:
    """Take what is about the Lease."""
    return asked.is_lease


def writes(asked: Asked) -> bool:
    """Take whatever changes something."""
    return asked.method != "GET"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, from now until another one takes its place."""

    how: How
    takes: Callable[[Asked], bool] = everything
    delay_seconds: float = 0.0
    status: int = 500

    def is_for(self, asked: Asked) -> bool:
        """Tell whether a request fares badly by it; what only a watch can suffer leaves the rest alone."""
        return self.takes(asked) and (asked.is_watch or self.how not in WATCH_HOWS)
