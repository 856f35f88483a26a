"""The bed's control groups, in a unified view of its own.

The holder mounts the cgroup2 hierarchy over /sys/fs/cgroup in its own mount namespace. So hosts with hybrid and with
pure v2 hierarchies look the same from within, and nodes can be killed and frozen at one instant on both. So far only
hybrid hosts were there to try it on.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.bed import clock

MOUNT = Path("/sys/fs/cgroup")
STALE_SECONDS = 60.0


def mount_unified() -> None:
    """Shows the calling mount namespace, and nobody else, cgroup2 at /sys/fs/cgroup."""
    subprocess.run(("mount", "-t", "cgroup2", "cgroup2", str(MOUNT)), check=True, timeout=10)


def sweep(prefix: str) -> None:
    """Removes the empty groups that killed beds left, at any place; a live bed's is made again when it is needed."""
    for path in MOUNT.glob(f"{prefix}*"):
        group = ControlGroup(path.name)
        with contextlib.suppress(OSError, clock.TimedOutError):
            if not group.is_populated() and clock.age_seconds(path) > STALE_SECONDS:
                group.remove()


class ControlGroup:
    """One group of processes that can be counted, frozen and killed as a whole."""

    def __init__(self, name: str) -> None:
        self.path = MOUNT / name

    def child(self, name: str) -> "ControlGroup":
        """Returns a group below this one."""
        return ControlGroup(str(self.path.relative_to(MOUNT) / name))

    def make(self) -> None:
        """Creates the group where it is missing."""
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def procs(self) -> Path:
        """The file that takes a process in."""
        return self.path / "cgroup.procs"

    def is_populated(self) -> bool:
        """Says whether any live process is in the group or below."""
        return self._event("populated")

    def process_ids(self) -> Iterator[int]:
        """Yields the processes of the group and all below, as the caller's namespace numbers them."""
        # A script's group may go while its neighbours are looked through, which os.walk, unlike rglob, lives with.
        for folder in sorted(Path(folder) for folder, _, _ in os.walk(self.path)):
            with contextlib.suppress(OSError):
                for line in (folder / "cgroup.procs").read_text().split():
                    if line != "0":
                        yield int(line)

    def kill(self) -> None:
        """Kills every process at one instant, and wait until the last one is gone."""
        if not self.path.exists():
            return
        (self.path / "cgroup.kill").write_text("1")
        clock.wait_until(
            lambda: not self.is_populated(),
            timeout_seconds=20,
            what=f"the last process of {self.path.name}",
            every_seconds=0.002,
        )

    def freeze(self) -> None:
        """Stops every process at one instant; they notice nothing."""
        (self.path / "cgroup.freeze").write_text("1")
        clock.wait_until(lambda: self._event("frozen"), timeout_seconds=10, what=f"{self.path.name} to freeze")

    def thaw(self) -> None:
        """Lets every process go on."""
        (self.path / "cgroup.freeze").write_text("0")
        clock.wait_until(lambda: not self._event("frozen"), timeout_seconds=10, what=f"{self.path.name} to thaw")

    def remove(self) -> None:
        """Kills what is in the group and remove it with all below."""
        if not self.path.exists():
            return
        self.kill()
        clock.wait_until(self._removed, timeout_seconds=10, what=f"removal of {self.path}")

    def _removed(self) -> bool:
        for folder, _, _ in os.walk(self.path, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        return not self.path.exists()

    def _event(self, name: str) -> bool:
        try:
            events = (self.path / "cgroup.events").read_text()
        except OSError:
            return False
        return f"{name} 1" in events.splitlines()
