"""Processes that cannot outlive the one that started them.

A child dies with its parent, also when the parent is killed by SIGKILL: the kernel sends the signal (PR_SET_PDEATHSIG,
set by `setpriv`). The kernel counts the *thread* that forked as the parent, so one thread that lives as long as the
program forks for everybody; else a control plane started from a worker thread would die with the worker.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Enter = Callable[[list[str]], list[str]]
"""Wraps a command so that it runs somewhere else, such as inside a network namespace. It must exec, not fork."""

_Job = tuple[Callable[[], "subprocess.Popen[bytes]"], "Future[subprocess.Popen[bytes]]"]

_PDEATHSIG = ["setpriv", "--pdeathsig", "KILL"]
# A parent that died before the kernel was told to watch it is noticed by its changed number.
_STILL_MY_CHILD = ["sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"']


def dying_with_parent(command: list[str], *, enter: Enter | None = None) -> list[str]:
    """Returns the command wrapped so that it is killed when this process ends in any way."""
    # Once outside, for the wrapper, and once inside, because a change of credentials makes the kernel forget.
    inner = [*_PDEATHSIG, *command]
    return [*_PDEATHSIG, *_STILL_MY_CHILD, str(os.getpid()), *(enter(inner) if enter else inner)]


def spawn(
    command: list[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Starts a process from the forking thread, in a session of its own so that Ctrl-C reaches only the caller."""

    def fork() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    outcome: Future[subprocess.Popen[bytes]] = Future()
    _forker().put((fork, outcome))
    return outcome.result()


class Server:
    """One long-running process with a log file."""

    def __init__(self, name: str, *, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    def start(cls, command: list[str], *, name: str, cwd: Path, env: Mapping[str, str]) -> Server:
        """Starts the command; its output is appended to `<cwd>/<name>.log`."""
        log = cwd / f"{name}.log"
        with log.open("ab") as file:
            process = spawn(command, cwd=cwd, env=env, stdout=file, stderr=subprocess.STDOUT)
        return cls(name, process=process, log=log)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def is_running(self) -> bool:
        """Returns whether the process has not ended yet."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()

    def stop(self, *, grace_seconds: float) -> None:
        """Asks the process to end, and ends it when it has not within the grace."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=grace_seconds)
        self.kill()

    def last_words(self, *, lines: int = 15) -> str:
        """Returns the end of its log, for error messages."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError as error:
            return f"(no log: {error})"


_lock = threading.Lock()
_forkers: dict[int, queue.SimpleQueue[_Job]] = {}


def _forker() -> queue.SimpleQueue[_Job]:
    """Returns the queue of this process's forking thread; starts the thread at first use."""
    with _lock:
        # By process number, because a forked copy of this program inherits the queue and not the thread.
        jobs = _forkers.get(os.getpid())
        if jobs is None:
            jobs = _forkers[os.getpid()] = queue.SimpleQueue()
            threading.Thread(target=_fork_for_ever, args=(jobs,), name="forker", daemon=True).start()
        return jobs


def _fork_for_ever(jobs: queue.SimpleQueue[_Job]) -> None:
    while True:
        fork, outcome = jobs.get()
        try:
            outcome.set_result(fork())
        except BaseException as error:  # noqa: BLE001 - the one who asked gets it
            outcome.set_exception(error)
