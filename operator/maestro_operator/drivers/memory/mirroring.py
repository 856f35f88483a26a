"""The replication port over a mirror in memory, with the refusals of the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.filing import hold_queue
from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.mirror import MirrorWorld
    from maestro_operator.model.status import FrozenNode, Generation


class MemoryMirror(Reaching):
    """The replication port."""

    _world: MirrorWorld

    def __init__(self, world: MirrorWorld) -> None:
        """Keep the world."""
        super().__init__(world)

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open nothing: here a copy takes no time."""
        del target, deadline_seconds
        return self._silent(source) or Done()

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the stopped source give its side up."""
        del deadline_seconds
        return self._silent(source) or self._silent(target) or self._world.give_up(source.name, target.name)

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let both sides join."""
        del deadline_seconds
        silent = self._silent(target) or self._silent(source)
        if silent:
            return silent
        for name in (source.name, target.name):
            self._world.sides[name].is_willing = True
        self._world.meet()
        return Done()

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Bring the data up where it is that generation's; alone only on a receipt."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there, side = self._world.nodes[node.name], self._world.sides[node.name]
        if there.promoted_episode == episode and side.is_primary:
            return Done()
        if generation is not None and not side.is_primary and side.line[-1] != generation.counter:
            return Refused(Reason.COPY_NOT_WHOLE, f"{node.name} does not have generation {generation}", "NotWhole")
        held = self._world.bring_up(there)
        if held is not None:
            return held
        there.promoted, there.promoted_episode = generation, episode
        return Done()

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one thing that is kept aside."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).quarantine.pop(item, None)
        return Done()

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a mirror is restored by hand."""
        del episode, item, deadline_seconds
        return self._silent(node) or Refused(Reason.STEP_REFUSED, f"{node.name} has a mirror, restored by hand")

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail once an episode, before anything runs."""
        del deadline_seconds
        return self._silent(node) or hold_queue(self._node(node), episode)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Let an old source that gave its side up be a standby."""
        del episode, generation, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        side = self._world.sides[node.name]
        side.is_primary, side.is_willing = False, True
        return Done()

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Keep an image aside where anything was written since the node was a standby in sync."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there, side = self._world.nodes[node.name], self._world.sides[node.name]
        side.is_primary = False
        permitted = there.guard.maxpermit.epoch if there.guard.maxpermit else 0
        was_standby_since = side.contact is not None and side.contact.epoch > permitted
        if permitted and not was_standby_since:
            there.quarantine[episode] = there.records or 0
            side.is_willing = False
        return Done()
