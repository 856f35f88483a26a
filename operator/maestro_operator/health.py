"""`/livez`, `/readyz` and `/metrics`, served from a thread of their own.

A page of metrics takes time to render and must not cost a turn; a loop that hangs must not be able
to say that it is well.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from prometheus_client import generate_latest
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

OK, UNAVAILABLE, NOT_FOUND = 200, 503, 404


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the pages come from: each check says whether it is well, with its figures."""

    alive: Callable[[], tuple[bool, Mapping[str, object]]]
    ready: Callable[[], tuple[bool, Mapping[str, object]]]
    registry: CollectorRegistry


def serve(answers: Answers, *, address: str, port: int) -> ThreadingHTTPServer:
    """Start serving and return the server; its `server_port` is the port it got.

    Raises:
        OSError: the address cannot be listened on.
    """

    class Page(BaseHTTPRequestHandler):
        """Answers one request."""

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a probe every few seconds is no news."""

        def do_GET(self) -> None:  # noqa: N802 - the name the library calls
            """Answer one of the three pages."""
            if self.path == "/metrics":
                self._send(OK, generate_latest(answers.registry), "text/plain; version=0.0.4")
                return
            check = {"/livez": answers.alive, "/readyz": answers.ready}.get(self.path)
            if check is None:
                self._send(NOT_FOUND, b"{}", "application/json")
                return
            well, figures = check()
            self._send(OK if well else UNAVAILABLE, json.dumps(figures).encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer((address, port), Page)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
