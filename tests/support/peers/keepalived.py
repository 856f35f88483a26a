"""keepalived: an address by VRRP, and the service where the address is. It fences nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.bed import clock, layout
from support.peers.service import CONFIGURATION, KEEPALIVED, done, filled, holds, other, until_ready

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.bed.client import Bed

PRIORITIES = {"a": 100, "b": 99}
SETTLE_SECONDS = 60.0
LOG = "journalctl --no-pager --boot --output=short-precise --unit=keepalived.service --lines=120"


class Keepalived:
    """A VRRP router on each node."""

    place = KEEPALIVED

    def __init__(self, bed: Bed, *, advert_seconds: float) -> None:
        """Keep the bed, and how often a master says that it is there."""
        self._bed, self._advert_seconds = bed, advert_seconds

    def begin(self) -> None:
        """Configure and start it on both nodes."""
        for name, node in self._bed.nodes.items():
            values = {
                "priority": PRIORITIES[name],
                "advert_seconds": self._advert_seconds,
                "own": layout.NODE_ADDRESSES[name],
                "other": layout.NODE_ADDRESSES[other(name)],
                "address": KEEPALIVED.address,
            }
            text = filled(CONFIGURATION / "keepalived" / "keepalived.conf", values)
            node.push("/etc/keepalived/keepalived.conf", text.encode(), mode=0o644)
            done(node, "systemctl enable keepalived.service")
        self.settle()

    def active(self) -> str:
        """Return the node that has the address."""
        (found,) = self._holders()
        return found

    def order(self, node: str) -> None:
        """Stop the service and then keepalived on the node that has the address: that one says so and is followed."""
        done(self._bed.nodes[other(node)], f"systemctl stop {KEEPALIVED.unit}; systemctl stop keepalived.service")

    def told(self, node: str) -> None:
        """It finds out by itself."""

    def settle(self) -> None:
        """Start it where it was stopped, and wait until one node has the address and serves."""
        until_ready(self._bed.nodes)
        for node in self._bed.nodes.values():
            done(node, "systemctl start keepalived.service")
        clock.wait_until(
            self._is_one, timeout_seconds=SETTLE_SECONDS, what="keepalived to have one master", every_seconds=0.3
        )

    def _is_one(self) -> bool:
        holders = self._holders()
        return len(holders) == 1 and self._serving() == holders

    def _holders(self) -> list[str]:
        return [name for name, node in self._bed.nodes.items() if holds(node, KEEPALIVED.address)]

    def _serving(self) -> list[str]:
        asked = f"systemctl is-active --quiet {KEEPALIVED.unit}"
        return [name for name, node in self._bed.nodes.items() if node.run(asked).return_code == 0]

    def keep(self, folder: Path) -> None:
        """Keep what it said on each node."""
        for name, node in self._bed.nodes.items():
            (folder / f"keepalived-{name}.log").write_bytes(node.run(LOG).stdout)

    def rest(self) -> None:
        """Stop it on both nodes."""
        for node in self._bed.nodes.values():
            done(node, f"systemctl disable --now keepalived.service; systemctl stop {KEEPALIVED.unit}")

    def versions(self) -> Mapping[str, str]:
        """Return Debian's version of it."""
        return {"keepalived": done(self._bed.nodes["a"], "dpkg-query -W -f '${Version}' keepalived")}
