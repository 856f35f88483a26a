"""Ways into the bed's network for callers that live outside it."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def entered(process_id: int) -> Iterator[None]:
    """Puts the calling thread, and threads it starts, into a process's network namespace for a while.

    Sockets made meanwhile stay there and can be used from anywhere. In a coroutine this would catch others that run
    on the same thread: give the bed's work an event loop of its own, started inside.
    """
    with Path("/proc/thread-self/ns/net").open("rb") as home, Path(f"/proc/{process_id}/ns/net").open("rb") as away:
        _set(away.fileno())
        try:
            yield
        finally:
            _set(home.fileno())


def network_inode() -> int:
    """Returns what tells the calling thread's network namespace from others."""
    return Path("/proc/thread-self/ns/net").stat().st_ino


def network_only(process_id: int) -> tuple[str, ...]:
    """Returns what to put before a command so that it runs in the bed's network."""
    return ("nsenter", f"--net=/proc/{process_id}/ns/net", "--")


def whole(process_id: int) -> tuple[str, ...]:
    """Returns what to put before a command so that it is the bed's own and dies with it."""
    enter = ("nsenter", f"--target={process_id}", "--net", "--mount", "--pid", "--wdns=/")
    # nsenter waits in the caller's namespace; should it be killed, the command goes as well.
    return (*enter, "--", "setpriv", "--pdeathsig", "KILL", "--")


class Process:
    """A program that runs as part of the bed and dies with it, whoever started it."""

    def __init__(
        self,
        process_id: int,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        arguments = [*whole(process_id), "env", f"--chdir={directory or Path.cwd()}", *command]
        with log.open("ab") as output:
            self._outer = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )

    def poll(self) -> int | None:
        """Returns the exit code, or None while the program runs."""
        return self._outer.poll()

    def wait(self, *, timeout_seconds: float) -> int:
        """Waits for the program's end and return its exit code."""
        return self._outer.wait(timeout=timeout_seconds)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the program itself, where it still runs."""
        for child in _children(self._outer.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def stop(self, *, timeout_seconds: float = 10) -> int:
        """Asks the program to end, insist after a while, and return its exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self._outer.wait(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Kills the program and all of its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._outer.pid, signal.SIGKILL)
        return self._outer.wait(timeout=10)


def _children(process_id: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]
    except OSError:
        return []


def _set(descriptor: int) -> None:
    if _LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
