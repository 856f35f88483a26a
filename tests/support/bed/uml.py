"""A node that is a User Mode Linux machine: a kernel, disks and a clock of its own.

A power cut loses what its kernel had not written: the pages were in the machine's own memory. Its console is a wire
that no cut reaches.
"""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from typing_extensions import override

from support.bed import clock, console, disks, layout, network, umlroot
from support.bed.description import Identity, Ran
from support.bed.evidence import Journal
from support.bed.machine import OUTPUT_LIMIT_BYTES, Machine, NodeIsOffError

CONSOLE_SECONDS = 30
"""How long a console that answers may take: each process is slow where the host is busy."""
USER_ID = 2000


def prepare(name: str, *, place: layout.Place, paths: layout.NodePaths, authorized_key: str) -> Identity:
    """Makes the disks of a machine that never ran, and the seed that will make it the node."""
    root = paths.folder / "seed"
    home = root / "home" / layout.NODE_USER
    for folder in (root / "etc" / "ssh", root / "etc" / "network", home):
        folder.mkdir(parents=True)
    shutil.chown(home, USER_ID, USER_ID)
    home.chmod(0o700)
    identity = disks.personalise(name, place=place, root=root, authorized_key=authorized_key)
    subprocess.run(
        ("tar", "-c", "--numeric-owner", "-f", str(paths.seed), "-C", str(root), "."), check=True, timeout=30
    )
    shutil.rmtree(root)
    with paths.image.open("wb") as image:
        image.truncate(layout.MACHINE_DISK_BYTES)
    return identity


class UmlMachine(Machine):
    """One such node; each method is safe to call from several threads."""

    look_every_seconds = 1.0

    def __init__(
        self, *, identity: Identity, plan: layout.Layout, power: Journal, image: Path, bridge: str = layout.BRIDGE
    ) -> None:
        super().__init__(identity=identity, plan=plan, power=power, bridge=bridge)
        self._image = image

    @override
    def boots(self) -> int:
        """Counts the boots since the bed is up: the machine boots again without ending."""
        with self._console.open(errors="replace") as console:
            return sum(umlroot.BOOT_MARK in line for line in console)

    @override
    def soft_off(self, cause: str) -> None:
        """Presses the power button: the node's systemd shuts down in order, in its own time."""
        self._power.write(node=self.name, event="soft-off-asked", cause=cause)
        self._soon("systemctl poweroff")

    @override
    def reboot(self, cause: str) -> None:
        """Asks the node's systemd to reboot; the power stays on."""
        self._power.write(node=self.name, event="reboot-asked", cause=cause)
        self._soon("systemctl reboot")

    @override
    def greets(self) -> bool:
        """Says whether sshd lets users in, over the network as well as from the console."""
        try:
            # Each question is a process of its sshd: one that is not waited for is the next one's delay.
            greeting = self.greeting(patience_seconds=CONSOLE_SECONDS) if self.is_on() else b""
            return greeting == b"SSH-" and self._lets_in()
        except (OSError, clock.TimedOutError, NodeIsOffError):
            return False

    @override
    def run(self, script: str, *, user: str, stdin: bytes, timeout_seconds: float) -> Ran:
        """Runs a bash script in the node by its console's wire."""
        if not self.is_on():
            raise NodeIsOffError(f"node {self.name} is off")
        asked = {"user": user, "script": script, "stdin": len(stdin), "seconds": timeout_seconds}
        where = (layout.CONSOLE_ENDS[self.name][1], console.PORT)
        with socket.create_connection(where, timeout=CONSOLE_SECONDS) as wire:
            # The far end ends the script; it is waited for a little longer, and not for ever: its power may go.
            wire.settimeout(timeout_seconds + CONSOLE_SECONDS)
            wire.sendall(json.dumps(asked).encode() + b"\n" + stdin)
            answer = wire.makefile("rb")
            head = _head(answer.readline())
            out, err = answer.read(head["out"]), answer.read(head["err"])
        if (len(out), len(err)) != (head["out"], head["err"]):
            raise ConnectionResetError(f"the console of node {self.name} ended before its script")
        if head["code"] is None:
            raise clock.TimedOutError(f"a script on node {self.name} took over {timeout_seconds:g} s")
        return Ran(int(head["code"]), out[:OUTPUT_LIMIT_BYTES], err[:OUTPUT_LIMIT_BYTES])

    @override
    def push(self, path: str, content: bytes, *, mode: int) -> None:
        """Writes a file, root's, on a node that is on."""
        if not self.is_on():
            raise NodeIsOffError(f"node {self.name} is off: nothing reaches the inside of its disk")
        super().push(path, content, mode=mode)

    def _soon(self, command: str) -> None:
        """Lets the node's systemd run a command in a second: what ends the console first answers on it."""
        script = f"systemd-run --quiet --on-active=1 {command}"
        ran = self.run(script, user="root", stdin=b"", timeout_seconds=CONSOLE_SECONDS)
        if ran.return_code != 0:
            raise OSError(f"node {self.name}: {script}: {ran.stderr.decode(errors='replace')}")

    def _lets_in(self) -> bool:
        done = self.run("true", user="root", stdin=b"", timeout_seconds=CONSOLE_SECONDS)
        return done.return_code == 0

    @override
    def _plug(self) -> None:
        network.plug_machine(self.name, self._bridge)

    @override
    def _supplied(self) -> tuple[str, ...]:
        folder = Path(self.paths.folder)
        number = sorted(layout.NODE_ADDRESSES).index(self.name) + 1
        wire = f"{layout.CONSOLE_ENDS[self.name][1]}/{layout.CONSOLE_PREFIX_LENGTH}"
        return (
            *umlroot.kernel(),
            *(f"mem={layout.MACHINE_MEMORY}", f"umid=node-{self.name}", f"uml_dir={folder}/uml"),
            *(f"ubda={self.paths.changes},{self._image}", f"ubdb={self.paths.image}", f"ubdcr={self.paths.seed}"),
            *("root=/dev/ubda", "rw", "rootfstype=ext4", "init=/usr/sbin/bed-init", f"bed.console={wire}"),
            *(f"eth0=tuntap,{network.port_of(self.name)},52:54:00:00:00:0{number}",),
            *(f"eth1=tuntap,{network.console_of(self.name)},52:54:00:00:01:0{number}",),
            *("con0=null,fd:1", "con=null", "ssl=null", "net.ifnames=0", "systemd.show_status=0", "selinux=0"),
            # Its kernel says on the console what it does: what a judge reads.
            *("loglevel=7", "printk.time=1"),
        )


def _head(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the console of a node ended before its script")
    found: dict[str, Any] = json.loads(line)
    return found
