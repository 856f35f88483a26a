"""The floor: the same effects by a bare script over open SSH connections, with no look of any kind.

It is told of an accident at the moment of it, so what it takes is what nobody can avoid: nothing is detected, nothing
is fenced, nothing is proven.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from support.peers.service import CONFIGURATION, FLOOR, done, holds, other, until_ready

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.bed.client import Bed

MOVE_SECONDS = 20.0
OPTIONS = (
    *("ControlMaster=auto", "ControlPersist=600"),
    # A connection that died with its node is given up before the next move.
    *("ServerAliveInterval=1", "ServerAliveCountMax=2"),
)


class Floor:
    """Two open connections and a script."""

    place = FLOOR

    def __init__(self, bed: Bed, folder: Path) -> None:
        """Keep where the connections have their sockets."""
        self._bed, self._folder = bed, folder
        self._active = "a"

    def begin(self) -> None:
        """Start the service on a node and open both connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, node in self._bed.nodes.items():
            options = [f"ControlPath={self._folder / f'mux-{name}'}", *OPTIONS]
            command = node.ssh_command(
                "sudo", "sh", "-c", options=[word for option in options for word in ("-o", option)]
            )
            quoted = " ".join(f"'{word}'" for word in command)
            program = self._folder / f"to-{name}"
            # sshd joins what it is given, so the script is quoted once more for its shell.
            program.write_text(f"""#!/bin/sh\nexec {quoted} "'$1'"\n""")
            program.chmod(0o755)
        done(
            self._bed.nodes[self._active], f"ip address add {FLOOR.address}/24 dev host0; systemctl start {FLOOR.unit}"
        )
        self.settle()

    def active(self) -> str:
        """Return the node that has the address."""
        return self._active

    def order(self, node: str) -> None:
        """Run the script."""
        self._move(str(self._folder / f"to-{other(node)}"), node)

    def told(self, node: str) -> None:
        """Run the half of the script that the node that is left has to do."""
        self._move("", node)

    def _move(self, old: str, node: str) -> None:
        script = CONFIGURATION / "floor" / "move.sh"
        words = (old, str(self._folder / f"to-{node}"), FLOOR.address)
        subprocess.run([*self._bed.enter, str(script), *words], check=True, timeout=MOVE_SECONDS)
        self._active = node

    def settle(self) -> None:
        """Take away what an accident left on the old side, and open both connections."""
        until_ready(self._bed.nodes)
        self._leave(other(self._active))
        for name in self._bed.nodes:
            program = str(self._folder / f"to-{name}")
            subprocess.run([*self._bed.enter, program, "true"], check=True, timeout=MOVE_SECONDS)

    def keep(self, folder: Path) -> None:
        """Nothing is written down by it."""

    def rest(self) -> None:
        """Take the service and the address away."""
        self._leave(self._active)

    def _leave(self, name: str) -> None:
        node = self._bed.nodes[name]
        if holds(node, FLOOR.address):
            done(node, f"systemctl stop {FLOOR.unit}; ip address delete {FLOOR.address}/24 dev host0")

    def versions(self) -> Mapping[str, str]:
        """Return that of the SSH client."""
        said = subprocess.run(("ssh", "-V"), check=True, capture_output=True, text=True, timeout=MOVE_SECONDS)
        return {"ssh": said.stderr.strip()}
