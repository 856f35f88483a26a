"""A shared disk in memory: one set of records, kept by whoever holds the reservation, and the replication port over it.

The storage obeys: only the holder reads and writes. It keeps the reservation when a node's power goes, and forgets it
where a test says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.drivers.memory.filing import hold_queue
from maestro_operator.drivers.memory.guarding import use_receipt
from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.replica import FOREIGN
from maestro_operator.model.seen import Replica, SharedSide
from maestro_operator.model.status import Generation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_operator.drivers.memory.world import MemoryClock
    from maestro_operator.model.status import FrozenNode


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds the disk, in which epoch."""

    node: str
    epoch: int


class SharedWorld(MemoryWorld):
    """A world whose two nodes reach one disk."""

    def __init__(self, *, nodes: Iterable[tuple[str, str]], units: tuple[str, ...], clock: MemoryClock) -> None:
        """Make two nodes and an empty file system that nobody holds."""
        super().__init__(nodes=nodes, units=units, clock=clock)
        self.held: Hold | None = None
        self.noted: int | None = None
        """The epoch of the last hold that a node saw: what its own disk keeps of it."""
        self.mounted: set[str] = set()
        self.apart: set[str] = set()
        """Nodes that do not reach the storage."""
        self.persists = True
        self.enforces = True
        for node in self.nodes.values():
            node.records = 0

    # ------------------------------------------------------------ physics

    def _holds(self, name: str) -> bool:
        return self.held is not None and self.held.node == name and name not in self.apart

    def forget_reservations(self) -> None:
        """Let the storage lose its power, and what it had only in memory."""
        if not self.persists:
            self.held = None

    @override
    def write(self) -> bool:
        written = super().write()
        if written and self.held is not None:
            self.other(self.held.node).records = self.nodes[self.held.node].records
        return written

    @override
    def writers(self) -> list[str]:
        return [name for name in super().writers() if name in self.mounted and self._holds(name)]

    @override
    def power_cut(self, name: str) -> None:
        super().power_cut(name)
        self.mounted.discard(name)

    @override
    def run_guards(self) -> None:
        super().run_guards()
        for name, node in self.nodes.items():
            if not node.is_alive or not node.is_equipped or name in self.apart:
                continue
            self._look_after(node)

    def _look_after(self, node: MemoryNode) -> None:
        """Do once what the program's timer does: keep the hold, leave another one's disk, stop whose was taken."""
        inforce = node.guard.inforce
        mine = inforce is not None and inforce.owner == node.name
        if node.running and (not mine or self.bring_up(node) is not None):
            node.running.clear()
        if not mine and not node.running:
            self.mounted.discard(node.name)

    @override
    def sync_from(self, name: str) -> Generation | None:
        return None

    # ------------------------------------------------------------ what the program on the node does

    @override
    def bring_up(self, node: MemoryNode) -> Outcome | None:
        epoch = node.guard.inforce_epoch
        refused = self._take(node, epoch)
        if refused is None:
            self.mounted.add(node.name)
        return refused

    def _take(self, node: MemoryNode, epoch: int, *, is_promised: bool = False) -> Outcome | None:
        """Take the disk for an epoch; give what stands in the way."""
        if node.name in self.apart:
            return Failed(Reason.COMMAND_FAILED, f"{node.name} does not reach the disk")
        held = self.held
        if held is not None and held.node == FOREIGN:
            return Refused(Reason.DISK_FOREIGN, "the disk has a key that is not this pair's", "ForeignKey")
        if held is not None and held.node != node.name:
            if held.epoch >= epoch:
                return Refused(Reason.DISK_NOT_HELD, f"epoch {held.epoch} of {held.node} holds it", "NewerOwner")
            if not is_promised and not use_receipt(node, "Fenced"):
                return Refused(Reason.STEP_REFUSED, f"{node.name}: no receipt", "PeerNotFenced")
        self.held, self.noted = Hold(node.name, epoch), epoch
        return None

    def preempt(self, name: str) -> None:
        """Take the disk from a node that cannot be asked, for the other one, to whom the next epoch is promised."""
        survivor = self.other(name)
        promised = survivor.guard.promised
        is_promised = promised is not None and promised.owner == survivor.name
        if self.held is None or self.held.node == FOREIGN:
            # What nobody held is taken from nobody.
            return
        if promised is not None and is_promised and promised.epoch > survivor.guard.inforce_epoch:
            self._take(survivor, promised.epoch, is_promised=True)

    def give_up(self, source: str) -> Outcome:
        """Let a stopped owner unmount the disk; its key stays."""
        node = self.nodes[source]
        if node.running:
            return Refused(Reason.STEP_REFUSED, f"{source} runs services on its data", "HoldersPresent")
        if self.held != Hold(source, node.guard.inforce_epoch):
            return Refused(Reason.DISK_NOT_HELD, f"{source} does not hold the disk", "SyncBehind")
        self.mounted.discard(source)
        return Done({"generation": f"{node.guard.inforce_epoch}.1"})

    @override
    def replica_of(self, node: MemoryNode) -> Replica | None:
        name, held = node.name, self.held
        is_there = name not in self.apart
        side = SharedSide(
            problem=None if is_there else "there is no disk here",
            holder=held.node if held and is_there else None,
            holder_epoch=held.epoch if held and is_there and held.node != FOREIGN else None,
            keys=1 if held and is_there else 0,
            is_exclusive=held is not None and is_there,
            persists=held is not None and is_there and self.persists,
            enforces=self.enforces if held and is_there and held.node != name else None,
            is_mounted=name in self.mounted,
            holds=self._holds(name),
        )
        is_whole = is_there and name not in self.mounted and (side.holder_epoch or self.noted) is not None
        is_whole = is_whole and side.holder != FOREIGN
        return Replica(
            newest=Generation(epoch=side.holder_epoch or self.noted or 0, counter=1) if is_whole else None,
            announced_age_seconds=0.0 if is_whole else None,
            clock="uptime" if is_whole else "none",
            is_whole=is_whole,
            live_present=is_there,
            promoted=node.promoted,
            promoted_episode=node.promoted_episode,
            disk=side,
        )


