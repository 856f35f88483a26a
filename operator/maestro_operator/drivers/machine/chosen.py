"""The hosts of the machine that the spec names, asked anew for each verb: libvirt's or KubeVirt's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.machine.kubevirt import KubeVirtHosts
    from maestro_operator.drivers.machine.libvirt import LibvirtHosts
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.model.seen import NodeSeen, Unknown
    from maestro_operator.model.status import FrozenNode


class ReadsHosts(Protocol):
    """Says how a machine stands on a host."""

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read of a host how the machine stands there."""


class ChosenHosts:
    """One pair's machine port, and how its hosts are read."""

    def __init__(self, libvirt: LibvirtHosts, kubevirt: KubeVirtHosts, *, spec: Callable[[], PairSpec]) -> None:
        """Keep a driver of each kind, and how to ask for the spec as it is now."""
        self._libvirt = libvirt
        self._kubevirt = kubevirt
        self._spec = spec

    @property
    def _hosts(self) -> LibvirtHosts | KubeVirtHosts:
        machine = self._spec().machine
        return self._libvirt if machine is None or machine.kubevirt is None else self._kubevirt

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read of a host how the machine stands there."""
        return await self._hosts.read(node)

    async def migrate(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Move the machine from the host that was read to run it to the other one."""
        return await self._hosts.migrate(source, target, deadline_seconds=deadline_seconds)
