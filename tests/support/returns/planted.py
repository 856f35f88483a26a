"""What BREAK plants, so that it is seen that the judge would find it; and how a part of the harness is started."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from support.report import ROOT

if TYPE_CHECKING:
    from support.bed.client import Node

FAULTS = ("no-guard", "pushes", "announces")
ENABLE = (
    "rm -f /etc/systemd/system/maestro*.service.d/*maestro-guard*.conf;"
    " for unit in maestro-db.service maestro.service; do"
    " ln -sf /etc/systemd/system/$unit /etc/systemd/system/multi-user.target.wants/$unit; done"
)
ANNOUNCE = "ip address add 10.77.0.99/24 dev host0; arping -U -c 3 -I host0 10.77.0.99"
RECEIVED = "/srv/.maestro-replica/incoming"


def on_disk(fault: str, node: Node) -> None:
    """Alter the disks of the node that is about to return, where the fault wants it: units enabled, the gate gone."""
    if fault == "no-guard" and not node.is_on():
        node.alter(ENABLE)


def on_the_air(fault: str, node: Node, *, other: Node) -> None:
    """Let the node that is back do what it must not."""
    if fault == "announces":
        node.run(ANNOUNCE)
    if fault == "pushes" and other.is_on():
        other.run(f"mkdir -p {RECEIVED} && head -c 1000000 /dev/urandom >{RECEIVED}/planted")


def python(module: str) -> tuple[str, ...]:
    """Return how a module of the harness is run."""
    return (sys.executable, "-m", module)


def environment() -> dict[str, str]:
    """Return its environment."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
