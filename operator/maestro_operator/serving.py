"""A small HTTP server in threads of its own, for pages that must not cost a turn."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

POLL_SECONDS = 0.1
REQUEST_SECONDS = 10.0
"""Nobody may keep a thread by sending nothing: the time-out of every handler."""


class BackgroundServer:
    """Pages, served until closed."""

    def __init__(self, handler: Callable[..., BaseHTTPRequestHandler], *, name: str, address: str, port: int) -> None:
        """Begin to serve.

        Raises:
            OSError: the address cannot be listened on.

        """
        self._server = ThreadingHTTPServer((address, port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), name=name, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stop serving and let the port go."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
