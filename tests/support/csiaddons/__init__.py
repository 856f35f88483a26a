"""A stand-in for csi-addons' controller on a real API server; the storage behind it is in memory."""

from support.csiaddons.definitions import definition
from support.csiaddons.standin import NAME, NAMESPACES, Standin

__all__ = ("NAME", "NAMESPACES", "Standin", "definition")
