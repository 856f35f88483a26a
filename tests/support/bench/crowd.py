"""The pairs of a fleet: each has hosts, machines, devices and names of its own, as the operator demands."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from support.demo.memory_world import memory_pair
from support.demo.story import NAMESPACE
from support.manifests import changed

if TYPE_CHECKING:
    from support.manifests import Manifest

PERIOD_SECONDS = 10
INTERVAL_SECONDS = 60
PAGE = "LISTSERV Maestro"
"""What a page must show to count as well."""


def addresses(number: int) -> dict[str, str]:
    """Returns the addresses of a pair's nodes: the machine's own, so that one server answers for every node."""
    rest, last = divmod(number, 100)
    second, third = divmod(rest, 100)
    return {name: f"127.{100 + second}.{third}.{2 * last + own}" for name, own in (("a", 1), ("b", 2))}


def machine(number: int, node: str) -> str:
    """Returns the machine-id of a pair's node."""
    return f"machine-{number}-{node}"


def host_key(number: int, node: str) -> str:
    """Returns a public key that nobody has the other half of: nothing in memory is asked for it."""
    words = (b"ssh-ed25519", hashlib.sha256(machine(number, node).encode()).digest())
    blob = b"".join(len(word).to_bytes(4, "big") + word for word in words)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def pair(number: int, *, port: int) -> Manifest:
    """Returns the manifest of a pair whose services are asked for at a port, every `PERIOD_SECONDS`."""
    found, name = memory_pair(f"p-{number}", namespace=NAMESPACE), f"p-{number}.example.org"
    for index, (node, address) in enumerate(addresses(number).items()):
        found = changed(found, f"spec.nodes.{index}.address", address)
        found = changed(found, f"spec.nodes.{index}.ssh.host", address)
        found = changed(found, f"spec.nodes.{index}.ssh.hostKey", host_key(number, node))
        # Asked on suspicion alone, whether it accepts: the server of the pages does.
        found = changed(found, f"spec.nodes.{index}.ssh.port", port)
        device = f"spec.nodes.{index}.fencing.1.devices.0"
        found = changed(found, f"{device}.identity", machine(number, node))
        found = changed(found, f"{device}.parameters.systems_uri", f"/redfish/v1/Systems/{machine(number, node)}")
    for what, value in (
        ("traffic.0.dns.names", [name]),
        ("localise.0.hostsPin.names", [name]),
        ("detection.probes", [{"http": {"port": port, "path": "/lui/", "pattern": PAGE}}]),
        ("detection.periodSeconds", PERIOD_SECONDS),
        ("detection.downForSeconds", 3 * PERIOD_SECONDS),
        ("replication.rsync.intervalSeconds", INTERVAL_SECONDS),
        ("failover.maxDataLossSeconds", 10 * INTERVAL_SECONDS),
    ):
        found = changed(found, f"spec.{what}", value)
    return found
