"""A storage beside a bed of machines: a disk of a real SCSI-3 target on its own machine, and both nodes' way to it.

Nodes reach it by the wire that is their console, past the switch and past any router, as a storage network is: a node
whose cable is cut writes on. The storage's kernel is the target, not a node: it tells both apart by their initiators.
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.bed import clock, layout, umlroot
from support.scsi import inside, target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.bed import Bed

MEMORY = "192M"
DISK_BYTES = 64 * 1024**2
BLOCK_BYTES = 4096
FILE_SYSTEM_BLOCKS = (DISK_BYTES - 1024**2) // BLOCK_BYTES
SCRATCH_BLOCK = {"a": DISK_BYTES // BLOCK_BYTES - 2, "b": DISK_BYTES // BLOCK_BYTES - 1}
"""Past the end of the file system: one block for each node's kernel to write to."""
OUR_END, ADDRESS, NETWORK = "10.79.0.9", "10.79.0.10", "10.79.0.8/30"
PORT = "storage"
PORTAL = f"{ADDRESS}:3260"
DEVICE = "/dev/sda"
BOOT_SECONDS = 240.0
DOOR_SECONDS = 30.0
NODE_SECONDS = 120.0
INIT = """#!/bin/sh
PATH={tools}
export PATH PYTHONPATH={path}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
ip link set lo up
ip address add {address}/{prefix} dev eth0
ip link set eth0 up
ip route add default via {ours}
exec {python} -u -m support.scsi.target {address}
"""
ATTACH = """
set -e
modprobe -a iscsi_tcp sd_mod sg
ip route replace {network} via {ours}
printf 'InitiatorName=%s\\n' {initiator} >/etc/iscsi/initiatorname.iscsi
systemd-run --quiet --unit=bed-iscsid iscsid -f
node="iscsiadm -m node -T {target} -p {portal}"
$node -o new
$node -o update -n node.session.timeo.replacement_timeout -v 5
timeout 60 sh -c "until $node --login; do sleep 1; done"
timeout 60 sh -c 'until [ -b {device} ]; do sleep 0.2; done'
sg_inq --export --page=di {device}
"""


class StorageFailedError(Exception):
    """The storage did not do what it was told; the message says what it said."""


class Storage:
    """The storage machine of one bed."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        """Switches it on and lets both nodes log in."""
        folder.mkdir(parents=True, exist_ok=True)
        self._bed, self.image, self.log = bed, folder / "disk.img", folder / "console-storage.log"
        with self.image.open("wb") as image:
            image.truncate(DISK_BYTES)
        self._wire()
        self._process = bed.spawn(self._machine(folder), log=self.log)
        clock.wait_until(self._answers, timeout_seconds=BOOT_SECONDS, what="the storage", every_seconds=0.5)
        self.identity = self._attach()

    def _wire(self) -> None:
        for words in (
            ("tuntap", "add", PORT, "mode", "tap"),
            ("address", "add", f"{OUR_END}/{layout.CONSOLE_PREFIX_LENGTH}", "dev", PORT),
            ("link", "set", PORT, "up"),
        ):
            subprocess.run((*self._bed.enter, "ip", *words), check=True, capture_output=True, timeout=10)
        forwarding = ("sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1")
        subprocess.run((*self._bed.enter, *forwarding), check=True, capture_output=True, timeout=10)

    def _machine(self, folder: Path) -> tuple[str, ...]:
        init = folder / "init"
        told = {
            "tools": umlroot.PATH,
            "path": ":".join(str(Path(item).resolve()) for item in sys.path if item),
            "python": sys.executable,
            "address": ADDRESS,
            "prefix": str(layout.CONSOLE_PREFIX_LENGTH),
            "ours": OUR_END,
        }
        init.write_text(INIT.format(**{name: shlex.quote(value) for name, value in told.items()}))
        init.chmod(0o755)
        return (
            *umlroot.kernel(),
            *(f"mem={MEMORY}", "umid=storage", f"uml_dir={folder}/uml"),
            *("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", f"init={init}", f"ubdb={self.image}"),
            f"eth0=tuntap,{PORT},52:54:00:00:02:01",
            *("con0=null,fd:1", "con=null", "ssl=null", "net.ifnames=0", "selinux=0", "loglevel=7", "printk.time=1"),
        )

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise StorageFailedError(f"the storage went off: {self.log.read_text(errors='replace')[-2000:]}")
        try:
            return bool(self.state())
        except OSError:
            return False

    def _attach(self) -> str:
        """Lets both nodes log in, as an administrator does; returns the name that the disk has for itself."""
        names = {self._log_in(name) for name in self._bed.nodes}
        if len(names) != 1:
            raise StorageFailedError(f"the nodes see different disks: {names}")
        return names.pop()

    def _log_in(self, name: str) -> str:
        told = {
            "network": NETWORK,
            "ours": layout.CONSOLE_ENDS[name][0],
            "initiator": inside.initiator(name),
            "target": inside.NAME,
            "portal": PORTAL,
            "device": DEVICE,
        }
        ran = self._bed.nodes[name].run(ATTACH.format(**told), timeout_seconds=NODE_SECONDS)
        lines = ran.stdout.decode().splitlines()
        found = [line.partition("=")[2] for line in lines if line.startswith("SCSI_IDENT_LUN_NAA")]
        if ran.return_code or not found:
            raise StorageFailedError(f"node {name} does not reach the storage: {ran.stderr.decode()[-500:]}")
        return found[0]

    # ------------------------------------------------------------ hands on the storage

    def state(self) -> Mapping[str, Any]:
        """Returns who is registered and who holds the disk at each controller, in the target's own words."""
        return self._ask("state")

    def mend(self) -> None:
        """Lets both nodes be behind the first controller, and their orders be taken."""
        for name in target.NODES:
            self.put_behind(name, target.CONTROLLERS[0])
            self.protect(name, is_on=False)
            self.join(name)

    def put_behind(self, node: str, controller: str) -> None:
        """Lets a node's path lead to another controller, which knows no reservation of the first one's."""
        self._ask("put-behind", node, controller)

    def protect(self, node: str, *, is_on: bool) -> None:
        """Lets the storage refuse every order of a node that changes something, reservations included."""
        self._ask("protect", node, "1" if is_on else "0")

    def part(self, node: str) -> None:
        """Pulls a node's cable to the storage."""
        self._route(node, "replace", "blackhole", NETWORK)

    def join(self, node: str) -> None:
        """Plugs it in again."""
        self._route(node, "replace", NETWORK, "via", layout.CONSOLE_ENDS[node][0])
        again = f"timeout 90 sh -c 'until sg_turs {DEVICE}; do sleep 1; done'"
        ran = self._bed.nodes[node].run(again, timeout_seconds=NODE_SECONDS)
        if ran.return_code:
            raise StorageFailedError(f"node {node} does not find its way to the storage again")

    def _route(self, node: str, *words: str) -> None:
        ran = self._bed.nodes[node].run(f"ip route {shlex.join(words)}", timeout_seconds=NODE_SECONDS)
        if ran.return_code:
            raise StorageFailedError(f"node {node}: {ran.stderr.decode()}")

    def _ask(self, order: str, *of: str) -> dict[str, Any]:
        with self._bed.network(), socket.create_connection((ADDRESS, target.DOOR_PORT), timeout=DOOR_SECONDS) as wire:
            wire.sendall(json.dumps({"order": order, "of": of}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(wire.makefile("rb").readline() or b'{"problem": "it hung up"}')
        if "problem" in answer:
            raise StorageFailedError(f"{order} {' '.join(of)}: {answer['problem']}")
        return answer
