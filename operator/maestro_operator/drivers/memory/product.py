"""A product in memory that replicates itself: its standby has what its owner was told, as late as both can talk.

A client's write reaches the standby at once where the two reach each other, and not at all where they do not: nobody
waits for it. What the standby knows of that is only what it was told when it asked last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Product, Replica
from maestro_operator.model.status import Generation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_operator.drivers.memory.world import MemoryClock


@dataclass(slots=True)
class Following:
    """A standby's data: what it received, and when it last knew that this was all."""

    records: int
    contact: Generation | None = None
    contact_seconds: float = 0.0


class ProductWorld(MemoryWorld):
    """A world whose two nodes run one product that replicates itself."""

    def __init__(self, *, nodes: Iterable[tuple[str, str]], units: tuple[str, ...], clock: MemoryClock) -> None:
        """Make two nodes; the first has the owner's data."""
        super().__init__(nodes=nodes, units=units, clock=clock)
        self.following: dict[str, Following] = {}
        """By node, of those whose data are a standby's; such a node has no live data."""
        self.given: dict[str, int] = {}
        """By node: how many records an old owner had, all of which the other side was read to have."""
        self.mute: set[str] = set()
        """Nodes whose program of status says nothing that is understood."""

    # ------------------------------------------------------------ physics

    def _has_grant(self, node: MemoryNode) -> bool:
        grant = node.guard.grant
        return grant is not None and grant.epoch == node.guard.inforce_epoch and node.guard.permit is None

    def _streams(self, name: str) -> bool:
        """Tell whether a standby receives now what the other side's product writes."""
        node, owner = self.nodes[name], self.other(name)
        runs = owner.records is not None and owner.running >= set(self.units)
        return name in self.following and self._has_grant(node) and runs and self.reaches(name, owner.name)

    @override
    def write(self) -> bool:
        written = super().write()
        self.stream()
        return written

    def stream(self) -> None:
        """Let each standby receive what the owner that it reaches has."""
        for name, standby in self.following.items():
            if self._streams(name):
                standby.records = self.other(name).records or 0

    @override
    def sync_from(self, name: str) -> Generation | None:
        """Let the timer of the other node fire: it becomes a standby where it may, and asks whether it has all."""
        target, source = self.other(name), self.nodes[name]
        if not target.is_alive or not self._has_grant(target):
            return None
        if target.name not in self.following and not self._become_standby(target, source):
            return None
        if not self._streams(target.name) or {name, target.name} & self.mute:
            return None
        self.stream()
        standby, grant = self.following[target.name], target.guard.grant
        standby.contact = Generation(epoch=grant.epoch if grant else 0, counter=standby.records)
        standby.contact_seconds = self.clock.monotonic_seconds()
        return standby.contact

    def _become_standby(self, target: MemoryNode, source: MemoryNode) -> bool:
        is_given = target.records is not None and self.given.get(target.name) == target.records
        is_free = target.records is None or is_given
        if not is_free or source.records is None or not self.reaches(target.name, source.name):
            return False
        self.following[target.name] = Following(records=source.records)
        self.given.pop(target.name, None)
        target.records = None
        target.promoted = target.promoted_episode = None
        return True

    # ------------------------------------------------------------ what the program on a node does

    @override
    def bring_up(self, node: MemoryNode) -> Outcome | None:
        if node.name in self.mute:
            return Failed(Reason.COMMAND_FAILED, f"{node.name}: the product does not say what it is")
        if node.records is None:
            return Refused(Reason.COPY_NOT_WHOLE, f"{node.name}: the data are no owner's", "LiveAbsent")
        return None

    def give(self, source: MemoryNode, target: MemoryNode) -> Outcome:
        """Let a stopped owner say how far it came, and the standby that it has all of that."""
        standby = self.following.get(target.name)
        if source.running or source.records is None or not source.guard.may_send(source.boot_id):
            return Refused(Reason.STEP_REFUSED, f"{source.name} is no stopped owner", "NotStopped")
        if standby is None or not self._has_grant(target) or target.name in self.mute:
            return Refused(Reason.COPY_NOT_WHOLE, f"{target.name} is no standby", "NotWhole")
        if self.reaches(source.name, target.name):
            standby.records = source.records
        if standby.records != source.records:
            return Failed(Reason.SYNC_BEHIND, f"{target.name} does not have what {source.name} has")
        standby.contact = Generation(epoch=source.guard.inforce_epoch, counter=source.records)
        standby.contact_seconds = self.clock.monotonic_seconds()
        return Done({"generation": str(standby.contact)})

    def promote(self, node: MemoryNode, *, episode: str, generation: Generation) -> Outcome:
        """Let a standby's data become the owner's, where they are those."""
        if node.promoted_episode == episode and node.records is not None:
            return Done()
        standby = self.following.get(node.name)
        if standby is None or standby.contact != generation or node.name in self.mute:
            return Refused(Reason.COPY_NOT_WHOLE, f"{node.name} does not have generation {generation}", "NotWhole")
        if not node.guard.owns(node.guard.inforce_epoch):
            return Refused(Reason.STEP_REFUSED, f"no epoch of {node.name} is in force", "NotInForce")
        del self.following[node.name]
        node.records, node.promoted, node.promoted_episode = standby.records, generation, episode
        return Done()

    def reverse(self, node: MemoryNode, generation: Generation) -> Outcome:
        """Note of an old owner that the other side has all that it has."""
        if node.name in self.following:
            return Done()
        if node.running or node.records != generation.counter:
            return Refused(Reason.STEP_REFUSED, f"{node.name} does not have exactly {generation}", "NotEqual")
        self.given[node.name] = generation.counter
        return Done()

    def quarantine(self, node: MemoryNode, *, episode: str) -> Outcome:
        """Keep aside what a node wrote, unless it is a standby, or the other side has all of it."""
        if node.records is not None and self.given.get(node.name) != node.records:
            node.quarantine[episode], node.records = node.records, None
        return Done()

    @override
    def replica_of(self, node: MemoryNode) -> Replica | None:
        standby, is_mute = self.following.get(node.name), node.name in self.mute
        role = "standby" if standby is not None else "primary" if node.records is not None else "absent"
        is_whole = standby is not None and standby.contact is not None and not is_mute
        runs = standby is not None and node.is_alive and self._has_grant(node)
        age_seconds = self.clock.monotonic_seconds() - (standby.contact_seconds if standby else 0.0)
        return Replica(
            newest=standby.contact if standby is not None and is_whole else None,
            announced_age_seconds=age_seconds if is_whole else None,
            clock="uptime" if is_whole else "none",
            is_whole=is_whole,
            live_present=node.records is not None and not is_mute,
            promoted=node.promoted,
            promoted_episode=node.promoted_episode,
            quarantine=tuple(node.quarantine.items()),
            receivers=1 if runs else 0,
            product=Product(
                role="unknown" if is_mute else role,
                is_running=runs or bool(node.running),
                is_connected=self._streams(node.name),
                trouble="StatusGarbage" if is_mute else None,
            ),
        )
