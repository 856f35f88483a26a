"""A real libvirt with one small guest, in namespaces of its own, reached by a real sshd."""

from support.libvirt.hypervisor import ADDRESS, GUEST, Hypervisor

__all__ = ("ADDRESS", "GUEST", "Hypervisor")
