"""`/livez`, `/readyz` and `/metrics`, served from a thread of their own.

A page of metrics takes time to render and must not cost a turn; a loop that hangs must not be able
to say that it is well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from typing_extensions import override

from maestro_operator.serving import REQUEST_SECONDS, BackgroundServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

OK, UNAVAILABLE, NOT_FOUND = 200, 503, 404

Check = tuple[bool, "Mapping[str, object]"]
"""Whether something is well, and its figures."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the pages come from; each is asked in a thread of the server's."""

    alive: Callable[[], Check]
    ready: Callable[[], Check]
    registry: CollectorRegistry


class HealthServer(BackgroundServer):
    """The pages, served until closed."""

    def __init__(self, answers: Answers, *, address: str, port: int) -> None:
        """Begin to serve.

        Raises:
            OSError: the address cannot be listened on.

        """
        super().__init__(_page(answers), name="health", address=address, port=port)


def _page(answers: Answers) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers one request."""

    class Page(BaseHTTPRequestHandler):
        """Answers one request."""

        timeout = REQUEST_SECONDS

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a probe every few seconds is no news."""

        def do_GET(self) -> None:
            """Answer one of the three pages."""
            if self.path == "/metrics":
                self._send(OK, generate_latest(answers.registry), CONTENT_TYPE_LATEST)
                return
            check = {"/livez": answers.alive, "/readyz": answers.ready}.get(self.path)
            if check is None:
                self._send(NOT_FOUND, b"{}\n", "application/json")
                return
            well, figures = check()
            body = json.dumps({"well": well, **figures}) + "\n"
            self._send(OK if well else UNAVAILABLE, body.encode(), "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Page
