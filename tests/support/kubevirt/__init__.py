"""A stand-in for KubeVirt on a real API server: its kinds, as far as they are used, and what its controller does."""

from support.kubevirt.standin import GUEST, HOSTS, NAMESPACE, Standin

__all__ = ("GUEST", "HOSTS", "NAMESPACE", "Standin")
