"""The service that every side of the comparison moves: one program, under a unit, an address and a port for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.bed import clock, layout
from support.report import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.bed.client import Node

CONFIGURATION = ROOT / "bench" / "peers"
COMMON = CONFIGURATION / "common"
PROGRAMS = "/usr/local/lib/hello"
TICKS = "hello-ticks"
"""The folder of /srv in which the service says when it ran."""
SCRIPT_SECONDS = 60.0
COPY_SECONDS = 5
"""Between two copies to the standby, for every side."""


class PeerFailedError(Exception):
    """Something could not be set up on a node; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one side's service is reached, and where it keeps its data."""

    name: str
    address: str
    port: int
    folder: str
    """Of its data, in /srv."""
    copies: bool = True
    """Whether the service itself copies its data, because the side does not."""

    @property
    def unit(self) -> str:
        """Return its systemd unit."""
        return f"hello-{self.name}.service"

    @property
    def records(self) -> str:
        """Return the file of the numbers it kept, in /srv."""
        return f"{self.folder}/records"

    def command(self, node: str) -> str:
        """Return what runs the service on a node."""
        words = [f"{PROGRAMS}/hello.py", self.name, node, str(self.port), f"/srv/{self.folder}"]
        if self.copies:
            address = layout.NODE_ADDRESSES[other(node)]
            words += [f"rsync://{address}/{self.name}/", str(COPY_SECONDS)]
        return f"exec python3 -I {' '.join(words)}"


FLOOR = Place("floor", "10.77.0.104", 8084, "hello-floor")
OPERATOR = Place("operator", "10.77.0.101", 8081, "maestro/files", copies=False)
PACEMAKER = Place("pacemaker", "10.77.0.102", 8082, "hello-pacemaker")
KEEPALIVED = Place("keepalived", "10.77.0.103", 8083, "hello-keepalived")
PLACES = (FLOOR, OPERATOR, PACEMAKER, KEEPALIVED)


def install(node: Node) -> None:
    """Put the program and a unit for each side on a node; no service is enabled or started."""
    node.push(f"{PROGRAMS}/hello.py", (COMMON / "hello.py").read_bytes(), mode=0o644)
    node.push("/etc/rsyncd.conf", (COMMON / "rsyncd.conf").read_bytes(), mode=0o644)
    for place in PLACES:
        node.push(f"{PROGRAMS}/hello-{place.name}", f"#!/bin/sh\n{place.command(node.name)}\n".encode(), mode=0o755)
        unit = filled(COMMON / "hello.service", {"name": place.name})
        node.push(f"/etc/systemd/system/{place.unit}", unit.encode(), mode=0o644)
    folders = " ".join(f"/srv/{place.folder}" for place in PLACES if place.copies)
    done(node, f"mkdir -p {folders}; systemctl daemon-reload; systemctl enable --now rsync.service")


def filled(path: Path, values: Mapping[str, object]) -> str:
    """Return a file of bench/peers with each word in braces replaced by its value."""
    return re.sub(r"\{([a-z_]+)\}", lambda found: str(values[found[1]]), path.read_text())


def done(node: Node, script: str, *, seconds: float = SCRIPT_SECONDS) -> str:
    """Run a script on a node and return what it printed.

    Raises:
        PeerFailedError: it ended with another status than 0.

    """
    ran = node.run(script, timeout_seconds=seconds)
    if ran.return_code != 0:
        said = (ran.stderr or ran.stdout).decode(errors="replace").strip()
        raise PeerFailedError(f"{node.name}: {script[:120]}: {said[-600:]}")
    return ran.stdout.decode(errors="replace")


def holds(node: Node, address: str) -> bool:
    """Tell whether a node has an address now; one that is off has none."""
    if not node.is_on():
        return False
    ran = node.run(f"ip -o address show to {address}/32", timeout_seconds=SCRIPT_SECONDS)
    return bool(ran.stdout.strip())


def other(name: str) -> str:
    """Return the other node."""
    return "b" if name == "a" else "a"


def until_ready(nodes: Mapping[str, Node], *, seconds: float = SCRIPT_SECONDS) -> None:
    """Switch on what is off, and wait until both nodes are up."""
    for node in nodes.values():
        if not node.is_on():
            node.power_on()
        node.ssh_ready(timeout_seconds=seconds)
    clock.wait_until(
        lambda: all(_is_booted(node) for node in nodes.values()),
        timeout_seconds=seconds,
        what="both nodes to be up",
        every_seconds=0.1,
    )


def _is_booted(node: Node) -> bool:
    state = node.run("systemctl is-system-running", timeout_seconds=SCRIPT_SECONDS).stdout.decode().strip()
    return state in ("running", "degraded")
