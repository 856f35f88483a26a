"""What people say of a virtual machine that a cluster keeps: which one it is, where it is reached, how it moves.

Nothing here lets the operator start a machine, stop one or cut a host off: that is the cluster's.
"""

from __future__ import annotations

from typing import ClassVar

from maestro_operator.model.resource import ResourceValue


class Libvirt(ResourceValue):
    """A machine of libvirt on disks that both hosts reach; the two nodes are its hosts."""

    domain: str
    uuid: str
    """The machine's own: another machine of the same name is none of ours."""
    migration_uris: dict[str, str]
    """By node: how the other host's libvirt reaches this one's."""


class KubeVirt(ResourceValue):
    """A machine of KubeVirt in the pair's namespace; the two nodes are nodes of the cluster."""

    name: str
    uid: str
    """The VirtualMachine's own: another one of the same name is none of ours."""
    hosts: dict[str, str]
    """By node: its name in the cluster."""


class VirtualMachine(ResourceValue):
    """The application as one virtual machine between the two nodes, which its cluster looks after."""

    shares_data: ClassVar[bool] = True
    """It has its disks wherever it runs."""

    address: str
    """Where it is reached, on whichever host it runs."""
    libvirt: Libvirt | None = None
    kubevirt: KubeVirt | None = None

    @property
    def name(self) -> str:
        """Return the machine's name in status and messages."""
        return self.libvirt.domain if self.libvirt is not None else self.kubevirt.name if self.kubevirt else ""

    @property
    def identity(self) -> tuple[str, str]:
        """Return what the machine is known by, and the field that says so."""
        if self.libvirt is not None:
            return self.libvirt.uuid, "libvirt.uuid"
        return self.kubevirt.uid if self.kubevirt else "", "kubevirt.uid"
