"""One moment of everything: the world, what the API servers hold, what operators remember, what the adversary keeps.

A state is never changed once it was made: whatever moves on does so in a copy.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from support.kills.boundaries import described
from support.modelcheck.copies import copied_loop, copied_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld
    from maestro_operator.loop import PairLoop
    from support.worlds import MemoryStore


class Call(NamedTuple):
    """One call of a driver."""

    port: str
    verb: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Returns it as it is called in a story: the verb, with the order it gives and what it is done to."""
        return described(self.verb, self.arguments)

    @property
    def about(self) -> str | None:
        """Returns what it is done to."""
        return getattr(self.arguments[0], "name", None) if self.arguments else None


@dataclass(frozen=True, slots=True)
class Late:
    """A command that nobody waits for any more and that still may reach its node, in the boot it was sent to."""

    call: Call
    boot: str | None
    until_seconds: float
    """Past this nothing of it is left: the program that carries it has a deadline of its own."""
    sender: int
    """Which operator sent it."""


@dataclass(slots=True)
class Operator:
    """One operator's process."""

    loop: PairLoop
    store: int
    """Which API server it talks to."""
    since_seconds: float
    has_lease: bool = True


@dataclass(frozen=True, slots=True)
class Adversary:
    """What the adversary has done that no node shows, and what it keeps for later."""

    locked: frozenset[str] = frozenset()
    """Nodes whose SSH refuses the operator's credentials."""
    lies: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """How the fence device of a node lies."""
    late: tuple[Late, ...] = ()
    disks: Mapping[str, MemoryNode] = field(default_factory=lambda: MappingProxyType({}))
    """A snapshot of each node's disk."""
    older: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """A backup of status."""
    stale: PairLoop | None = None
    """An operator as it was when the backup was made."""
    forgot: bool = False
    """Whether an API server was put back, emptied, or doubled: numbers may be given out a second time."""


class Rest(NamedTuple):
    """How a pair that does nothing more was left."""

    rule: str
    reason: str
    message: str


@dataclass(slots=True)
class State:
    """One moment."""

    world: MemoryWorld
    stores: tuple[MemoryStore, ...]
    operators: tuple[Operator, ...]
    adversary: Adversary
    rest: Rest | None = None
    """Set where nothing changes any more by itself."""

    def copied(self) -> State:
        """Returns the same moment once more, to be moved on."""
        return State(
            world=copied_world(self.world),
            stores=tuple(copy.copy(store) for store in self.stores),
            operators=tuple(replace(item, loop=copied_loop(item.loop)) for item in self.operators),
            adversary=self.adversary,
        )

    @property
    def status(self) -> Mapping[str, Any]:
        """Returns what the pair's own API server holds as status."""
        return self.stores[0].status
