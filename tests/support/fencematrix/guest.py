"""A guest of a real libvirt in the place of node a, and the kernel's own word whether it lives."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.model.pair import FencingDevice, SecretReference
from support.libvirt import ADDRESS, GUEST, Hypervisor

if TYPE_CHECKING:
    from support.bed.evidence import Journal

EVERY_SECONDS = 0.05
OTHER_UUID = "00000000-1111-2222-3333-444444444444"


class Lifeline:
    """Writes down when the guest's process comes and goes, in the words of a power supply."""

    def __init__(self, host: Hypervisor, journal: Journal) -> None:
        """Begin to look."""
        self._image, self._journal = str(host.folder / "boot.img").encode(), journal
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End looking."""
        self._ended.set()
        self._thread.join(timeout=10)

    def _look_on(self) -> None:
        was_alive = None
        while not self._ended.wait(EVERY_SECONDS):
            is_alive = any(self._image in line for line in _command_lines())
            if is_alive != was_alive:
                was_alive = is_alive
                self._journal.write(node="a", event="power-on" if is_alive else "power-cut")


def _command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if line.startswith(b"/usr/bin/qemu-system"):
            found.append(line)
    return found


def spoil(host: Hypervisor, twist: str) -> None:
    """Bring the guest into the state that the cell is about."""
    if twist == "guest-crashed":
        host.crash()
    if twist == "guest-suspended":
        host.check("suspend", GUEST)


def device(host: Hypervisor, twist: str, *, other_key: str) -> FencingDevice:
    """Return the guest's device, as the resource has it."""
    return FencingDevice(
        agent="fence_virsh",
        identity=OTHER_UUID if twist == "identity" else host.uuid,
        parameters={
            "ip": ADDRESS,
            "username": "root",
            "plug": GUEST,
            "host_key": other_key if twist == "host-key" else host.host_key,
            "power_timeout": "8",
            # A session takes its time where nothing is accelerated.
            "login_timeout": "20",
            "shell_timeout": "20",
        },
        secret=SecretReference(name="virsh"),
    )