class MemoryShared(Reaching):
    """The replication port, with the refusals of the real one."""

    _world: SharedWorld

    def __init__(self, world: SharedWorld) -> None:
        """Keep the world."""
        super().__init__(world)

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open nothing: here a copy takes no time."""
        del target, deadline_seconds
        return self._silent(source) or Done()

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the stopped source unmount, and the target find what is on the disk."""
        del deadline_seconds
        silent = self._silent(source)
        if silent:
            return silent
        given = self._world.give_up(source.name)
        if not isinstance(given, Done):
            return given
        there = None if self._silent(target) else self._world.replica_of(self._node(target))
        if there is None or str(there.newest) != given.facts["generation"]:
            return Failed(Reason.COPY_NOT_WHOLE, f"{target.name} does not find it on the disk")
        return given

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Move nothing: there is one disk."""
        del target, deadline_seconds
        return self._silent(source) or Done()

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Take the disk and mount it, where what is on it is that generation's."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there, held = self._node(node), self._world.held
        if there.promoted_episode == episode and node.name in self._world.mounted and held == _own(there):
            return Done()
        if generation is not None and held and held.node not in (node.name, FOREIGN) and held.epoch != generation.epoch:
            return Refused(Reason.COPY_NOT_WHOLE, f"the disk was held last in epoch {held.epoch}", "NotWhole")
        stands = self._world.bring_up(there)
        if stands is not None:
            return stands
        there.promoted = generation or Generation(epoch=there.guard.inforce_epoch, counter=1)
        there.promoted_episode = episode
        return Done()

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a shared disk is restored by hand."""
        del episode, item, deadline_seconds
        return self._silent(node) or Refused(Reason.STEP_REFUSED, f"{node.name} has a shared disk, restored by hand")

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Forget what was kept aside, which is nothing."""
        del item, deadline_seconds
        return self._silent(node) or Done()

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail once an episode, before anything runs."""
        del deadline_seconds
        return self._silent(node) or hold_queue(self._node(node), episode)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Let an old source whose disk was taken be a standby."""
        del episode, generation, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._world.mounted.discard(node.name)
        if self._world.held is None or self._world.held.node in (node.name, FOREIGN):
            return Refused(Reason.DISK_NOT_HELD, f"{node.name}: the other node does not hold the disk", "NotEqual")
        return Done()

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Unmount what is left; there is one disk, and nothing to keep aside."""
        del episode, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        if self._node(node).running:
            return Refused(Reason.STEP_REFUSED, f"{node.name} runs services on its data", "HoldersPresent")
        self._world.mounted.discard(node.name)
        return Done()


def _own(node: MemoryNode) -> Hold:
    return Hold(node.name, node.guard.inforce_epoch)
