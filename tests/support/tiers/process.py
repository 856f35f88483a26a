"""Runs one command under a wall clock, its output in a file and on the screen.

The command writes to a file, not to our pipe: what it leaves behind in the background cannot keep the pipe open and
hang whoever reads us. It has a session of its own, so the whole of it can be ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_LOOK_SECONDS = 0.2
_CLEAN_UP_SECONDS = 60.0
# What a shell says for a program it cannot find.
_NOT_FOUND = 127


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    seconds: float
    killed: bool = False
    """Whether it was ended by us, at its limit."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command runs in: its environment, where its output is shown, and the sign to end before its time."""

    environment: Mapping[str, str]
    show: Callable[[str], None]
    stop: threading.Event


def run(command: Sequence[str], *, log: Path, limit_seconds: float, around: Surroundings) -> Ended:
    """Runs a command to its end or its limit; its output is appended to `log` and shown as it comes.

    On our own interruption, or the sign to stop, the command is interrupted too, and waited for.
    """
    started = time.monotonic()
    with log.open("ab") as sink, log.open("rb") as source:
        source.seek(0, os.SEEK_END)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(around.environment),
                start_new_session=True,
            )
        except FileNotFoundError:
            around.show(f"{command[0]}: not found\n")
            return Ended(code=_NOT_FOUND, seconds=0.0)
        try:
            killed = not _follow(process, source, until=started + limit_seconds, around=around)
        finally:
            end(process)
            _show(source, around)
    return Ended(code=process.returncode, seconds=time.monotonic() - started, killed=killed)


def end(process: subprocess.Popen[bytes], *, clean_up_seconds: float = _CLEAN_UP_SECONDS) -> None:
    """Ends a command that still runs: first so that it can clean up after itself, then for certain."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=clean_up_seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _follow(process: subprocess.Popen[bytes], source: BinaryIO, *, until: float, around: Surroundings) -> bool:
    """Shows output as it comes; returns False when the limit or the sign to stop came first."""
    while time.monotonic() < until and not around.stop.is_set():
        try:
            process.wait(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            _show(source, around)
        else:
            return True
    return False


def _show(source: BinaryIO, around: Surroundings) -> None:
    """Shows what is new in the log."""
    around.show(source.read().decode("utf-8", errors="replace"))
