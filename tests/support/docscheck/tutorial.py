"""The tutorial, played to its end in a cluster with nothing in it but what the tutorial itself put there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from support.docscheck.record import Tried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.drivers.memory.world import MemoryWorld
    from support.docscheck.desk import Desk
    from support.docscheck.memory_desk import MemoryDesk
    from support.docscheck.pages import Block, Page
    from support.docscheck.record import Record

PAIR = "lists"
ACCIDENTS: Mapping[str, Callable[[MemoryWorld, str], None]] = {
    "power-cut": lambda world, node: world.power_cut(node),
    "power-on": lambda world, node: world.power_on(node),
}


class Reader(Protocol):
    """Who reads the tutorial and does what it says."""

    def typed(self, text: str) -> str:
        """Returns a block's commands as this reader types them: with words of his own for the page's examples."""

    def happens(self, what: str, node: str) -> None:
        """Lets an accident happen to a node."""

    def after(self, block: Block) -> None:
        """Does what the page says in words after a block, and looks at what there is to be seen."""


class MemoryReader:
    """A reader whose servers are in memory: the page's own words are right there."""

    def __init__(self, desk: MemoryDesk) -> None:
        """Keep where the servers are."""
        self._desk = desk

    def typed(self, text: str) -> str:
        """Returns the commands as they stand."""
        return text

    def happens(self, what: str, node: str) -> None:
        """Lets an accident happen in the pair's world."""
        self._desk.befalls(PAIR, lambda world: ACCIDENTS[what](world, node))

    def after(self, block: Block) -> None:
        """Does nothing more."""


def play_tutorial(page: Page, desk: Desk, record: Record, *, reader: Reader) -> None:
    """Runs every block in its order, and ends at the first that fails: what follows stands on it."""
    for block in page.blocks:
        if block.language == "accident":
            what, node = block.text.split()
            reader.happens(what, node)
        elif block.language == "sh":
            text = reader.typed(block.text)
            code, said = desk.run(text)
            record.note(Tried("command", block.page, block.line, text, code, said))
            if code != 0:
                return
        reader.after(block)
