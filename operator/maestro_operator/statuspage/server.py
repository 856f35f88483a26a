"""Serves the status page from threads of its own: four files and what is on the board, to nobody's harm.

Only GET and HEAD are answered, nothing is kept of who asked, and nothing is loaded from anywhere else. Where it
listens on the machine's own address alone, a name that a stranger's page brought here is refused: a browser may be led
to this address by any name.
"""

from __future__ import annotations

import hashlib
from functools import partial
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.serving import REQUEST_SECONDS, BackgroundServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.statuspage.board import Board

OK, NOT_MODIFIED, FORBIDDEN, NOT_FOUND = 200, 304, 403, 404
KINDS = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
GUARDED = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""What every answer says to the browser."""
OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class StatusPage(BackgroundServer):
    """The page, served until closed."""

    def __init__(self, board: Board, *, address: str, port: int) -> None:
        """Begin to serve.

        Raises:
            OSError: the address cannot be listened on.

        """
        site = files("maestro_operator.statuspage") / "site"
        answers = {f"/{name}": (kind, (site / name).read_bytes()) for name, kind in KINDS.items()}
        answers["/"] = answers["/index.html"]
        names = OWN_NAMES if is_own(address) else None
        super().__init__(partial(Page, board, answers, names), name="status page", address=address, port=port)


def is_own(address: str) -> bool:
    """Tell whether an address is reached from its own machine, or its own pod, alone."""
    return address == "localhost" or ip_address(address).is_loopback


def name_asked(host: str) -> str:
    """Return the name in a Host header, without its port."""
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() else host


class Page(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = REQUEST_SECONDS
    server_version = "maestro-operator"
    sys_version = ""

    def __init__(
        self,
        board: Board,
        answers: Mapping[str, tuple[str, bytes]],
        names: frozenset[str] | None,
        /,
        *connection: Any,  # noqa: ANN401 - what the base class is made of
    ) -> None:
        """Answer at once: the base class does all of its work while it is made. Without names every name is good."""
        self._board, self._answers, self._names = board, answers, names
        super().__init__(*connection)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: who looks at the page is nobody's news."""

    def do_GET(self) -> None:
        """Answer with one of the files, or with the board."""
        if self._names is not None and name_asked(self.headers.get("Host", "")) not in self._names:
            self._send(FORBIDDEN, "text/plain", b"ask for localhost\n")
        elif self.path == "/pairs.json":
            self._send(OK, "application/json", self._board.page())
        elif self.path in self._answers:
            self._send(OK, *self._answers[self.path])
        else:
            self._send(NOT_FOUND, "text/plain", b"")

    def do_HEAD(self) -> None:
        """Answer as to GET, without the content."""
        self.do_GET()

    def _send(self, status: int, kind: str, body: bytes) -> None:
        mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if status == OK and self.headers.get("If-None-Match") == mark:
            status, body = NOT_MODIFIED, b""
        self.send_response(status)
        for name, value in GUARDED.items():
            self.send_header(name, value)
        self.send_header("ETag", mark)
        if status != NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
