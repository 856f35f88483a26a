"""The tutorial, played to its end in a cluster with nothing in it but what the tutorial itself put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.docscheck.record import Tried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.drivers.memory.world import MemoryWorld
    from support.docscheck.desk import Desk
    from support.docscheck.pages import Block, Page
    from support.docscheck.record import Record

PAIR = "lists"
ACCIDENTS: Mapping[str, Callable[[MemoryWorld, str], None]] = {
    "power-cut": lambda world, node: world.power_cut(node),
    "power-on": lambda world, node: world.power_on(node),
}


def play_tutorial(page: Page, desk: Desk, record: Record, *, after: Callable[[Block], None] = lambda _: None) -> None:
    """Runs every block in its order, and ends at the first that fails: what follows stands on it.

    `after` is called after each block that went well.
    """
    for block in page.blocks:
        if block.language == "accident":
            _happens(block, desk)
        elif block.language == "sh":
            code, said = desk.run(block.text)
            record.note(Tried("command", block.page, block.line, block.text, code, said))
            if code != 0:
                return
        after(block)


def _happens(block: Block, desk: Desk) -> None:
    what, node = block.text.split()
    desk.befalls(PAIR, lambda world: ACCIDENTS[what](world, node))
