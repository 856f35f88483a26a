"""Looks at the service processes of both nodes from outside, ten times a second, and writes every change down.

What a node's systemd or guard say of themselves is not asked: the kernel's own list is read.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import control_groups
from support.bed.evidence import Journal
from support.chaos.lookout import SERVICES, command_line

if TYPE_CHECKING:
    from support.bed import Bed

EVERY_SECONDS = 0.1


class Lives:
    """Samples both nodes until it is stopped."""

    def __init__(self, bed: Bed, path: Path) -> None:
        """Start looking."""
        self._groups = {name: bed.inside(control_groups.MOUNT / bed.plan.cgroup / f"node-{name}") for name in bed.nodes}
        self._journal = Journal(path)
        self._seen: dict[str, frozenset[int]] = dict.fromkeys(self._groups, frozenset())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End looking."""
        self._ended.set()
        self._thread.join(timeout=20)

    def runs(self, node: str) -> bool:
        """Tell whether any service lives on a node now."""
        return bool(self._processes(node))

    def _look_on(self) -> None:
        samples = 0
        while not self._ended.wait(EVERY_SECONDS):
            samples += 1
            for node in self._groups:
                found = frozenset(self._processes(node))
                if found != self._seen[node]:
                    self._seen[node] = found
                    self._journal.write(event="lives", node=node, processes=sorted(found), samples=samples)
        self._journal.write(event="ended", samples=samples)

    def _processes(self, node: str) -> list[int]:
        numbers: list[int] = []
        # Groups come and go under the walk, which os.walk takes as it comes.
        for folder, _, _ in os.walk(self._groups[node]):
            with contextlib.suppress(OSError):
                words = (Path(folder) / "cgroup.procs").read_text().split()
                numbers += [int(word) for word in words if word != "0"]
        return [number for number in numbers if _is_service(command_line(number))]


def _is_service(line: str | None) -> bool:
    return line is not None and any(service in line for service in SERVICES)
