"""Every way back, who is there meanwhile, and what must come of it. Knows nothing of the operator."""

from dataclasses import dataclass
from typing import Literal

Expected = Literal["nothing", "up", "goes-on", "stops", "runs-on", "last-owner"]
"""What the node that returns does: starts nothing; is the rightful owner and comes up; never stopped, and goes on;
stops what it brought along; runs on, since nobody can tell it; starts nothing while the last owner comes up."""

OLD, OTHER = "a", "b"
"""The node that was active at the beginning of every round, and its peer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One return."""

    round: str
    operator: Literal["up", "down"]
    peer: Literal["up", "down", "back"]
    """`back`: the other node comes back at the same moment."""
    expected: Expected

    @property
    def id(self) -> str:
        """Returns the cell's name in the report."""
        return f"{self.round}.operator-{self.operator}.peer-{self.peer}"


@dataclass(frozen=True, slots=True)
class Round:
    """One bed, one pair, one way back, and its returns in the order in which they are played."""

    id: str
    about: str
    """In words, for the table."""
    leaves: Literal["power-cut", "soft-off", "frozen", "cut-off", "denied", "stays", "with-its-site"]
    cells: tuple[Cell, ...]


def _old(name: str, about: str, *, leaves: Literal["power-cut", "soft-off"] = "power-cut") -> Round:
    """Returns the round of a node that lost its ownership and comes back by a boot."""
    return Round(
        name,
        about,
        leaves,
        (
            Cell(name, "up", "up", "nothing"),
            Cell(name, "down", "up", "nothing"),
            Cell(name, "down", "down", "nothing"),
            Cell(name, "up", "down", "nothing"),
        ),
    )


def _alive(name: str, about: str, leaves: Literal["frozen", "cut-off"]) -> tuple[Round, ...]:
    """Returns the rounds of a node that lost its ownership without noticing; each can be told only once."""
    heard, told, alone = f"{name}-heard", f"{name}-told", f"{name}-alone"
    return (
        Round(heard, about, leaves, (Cell(heard, "down", "up", "stops"),)),
        Round(told, about, leaves, (Cell(told, "up", "up", "stops"),)),
        Round(alone, about, leaves, (Cell(alone, "down", "down", "runs-on"), Cell(alone, "up", "down", "runs-on"))),
    )


ROUNDS = (
    _old("power", "from a power cut"),
    _old("soft-off", "from an orderly shutdown", leaves="soft-off"),
    _old("hours", "after six hours"),
    _old("snapshot", "from a snapshot of its disks, taken while it was active"),
    _old("empty", "replaced, with empty disks"),
    _old("guard-deleted", "its guard's state deleted"),
    _old("guard-old", "its guard's state put back from when it had a permit"),
    *_alive("thawed", "thawed with its memory, same boot and permit", "frozen"),
    *_alive("healed", "its partition healed, services running", "cut-off"),
    Round(
        "denied",
        "its partition healed, after a fence that was denied: still the owner",
        "denied",
        (Cell("denied", "up", "up", "goes-on"),),
    ),
    Round(
        "reboot",
        "rebooted by itself, still the owner",
        "stays",
        (
            Cell("reboot", "up", "up", "up"),
            Cell("reboot", "down", "up", "up"),
            Cell("reboot", "down", "down", "nothing"),
            Cell("reboot", "up", "down", "nothing"),
        ),
    ),
    Round(
        "site",
        "both nodes from a power loss of the site",
        "with-its-site",
        (Cell("site", "down", "back", "last-owner"), Cell("site", "up", "back", "last-owner")),
    ),
)
"""In the order in which they are played."""

WORDS: dict[Expected, str] = {
    "nothing": "starts nothing",
    "up": "the owner is up",
    "goes-on": "the owner never stopped",
    "stops": "stops, starts nothing",
    "runs-on": "runs on, reaches nobody",
    "last-owner": "starts nothing; the last owner is up",
}
