"""The lines of the table, in the order in which they are played. Knows nothing of the operator."""

from dataclasses import dataclass
from typing import Literal

Driver = Literal["rsync", "drbd", "command"]
DRIVERS: tuple[Driver, ...] = ("rsync", "drbd", "command")


@dataclass(frozen=True, slots=True)
class Cell:
    """One accident, or one order."""

    id: str
    about: str
    loses_nothing: bool
    """No line that was acknowledged may be lost, whatever was declared."""
    only: Driver | None = None
    """The one driver it is played with; None for every one."""


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
    Cell("standby-lost", "the standby loses its power and comes back", loses_nothing=True, only="command"),
    Cell(
        "killed-in-failover", "the operator is killed in the middle of a failover", loses_nothing=False, only="command"
    ),
    Cell(
        "killed-in-rejoin",
        "the operator is killed while an old owner is made a standby",
        loses_nothing=False,
        only="command",
    ),
)
BY_ID = {cell.id: cell for cell in CELLS}
ALWAYS = ("one-writer", "files-and-rows-agree", "fence-was-true", "lost-in-no-cell")
"""What is claimed of a whole run."""
OF_ROWS = ("one-writer", "rows-are-whole", "fence-was-true", "lost-in-no-cell", "lost-is-kept")
"""The same where there are rows alone: and what was lost lies in what the old owner's node keeps aside."""


def cells_of(driver: Driver) -> tuple[str, ...]:
    """Return the cells that are played with a driver, in their order."""
    return tuple(cell.id for cell in CELLS if cell.only in (None, driver))


def claim_ids(names: tuple[str, ...] | None = None, *, driver: Driver = "rsync") -> tuple[str, ...]:
    """Return the ids of all claims of a run of these cells, or of all of the driver's."""
    chosen = cells_of(driver) if names is None else names
    always = OF_ROWS if driver == "command" else ALWAYS
    return (*(f"{name}.{claim}" for name in chosen for claim in ("played", "loss")), *always)


if __name__ == "__main__":
    print("\n".join(claim_ids()))
