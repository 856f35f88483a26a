"""The gateway of a routed bed: equipped as an administrator would, spoiled on demand, and looked past from outside.

Three places try the node's sshd all the time, over real connections: the public (the bed's own network), the
survivor, and the node itself the other way round. What they found is the raw evidence of an isolation.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.drivers.memory.ports import MemoryNodes
from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from support.bed import clock, layout, wire
from support.report import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from maestro_operator.model.pair import Probe
    from maestro_operator.model.status import FrozenNode
    from support.bed import Bed
    from support.bed.client import Node
    from support.bed.evidence import Journal

SCRIPT = ROOT / "operator" / "maestro_operator" / "transport" / "gateway" / "maestro-gateway"
PROGRAM = "/usr/local/sbin/maestro-gateway"
AUTHORIZED = "/root/.ssh/authorized_keys"
REFUSING = b"#!/bin/sh\necho 'ERROR: the rules are read-only'\nexit 1\n"
FORGETFUL = b"#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in status*) exec %s ;; esac\necho 'Success: Isolated'\n"
SSHD = 22
TRY_SECONDS = 0.5
EVERY_SECONDS = 0.25
CONSOLE_SECONDS = 60
SECOND_PATH = "10.78.0.200"


class Gateway:
    """The router, with maestro-gateway behind one forced command, as the docs say to install it."""

    def __init__(self, bed: Bed, *, folder: Path) -> None:
        """Equip the router."""
        assert bed.router is not None
        folder.mkdir(parents=True, exist_ok=True)
        self._bed, self._router, key = bed, bed.router, folder / "gateway"
        if not key.exists():
            command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", str(key))
            subprocess.run(command, check=True, timeout=30)
        self.private_key = key.read_bytes()
        line = f'command="{PROGRAM}",restrict {key.with_suffix(".pub").read_text()}'
        self._router.push(AUTHORIZED, line.encode(), mode=0o600)
        self.mend()

    @property
    def host_key(self) -> str:
        """The router's own."""
        return self._router.host_key

    def mend(self) -> None:
        """Make it honest, and open."""
        self._router.heal()
        self._router.push(PROGRAM, SCRIPT.read_bytes(), mode=0o755)
        self._router.run("nft delete table inet maestro_gateway 2>/dev/null; true")
        self._second_path("del")

    def spoil(self, how: str) -> None:
        """Make it faulty from its next answer on."""
        if how == "refusing":
            self._router.push(PROGRAM, REFUSING, mode=0o755)
        if how == "forgetful":
            self._router.push(f"{PROGRAM}.honest", SCRIPT.read_bytes(), mode=0o755)
            self._router.push(PROGRAM, FORGETFUL % f"{PROGRAM}.honest".encode(), mode=0o755)
        if how == "silent":
            self._router.cut()
        if how == "bypassed":
            self._second_path("add")

    def _second_path(self, verb: str) -> None:
        """Let the public and the survivor reach the node's site past the router, or end that."""
        address, route = f"{SECOND_PATH}/24", (layout.FAR_NETWORK, "via", layout.ROUTER_ADDRESS)
        was_added = verb == "add"
        for words in (
            ("address", verb, address, "dev", layout.FAR_BRIDGE),
            ("route", "del" if was_added else "replace", *route),
        ):
            subprocess.run((*self._bed.enter, "ip", *words), check=was_added, capture_output=True, timeout=10)


class OutsideNodes(MemoryNodes):
    """The memory nodes, of which the survivor's vote on the other one is a real look over the network."""

    node: Node
    patience_seconds = TRY_SECONDS

    @override
    async def peer_vote(self, asked: FrozenNode, about: FrozenNode, probes: Sequence[Probe]) -> VoteSeen | Unknown:
        """Ask the real survivor whether it reaches the real node."""
        del probes
        reached = await asyncio.to_thread(_is_reached_from, self.node, about.address, seconds=self.patience_seconds)
        vote, reason = (Vote.ALIVE, Reason.ANSWERS) if reached else (Vote.DEAD, Reason.TIMED_OUT)
        return VoteSeen("peer", about.name, vote, reason, f"{asked.name} tried its sshd", for_seconds=0.0)


def outside_probes() -> NetworkProbes:
    """Return the operator's own real look."""
    return NetworkProbes()


class Reach:
    """Tries from three places until it is stopped, and writes every result down."""

    def __init__(
        self,
        bed: Bed,
        journal: Journal,
        *,
        patience_seconds: float = TRY_SECONDS,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        """Begin to try."""
        self._bed, self._journal, self._patience_seconds = bed, journal, patience_seconds
        self._every_seconds = every_seconds
        self._ended = threading.Event()
        far, near = bed.nodes["a"], bed.nodes["b"]
        ways = (
            ("public", lambda: self._from_here(far.address)),
            ("survivor", lambda: _is_reached_from(near, far.address, seconds=patience_seconds)),
            ("node", lambda: _is_reached_from(far, near.address, seconds=patience_seconds)),
        )
        self._threads = [threading.Thread(target=self._try, args=way, daemon=True) for way in ways]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End trying."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=CONSOLE_SECONDS)

    def _try(self, source: str, reaches: object) -> None:
        assert callable(reaches)
        while not self._ended.wait(self._every_seconds):
            began = clock.monotonic_nanoseconds()
            with contextlib.suppress(wire.HolderFailedError):
                # A node whose console is silent has tried nothing.
                self._journal.write(event="tried", source=source, reached=bool(reaches()), began_ns=began)

    def _from_here(self, address: str) -> bool:
        with self._bed.network(), socket.socket() as connection:
            connection.settimeout(self._patience_seconds)
            return connection.connect_ex((address, SSHD)) == 0


def _is_reached_from(node: Node, address: str, *, seconds: float) -> bool:
    tried = f"timeout {seconds} bash -c '</dev/tcp/{address}/{SSHD}'"
    return node.run(tried, timeout_seconds=CONSOLE_SECONDS).return_code == 0
