"""Pacemaker on Corosync: the cluster manager of Debian, with a fence device for each node and agents for the rest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from support.bed import clock
from support.peers.service import CONFIGURATION, PACEMAKER, SCRIPT_SECONDS, done, filled, holds, other, until_ready

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.bed.client import Bed

FOLDER = CONFIGURATION / "pacemaker"
SECTIONS = {
    "crm_config": "options.xml",
    "rsc_defaults": "defaults.xml",
    "resources": "resources.xml",
    "constraints": "constraints.xml",
}
"""In this order: a constraint names what is there already."""
SETTLE_SECONDS = 120.0
LOG = "journalctl --no-pager --boot --output=short-precise --unit=pacemaker.service --unit=corosync.service --lines=200"
CLEAN = "crm_mon --one-shot --output-as=xml"


class Pacemaker:
    """A cluster of two."""

    place = PACEMAKER

    def __init__(self, bed: Bed, *, token_milliseconds: int) -> None:
        """Keep the bed, and after how long without a token Corosync asks whether a node is gone."""
        self._bed, self._token = bed, token_milliseconds
        self._is_configured = False

    def begin(self) -> None:
        """Start both daemons on both nodes, and tell the cluster what it has to run."""
        key = os.urandom(128)
        text = filled(FOLDER / "corosync.conf", {"token": self._token})
        for node in self._bed.nodes.values():
            node.push("/etc/corosync/corosync.conf", text.encode(), mode=0o644)
            if not self._is_configured:
                node.push("/etc/corosync/authkey", key, mode=0o400)
            done(node, "systemctl enable corosync.service pacemaker.service; systemctl start pacemaker.service")
        clock.wait_until(
            self._are_online, timeout_seconds=SETTLE_SECONDS, what="both nodes in the cluster", every_seconds=0.5
        )
        if not self._is_configured:
            self._configure()
        self.settle()

    def _configure(self) -> None:
        values: dict[str, object] = {"address": PACEMAKER.address}
        for name, bmc in self._bed.bmcs.items():
            account = bmc.account
            values |= {
                f"{name}_host": account.host,
                f"{name}_port": account.port,
                f"{name}_username": account.username,
                f"{name}_password": account.password,
                f"{name}_systems_uri": account.systems_uri,
            }
        node = self._bed.nodes["a"]
        for section, file in SECTIONS.items():
            node.push("/run/section.xml", filled(FOLDER / file, values).encode(), mode=0o600)
            done(node, f"cibadmin --replace --scope {section} --xml-file /run/section.xml; rm /run/section.xml")
        self._is_configured = True

    def active(self) -> str:
        """Return the node that has the address."""
        (found,) = [name for name, node in self._bed.nodes.items() if holds(node, PACEMAKER.address)]
        return found

    def order(self, node: str) -> None:
        """Order the group to a node, as its manual does."""
        done(self._bed.nodes[other(node)], f"crm_resource --move --resource hello --node node-{node}")

    def told(self, node: str) -> None:
        """It finds out by itself."""

    def settle(self) -> None:
        """Take back what an order left behind, forget failures, and wait until the cluster is whole."""
        until_ready(self._bed.nodes)
        for node in self._bed.nodes.values():
            done(node, "systemctl start pacemaker.service")
        clock.wait_until(
            self._are_online, timeout_seconds=SETTLE_SECONDS, what="both nodes in the cluster", every_seconds=0.5
        )
        node = self._bed.nodes["a"]
        done(node, "crm_resource --clear --resource hello >/dev/null; crm_resource --cleanup >/dev/null")
        clock.wait_until(
            self._is_whole, timeout_seconds=SETTLE_SECONDS, what="the cluster to run its group", every_seconds=0.5
        )

    def _said(self) -> str:
        ran = self._bed.nodes["a"].run(CLEAN, timeout_seconds=SCRIPT_SECONDS)
        return ran.stdout.decode(errors="replace")

    def _are_online(self) -> bool:
        said = self._said()
        return all(f'name="node-{name}"' in said for name in self._bed.nodes) and said.count(' online="true"') == len(
            self._bed.nodes
        )

    def _is_whole(self) -> bool:
        said = self._said()
        started = [f'id="{name}" ' in said for name in ("fence-a", "fence-b", "vip", "app")]
        holders = [name for name, node in self._bed.nodes.items() if holds(node, PACEMAKER.address)]
        idle = self._bed.nodes["a"].run("crm_resource --wait --timeout=20", timeout_seconds=SCRIPT_SECONDS)
        return (
            all(started)
            and said.count('role="Started"') == len(started)
            and len(holders) == 1
            and idle.return_code == 0
        )

    def keep(self, folder: Path) -> None:
        """Keep what both daemons said on each node."""
        for name, node in self._bed.nodes.items():
            (folder / f"pacemaker-{name}.log").write_bytes(node.run(LOG).stdout)

    def rest(self) -> None:
        """Stop both daemons on both nodes; they stop what they run."""
        for node in self._bed.nodes.values():
            done(node, "systemctl disable corosync.service pacemaker.service")
        # Both in one order: a node that goes alone hands the group over first.
        node = self._bed.nodes[other(self.active())]
        done(node, "systemctl stop pacemaker.service corosync.service")
        node = self._bed.nodes[other(node.name)]
        done(node, "systemctl stop pacemaker.service corosync.service")

    def versions(self) -> Mapping[str, str]:
        """Return Debian's versions of its parts."""
        names = ("pacemaker", "corosync", "resource-agents", "fence-agents")
        said = done(self._bed.nodes["a"], f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' {' '.join(names)}")
        return dict(line.split() for line in said.splitlines())
