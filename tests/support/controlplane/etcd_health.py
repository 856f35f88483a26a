"""Asks an etcd that listens on a socket in a folder whether it serves."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path

from typing_extensions import override

_LIMIT_SECONDS = 2.0


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("etcd", timeout=_LIMIT_SECONDS)
        self._path = path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_LIMIT_SECONDS)
        # A socket's path may have only 107 letters, a test's folder often has more: go by the open folder.
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def is_healthy(path: Path) -> bool:
    """Returns whether the etcd behind the socket says it is healthy."""
    connection = _SocketConnection(path)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK and b'"health":"true"' in answer.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
