"""Looks at the processes of both nodes from outside, all the time: never may services live on both.

What a node's systemd or guard say of themselves is not asked: the kernel's own list is read.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import control_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.bed import Bed
    from support.chaos.chronicle import Chronicle

EVERY_SECONDS = 0.4
SERVICES = ("postgres -D /srv/maestro/db", "support.standin.app")
"""What the command lines of the pair's services have in them."""
ZOMBIE = "Z"


class Lookout:
    """Samples both nodes until it is stopped."""

    def __init__(self, bed: Bed, chronicle: Chronicle, *, process_list: Path) -> None:
        """Start looking; every command line that is ever seen goes to the process list, once."""
        self._groups = {name: bed.inside(control_groups.MOUNT / bed.plan.cgroup / f"node-{name}") for name in bed.nodes}
        self._chronicle = chronicle
        self._process_list = process_list
        self._seen: set[str] = set()
        self._ended = threading.Event()
        self.samples = 0
        self.violations = 0
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End looking."""
        self._ended.set()
        self._thread.join(timeout=20)

    def services(self, node: str) -> dict[int, str]:
        """Return the living service processes of a node by their number."""
        return {
            number: line
            for number, line in self._processes(node).items()
            if any(service in line for service in SERVICES)
        }

    def _look_on(self) -> None:
        was_double = False
        while not self._ended.wait(EVERY_SECONDS):
            self.samples += 1
            # Read a, then b, then a again: what lived before and after the other reading lived during it.
            before, other, after = self.services("a"), self.services("b"), self.services("a")
            both = {number for number in before if number in after}
            is_double = bool(both) and any(_is_alive(number) for number in other)
            if is_double and not was_double:
                self.violations += 1
                shown = f"a: {sorted(set(before.values()))}; b: {sorted(set(other.values()))}"
                self._chronicle.finding("BothRun", shown)
            was_double = is_double
            self._keep_lines()

    def _keep_lines(self) -> None:
        lines = {line for name in self._groups for line in self._processes(name).values()} | set(_own_children())
        fresh = lines - self._seen
        if fresh:
            self._seen |= fresh
            with self._process_list.open("a") as file:
                file.writelines(f"{line}\n" for line in sorted(fresh))

    def _processes(self, node: str) -> dict[int, str]:
        found: dict[int, str] = {}
        for number in control_groups.ControlGroup(str(self._groups[node])).process_ids():
            line = command_line(number)
            if line:
                found[number] = line
        return found


def command_line(number: int) -> str | None:
    """Return the command line of a living process; None for one that is gone or a zombie."""
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return None
    return words.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace") if _is_alive(number) else None


def _is_alive(number: int) -> bool:
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != ZOMBIE


def _own_children() -> Iterator[str]:
    """Yield the command lines of everything that is started on the operator's side."""
    for path in Path("/proc").glob("[0-9]*"):
        line = command_line(int(path.name))
        if line and ("fence_" in line or "maestro_operator" in line or "kubectl" in line):
            yield line
