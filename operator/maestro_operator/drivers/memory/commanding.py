"""The replication port over a product in memory that replicates itself, with the refusals of the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.filing import hold_queue
from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.product import ProductWorld
    from maestro_operator.model.status import FrozenNode, Generation


class MemoryProduct(Reaching):
    """The replication port."""

    _world: ProductWorld

    def __init__(self, world: ProductWorld) -> None:
        """Keep the world."""
        super().__init__(world)

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open nothing: here a copy takes no time."""
        del target, deadline_seconds
        return self._silent(source) or Done()

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the stopped source say how far it came, and the target that it has it."""
        del deadline_seconds
        silent = self._silent(source) or self._silent(target)
        return silent or self._world.give(self._node(source), self._node(target))

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the target's own timer fire; what it came to is read back."""
        del deadline_seconds
        silent = self._silent(target)
        if silent:
            return silent
        self._world.sync_from(source.name)
        return Done()

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Let a standby's data become the owner's."""
        del deadline_seconds
        silent, there = self._silent(node), self._node(node)
        if silent:
            return silent
        if generation is None:
            return self._world.bring_up(there) or Done()
        return self._world.promote(there, episode=episode, generation=generation)

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one thing that is kept aside."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).quarantine.pop(item, None)
        return Done()

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: such a product is restored by its own means."""
        del episode, item, deadline_seconds
        return self._silent(node) or Refused(Reason.STEP_REFUSED, f"{node.name} has a product restored by hand")

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail once an episode, before anything runs."""
        del deadline_seconds
        return self._silent(node) or hold_queue(self._node(node), episode)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Note of an old source that the other side has all of it."""
        del episode, deadline_seconds
        return self._silent(node) or self._world.reverse(self._node(node), generation)

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Keep aside what the node alone wrote."""
        del deadline_seconds
        return self._silent(node) or self._world.quarantine(self._node(node), episode=episode)
