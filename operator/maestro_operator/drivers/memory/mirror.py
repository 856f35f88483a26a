"""A mirror in memory: what is acknowledged is on both nodes, or its owner froze first and then went on alone.

Data has an identity, as DRBD's does: a side that goes on alone gives it a new one, and a side that is only behind knows
an earlier one of the same line. Sides that both went on alone do not join.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.drivers.memory.guarding import use_receipt
from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Mirror, Replica
from maestro_operator.model.status import Generation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_operator.drivers.memory.world import MemoryClock


@dataclass(slots=True)
class Side:
    """One node's side: the line of identities its data had, and where it stands."""

    line: tuple[int, ...] = (1,)
    is_willing: bool = True
    """It tries to join, where its guard lets it; a quarantine and a split end that."""
    is_primary: bool = False
    contact: Generation | None = None
    contact_seconds: float = 0.0
    frozen_since: float | None = None
    alone_epoch: int | None = None
    unsafe: tuple[str, ...] = ()
    """Settings under which it does not wait for its peer."""


class MirrorWorld(MemoryWorld):
    """A world whose two nodes mirror one disk."""

    def __init__(
        self, *, nodes: Iterable[tuple[str, str]], units: tuple[str, ...], clock: MemoryClock, freeze_seconds: float
    ) -> None:
        """Make two nodes with the same, empty data."""
        super().__init__(nodes=nodes, units=units, clock=clock)
        self.freeze_seconds = freeze_seconds
        self.sides = {name: Side() for name in self.nodes}
        self._identities = 1
        for node in self.nodes.values():
            node.records = 0

    # ------------------------------------------------------------ physics

    def is_in_sync(self, name: str) -> bool:
        """Tell whether a side is joined to the other one with the same data."""
        other = self.other(name).name
        joined = all(self._may_join(item) for item in (name, other)) and self.reaches(name, other)
        return joined and self.sides[name].line == self.sides[other].line

    def _may_join(self, name: str) -> bool:
        node, guard = self.nodes[name], self.nodes[name].guard
        grant = guard.grant is not None and guard.grant.epoch == guard.inforce_epoch
        return self.sides[name].is_willing and node.is_alive and (grant or guard.may_send(node.boot_id))

    def meet(self) -> None:
        """Let both sides join where they may: the one that is behind is brought up to date, two lines stay apart."""
        one, other = self.nodes
        if not (self._may_join(one) and self._may_join(other) and self.reaches(one, other)):
            return
        first, second = self.sides[one], self.sides[other]
        if first.line != second.line:
            longer, shorter = (one, other) if len(first.line) > len(second.line) else (other, one)
            source, target = self.sides[longer], self.sides[shorter]
            if source.line[: len(target.line)] != target.line or target.is_primary:
                first.is_willing = second.is_willing = False
                return
            target.line, self.nodes[shorter].records = source.line, self.nodes[longer].records
        for name in (one, other):
            side, grant = self.sides[name], self.nodes[name].guard.grant
            side.frozen_since = side.alone_epoch = None
            if grant is not None and not side.is_primary:
                side.contact = Generation(epoch=grant.epoch, counter=side.line[-1])
                side.contact_seconds = self.clock.monotonic_seconds()

    def go_on_alone(self, name: str) -> None:
        """Give the data of a side that is written alone an identity of its own."""
        self._identities += 1
        self.sides[name].line = (*self.sides[name].line, self._identities)

    def use_receipt(self, name: str, kind: str) -> bool:
        """Take a receipt of the guard away and tell whether it was good."""
        return use_receipt(self.nodes[name], kind)

    def _can_write(self, name: str) -> bool:
        node, side, now = self.nodes[name], self.sides[name], self.clock.monotonic_seconds()
        if self.is_in_sync(name):
            return True
        if side.alone_epoch is not None:
            return True
        if side.frozen_since is None:
            side.frozen_since = now
        is_over = now - side.frozen_since >= self.freeze_seconds and node.guard.may_run(node.boot_id)
        if not side.unsafe and not is_over and not self.use_receipt(name, "StandbyLost"):
            return False
        side.frozen_since, side.alone_epoch = None, node.guard.inforce_epoch
        self.go_on_alone(name)
        return True

    @override
    def write(self) -> bool:
        self.meet()
        writers = [name for name in self.writers() if self.sides[name].is_primary]
        # The kernel freezes a primary side whether or not a client is there.
        able = {name: self._can_write(name) for name in writers}
        if not any(able.values()) or not super().write():
            return False
        for name in writers:
            if self.is_in_sync(name):
                self.other(name).records = self.nodes[name].records
        return True

    @override
    def writers(self) -> list[str]:
        return [name for name in super().writers() if self.sides[name].is_primary]

    @override
    def power_cut(self, name: str) -> None:
        super().power_cut(name)
        self.sides[name].is_primary, self.sides[name].frozen_since = False, None

    @override
    def run_guards(self) -> None:
        super().run_guards()
        for name, node in self.nodes.items():
            if node.running and not self.sides[name].is_primary and self.bring_up(node) is not None:
                node.running.clear()

    @override
    def sync_from(self, name: str) -> Generation | None:
        self.meet()
        return None

    # ------------------------------------------------------------ what the program on the node does

    @override
    def bring_up(self, node: MemoryNode) -> Outcome | None:
        side, peer = self.sides[node.name], self.sides[self.other(node.name).name]
        if side.is_primary:
            return None
        if self.is_in_sync(node.name):
            if peer.is_primary:
                return Refused(Reason.STEP_REFUSED, f"{node.name}: the peer is primary", "PeerIsPrimary")
        elif not self.use_receipt(node.name, "Fenced"):
            return Refused(Reason.STEP_REFUSED, f"{node.name}: no receipt", "PeerNotFenced")
        else:
            self.go_on_alone(node.name)
            side.alone_epoch = node.guard.inforce_epoch
        side.is_primary = True
        return None

    def give_up(self, source: str, target: str) -> Outcome:
        """Let a stopped owner give its side up, where the other one has everything."""
        self.meet()
        if self.nodes[source].running:
            return Refused(Reason.STEP_REFUSED, f"{source} runs services on its data", "HoldersPresent")
        if not self.is_in_sync(source):
            return Failed(Reason.SYNC_BEHIND, f"{target} is not in sync")
        self.sides[source].is_primary = False
        self.meet()
        contact = self.sides[target].contact
        return Done({"generation": str(contact)}) if contact else Failed(Reason.COPY_NOT_WHOLE, f"{target} has nothing")

    @override
    def replica_of(self, node: MemoryNode) -> Replica | None:
        side, peer = self.sides[node.name], self.sides[self.other(node.name).name]
        in_sync, other = self.is_in_sync(node.name), self.other(node.name).name
        joined = in_sync or (self._may_join(node.name) and self._may_join(other) and self.reaches(node.name, other))
        is_whole = not side.is_primary and side.contact is not None and side.contact.counter == side.line[-1]
        age_seconds = self.clock.monotonic_seconds() - side.contact_seconds
        apart = "WFConnection" if side.is_willing and self._may_join(node.name) else "StandAlone"
        mirror = Mirror(
            connection="Connected" if joined else apart,
            role="Primary" if side.is_primary else "Secondary",
            disk="UpToDate",
            peer_role=("Primary" if peer.is_primary else "Secondary") if joined else "Unknown",
            peer_disk="UpToDate" if in_sync else "DUnknown",
            is_frozen=side.frozen_since is not None,
            alone_epoch=side.alone_epoch,
            unsafe=side.unsafe,
        )
        return Replica(
            newest=side.contact if is_whole else None,
            announced_age_seconds=age_seconds if is_whole else None,
            clock="uptime" if is_whole else "none",
            is_whole=is_whole,
            live_present=node.records is not None,
            promoted=node.promoted,
            promoted_episode=node.promoted_episode,
            quarantine=tuple(node.quarantine.items()),
            queued=node.held[1] if node.held else None,
            queued_episode=node.held[0] if node.held else None,
            receivers=1 if joined and peer.is_primary else 0,
            mirror=mirror,
        )
