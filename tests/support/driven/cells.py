"""The lines of the table, in the order in which they are played. Knows nothing of the operator."""

from dataclasses import dataclass
from typing import Literal

Driver = Literal["rsync", "drbd"]
DRIVERS: tuple[Driver, ...] = ("rsync", "drbd")


@dataclass(frozen=True, slots=True)
class Cell:
    """One accident, or one order."""

    id: str
    about: str
    loses_nothing: bool
    """No line that was acknowledged may be lost, whatever was declared."""


CELLS = (
    Cell("switchover", "the other node is ordered", loses_nothing=True),
    Cell("power-cut", "the active node loses its power", loses_nothing=False),
    Cell("failback", "after an accident a person hands the service back", loses_nothing=False),
    Cell("partition", "the active node is cut off from everybody", loses_nothing=False),
    Cell("cut-in-sync", "the active node loses its power while it sends", loses_nothing=False),
    Cell("cut-in-resync", "the active node loses its power while the old one is brought up to it", loses_nothing=False),
    # A copy on a schedule may be promoted here, with its loss declared; a mirror's standby has no receipt for it.
    Cell("both-standby-first", "the standby dies, then the active node; the standby boots first", loses_nothing=False),
    Cell(
        "both-active-first", "the active node dies, then its successor; the first one boots first", loses_nothing=False
    ),
    Cell("operator-killed", "the operator is killed in the middle of a switchover", loses_nothing=True),
)
BY_ID = {cell.id: cell for cell in CELLS}
ALWAYS = ("one-writer", "files-and-rows-agree", "fence-was-true", "lost-in-no-cell")
"""What is claimed of a whole run."""


def claim_ids(names: tuple[str, ...] = tuple(BY_ID)) -> tuple[str, ...]:
    """Return the ids of all claims of a run of these cells."""
    return (*(f"{name}.{claim}" for name in names for claim in ("played", "loss")), *ALWAYS)


if __name__ == "__main__":
    print("\n".join(claim_ids()))
