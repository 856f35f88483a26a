"""Writes down what the nodes of a memory world did, as plain values that a judge can read without the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.memory.guard_twin import Mark
    from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld

Line = dict[str, Any]


class Diary:
    """One line for every state of the world that differs from the one before."""

    def __init__(self, world: MemoryWorld, *, now: Callable[[], float] | None = None) -> None:
        """Begins with the world as it is; the moments of its lines are of the world's clock unless another is given."""
        self._world = world
        self._now = now or world.clock.monotonic_seconds
        self.lines: list[Line] = []
        self.acks: list[list[float]] = []
        """Moment, the record's number, and the epoch that its writer ran under."""
        self.note("the beginning")

    def note(self, cause: str) -> None:
        """Writes the state down where it is a new one."""
        state = {
            "nodes": {name: _node(node) for name, node in self._world.nodes.items()},
            "names": dict(self._world.names),
        }
        if not self.lines or any(self.lines[-1][key] != state[key] for key in state):
            self.lines.append({"at": round(self._now(), 8), "cause": cause, **state})

    def begin(self) -> None:
        """Forgets the lines so far: what was done to the world until now was done by nobody."""
        self.lines.clear()
        self.note("the beginning")

    def forked(self, world: MemoryWorld, *, now: Callable[[], float]) -> Diary:
        """Returns the same diary of another world that was the same until now."""
        other = Diary(world, now=now)
        other.lines, other.acks = list(self.lines), list(self.acks)
        return other

    def note_write(self) -> None:
        """Lets a client write one record and keeps what it was told."""
        before = self._world.acknowledged
        if self._world.write():
            epoch = max(self._world.nodes[name].guard.inforce_epoch for name in self._world.writers())
            self.acks.append([round(self._world.clock.monotonic_seconds(), 3), before + 1, epoch])


def _node(node: MemoryNode) -> Line:
    guard = node.guard
    return {
        "address": node.address,
        "alive": node.is_on,
        "boot": node.boots,
        "running": len(node.running),
        "live": node.records is not None,
        "records": node.records if not node.running else None,
        "promised": _mark(guard.promised),
        "inForce": _mark(guard.inforce),
        "permit": [guard.permit.epoch, guard.permit.boot] if guard.permit else None,
        "bootId": node.boot_id,
        "grant": [guard.grant.epoch, guard.grant.source] if guard.grant else None,
        "quarantine": dict(node.quarantine),
        "copies": [[copy.generation.epoch, copy.generation.counter, copy.records] for copy in node.copies],
        "promoted": [node.promoted.epoch, node.promoted.counter] if node.promoted else None,
    }


def _mark(mark: Mark | None) -> list[Any] | None:
    return [mark.epoch, mark.owner, mark.episode] if mark else None
