"""What an operator under test is told by its environment: where it belongs, and nothing of what surrounds the tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from support.manifests import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def belonging(kubeconfig: Path, *, watch: str, home: str, address: str = "127.0.0.1", port: int = 0) -> dict[str, str]:
    """Returns the knobs of an operator that watches one namespace, leads from another and listens on an address."""
    return {
        "MAESTRO_KUBECONFIG": str(kubeconfig),
        "MAESTRO_WATCH_NAMESPACE": watch,
        "MAESTRO_LEASE_NAMESPACE": home,
        "MAESTRO_LISTEN_ADDRESS": address,
        "MAESTRO_LISTEN_PORT": str(port),
    }


def environment(knobs: Mapping[str, str], *, roots: tuple[str, ...] = ("operator",)) -> dict[str, str]:
    """Returns a process' environment: these knobs alone, with the source roots to import from."""
    outer = {word: value for word, value in os.environ.items() if not word.startswith(("MAESTRO_", "KUBE"))}
    return {**outer, "PYTHONPATH": os.pathsep.join(str(ROOT / root) for root in roots), **knobs}
