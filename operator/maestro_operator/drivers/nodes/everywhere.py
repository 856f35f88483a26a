"""The nodes of one pair, each spoken to in the words of its platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.machine.libvirt import LibvirtHosts
from maestro_operator.drivers.nodes.elsewhere import NodesElsewhere, platform_of
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.model.pair import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.machine.chosen import ReadsHosts
    from maestro_operator.drivers.ports import Equipment, Order
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import Localise, PairSpec, Probe, Service
    from maestro_operator.model.seen import NodeSeen, Unknown, VoteSeen
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions


class Nodes:
    """The node port: Linux nodes by one driver, all others by another, and the hosts of a machine only read."""

    def __init__(
        self, sessions: Sessions, *, spec: Callable[[], PairSpec], clock: Clock, hosts: ReadsHosts | None = None
    ) -> None:
        """Keep them."""
        self._spec = spec
        self._linux = SshNodes(sessions, spec=spec, clock=clock)
        self._elsewhere = NodesElsewhere(sessions, spec=spec, clock=clock)
        self._hosts: ReadsHosts = hosts or LibvirtHosts(sessions, spec=spec)

    def _is_linux(self, node: FrozenNode) -> bool:
        return platform_of(self._spec(), node) is Platform.LINUX

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read everything about a node from the node itself, in one round trip."""
        if self._spec().machine is not None:
            return await self._hosts.read(node)
        return await (self._linux if self._is_linux(node) else self._elsewhere).read(node)

    async def equip(self, node: FrozenNode, equipment: Equipment, *, deadline_seconds: float) -> Outcome:
        """Install the guard and what it knows."""
        driver = self._linux if self._is_linux(node) else self._elsewhere
        return await driver.equip(node, equipment, deadline_seconds=deadline_seconds)

    async def introduce(
        self, node: FrozenNode, *, peer: FrozenNode, peer_public_key: str, deadline_seconds: float
    ) -> Outcome:
        """Let the peer's guard ask this node's."""
        if not self._is_linux(node):
            return self._elsewhere.refused(node, "introduce")
        return await self._linux.introduce(
            node, peer=peer, peer_public_key=peer_public_key, deadline_seconds=deadline_seconds
        )

    async def release(self, node: FrozenNode, *, pair_uid: str, is_owner: bool, deadline_seconds: float) -> Outcome:
        """Take off everything that was put on."""
        if not self._is_linux(node):
            return self._elsewhere.refused(node, "release")
        return await self._linux.release(node, pair_uid=pair_uid, is_owner=is_owner, deadline_seconds=deadline_seconds)

    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        """Give one order to the guard."""
        driver = self._linux if self._is_linux(node) else self._elsewhere
        return await driver.order(node, order, deadline_seconds=deadline_seconds)

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services in order, each ready before the next."""
        driver = self._linux if self._is_linux(node) else self._elsewhere
        return await driver.start(node, services, deadline_seconds=deadline_seconds)

    async def stop(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Stop the services in reverse order and read back that nothing of them is left."""
        driver = self._linux if self._is_linux(node) else self._elsewhere
        return await driver.stop(node, services, deadline_seconds=deadline_seconds)

    async def pin(self, node: FrozenNode, names: Mapping[str, str], *, deadline_seconds: float) -> Outcome:
        """Make names resolve to addresses on the node itself."""
        if not self._is_linux(node):
            return self._elsewhere.refused(node, "pin")
        return await self._linux.pin(node, names, deadline_seconds=deadline_seconds)

    async def settle(
        self, node: FrozenNode, items: Sequence[Localise], *, peer: FrozenNode, deadline_seconds: float
    ) -> Outcome:
        """Make the files in which some values are the node's own say what they should."""
        if not self._is_linux(node):
            return self._elsewhere.refused(node, "settle")
        return await self._linux.settle(node, items, peer=peer, deadline_seconds=deadline_seconds)

    async def peer_vote(self, asked: FrozenNode, about: FrozenNode, probes: Sequence[Probe]) -> VoteSeen | Unknown:
        """Ask one node what it sees of the other one's services."""
        if not self._is_linux(asked):
            return self._elsewhere.unseen(asked)
        return await self._linux.peer_vote(asked, about, probes)

    async def drbd_vote(self, asked: FrozenNode, about: FrozenNode, resource: str) -> VoteSeen | Unknown:
        """Ask one node what its DRBD sees of the other one's kernel."""
        if not self._is_linux(asked):
            return self._elsewhere.unseen(asked)
        return await self._linux.drbd_vote(asked, about, resource)
