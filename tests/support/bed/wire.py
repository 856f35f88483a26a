"""The control socket between callers and the holder: one JSON line each way, one connection a request.

The socket's path may be longer than the 108 bytes that an address holds, so both sides name it through a descriptor of
its folder. A path, unlike an abstract name, is reached from every network namespace.
"""

import contextlib
import dataclasses
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

REQUEST_LIMIT_BYTES = 128 * 1024 * 1024
GRACE_SECONDS = 30.0
"""Added to a request's own bound: what the holder needs beside it."""


class HolderFailedError(Exception):
    """The holder could not do what it was asked; the message is its own."""


class HolderGoneError(Exception):
    """No holder answers: the bed is not up."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One call of a verb; a socket may travel along."""

    verb: str
    arguments: dict[str, object]
    passed: tuple[int, ...] = ()


Verb = Callable[[Request], object]


def call(
    path: Path,
    verb: str,
    arguments: Mapping[str, object],
    *,
    timeout_seconds: float,
    passed: tuple[int, ...] = (),
) -> object:
    """Asks the holder and return its answer, waiting no longer than the bound and a grace."""
    line = json.dumps({"verb": verb, "arguments": dict(arguments)}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as connection, _address(path) as address:
        connection.settimeout(timeout_seconds + GRACE_SECONDS)
        try:
            connection.connect(address)
            if passed:
                socket.send_fds(connection, [line], list(passed))
            else:
                connection.sendall(line)
            with connection.makefile("rb") as stream:
                answer = stream.readline(REQUEST_LIMIT_BYTES)
        except OSError as error:
            raise HolderGoneError(f"{verb}: the bed's holder does not answer: {error}") from error
    if not answer:
        raise HolderGoneError(f"{verb}: the bed's holder ended meanwhile")
    found = json.loads(answer)
    if "error" in found:
        raise HolderFailedError(f"{verb}: {found['error']}")
    return found["value"]


def holder_process_id(path: Path) -> int:
    """Returns the holder's process id as the caller's own namespace numbers it."""
    with socket.socket(socket.AF_UNIX) as connection, _address(path) as address:
        try:
            connection.connect(address)
        except OSError as error:
            raise HolderGoneError(f"no bed is up at {path.parent}: {error}") from error
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], "little")


class Listener:
    """The holder's side: a thread for each request."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        self._verbs = verbs
        self._socket = socket.socket(socket.AF_UNIX)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with _address(partial) as address:
            self._socket.bind(address)
        partial.chmod(0o600)
        self._socket.listen(64)
        # Whoever sees the name can connect.
        partial.rename(path)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(GRACE_SECONDS)
            request = _received(connection)
            if request is None:
                return
            try:
                answer: dict[str, object] = {"value": self._verbs[request.verb](request)}
            except Exception as error:  # noqa: BLE001 - whatever broke is the caller's to hear
                answer = {"error": f"{type(error).__name__}: {error}"}
            connection.sendall(json.dumps(answer).encode() + b"\n")


def _received(connection: socket.socket) -> Request | None:
    first, passed, _, _ = socket.recv_fds(connection, 65536, 1)
    parts = [first]
    size = len(first)
    while parts[-1] and not parts[-1].endswith(b"\n"):
        parts.append(connection.recv(1 << 20))
        size += len(parts[-1])
        if size > REQUEST_LIMIT_BYTES:
            return None
    if not parts[-1]:
        return None
    found = json.loads(b"".join(parts))
    return Request(verb=found["verb"], arguments=found["arguments"], passed=tuple(passed))


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    try:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise HolderGoneError(f"no bed is up at {path.parent}") from error
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
