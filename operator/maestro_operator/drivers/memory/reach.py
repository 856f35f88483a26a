"""What every port over a memory world begins with: whether the operator reaches the node at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.outcome import Failed
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld
    from maestro_operator.model.status import FrozenNode


class Reaching:
    """Holds the world and says whether the operator reaches a node."""

    def __init__(self, world: MemoryWorld) -> None:
        """Keep the world."""
        self._world = world

    def _silent(self, node: FrozenNode) -> Failed | None:
        """Return the failure of a command to a node that does not answer."""
        self._world.commands += 1
        if self._world.reaches(OPERATOR, node.name):
            return None
        return Failed(Reason.TIMED_OUT, f"{node.name} did not answer")

    def _node(self, node: FrozenNode) -> MemoryNode:
        return self._world.nodes[node.name]
