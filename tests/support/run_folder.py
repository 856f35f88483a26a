"""The folder below build/ that a run fills: empty at its begin, and its own until its process ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Holds a folder for this process; the kernel gives it back, however the process ends.

    Raises SystemExit, with words for whoever typed the command, where another process holds it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SystemExit(
                f"process {lock.read().strip() or 'unknown'} fills {folder} already, and a second run would destroy "
                "what it has; wait for its end, or run in another checkout (git worktree add)"
            ) from None
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        yield folder


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """Holds a folder, and empties it before it is used."""
    with held(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
