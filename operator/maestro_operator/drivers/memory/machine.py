"""A virtual machine in memory between two hosts of one disk: its cluster has it run, and people's orders move it.

Nothing of it is on the hosts but the machine itself: no guard, no copy. What the cluster does is what a test tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.drivers.memory.world import MemoryWorld
from maestro_operator.model.outcome import Done, Failed, Outcome
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_operator.drivers.memory.world import MemoryClock
    from maestro_operator.model.status import FrozenNode


class MachineWorld(MemoryWorld):
    """A world whose two nodes are the hosts of one machine, its only unit."""

    def __init__(self, *, nodes: Iterable[tuple[str, str]], machine: str, clock: MemoryClock) -> None:
        """Make two hosts of which the first runs the machine."""
        super().__init__(nodes=nodes, units=(machine,), clock=clock)
        self.machine = machine
        self.refuses_to_move = ""
        """Why the hosts do not move it, where they do not."""
        for node in self.nodes.values():
            node.records = 0
        next(iter(self.nodes.values())).running.add(machine)

    def host(self) -> str | None:
        """Return where the machine runs, None where it runs nowhere."""
        return next((node.name for node in self.nodes.values() if node.is_on and node.running), None)

    def cluster_starts(self, name: str) -> None:
        """Let the cluster start the machine on a host, as after an outage of the other one."""
        self.nodes[name].running.add(self.machine)

    def cluster_stops(self, name: str) -> None:
        """Let the cluster end the machine on a host."""
        self.nodes[name].running.discard(self.machine)

    def cluster_moves(self, name: str) -> None:
        """Let the cluster move the machine to a host."""
        self.cluster_stops(self.other(name).name)
        self.cluster_starts(name)

    @override
    def write(self) -> bool:
        """Let a client write one record through the machine's own address, on the one disk of both hosts."""
        self.note_writers("a client writes")
        if not self.writers():
            return False
        self.acknowledged += 1
        self.last_acknowledged_seconds = self.clock.monotonic_seconds()
        for node in self.nodes.values():
            node.records = self.acknowledged
        return True


class MemoryMachine(Reaching):
    """The port of a machine that a cluster keeps."""

    async def migrate(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Move the machine from the host that runs it, where the other one is reached from there and has nothing."""
        del deadline_seconds
        silent = self._silent(source) or self._silent(target)
        if silent:
            return silent
        here, there = self._node(source), self._node(target)
        if not here.running:
            if there.running:
                return Done()
            return Failed(Reason.COMMAND_FAILED, f"{source.name} does not run the machine")
        if there.running:
            return Failed(Reason.COMMAND_FAILED, f"{target.name} has the machine already")
        if not self._world.reaches(source.name, target.name):
            return Failed(Reason.COMMAND_FAILED, f"{source.name} does not reach {target.name}")
        refused = self._world.refuses_to_move if isinstance(self._world, MachineWorld) else "no machine is kept here"
        if refused:
            return Failed(Reason.COMMAND_FAILED, f"{source.name}: {refused}")
        there.running, here.running = set(here.running), set()
        return Done()
