"""The three web applications on one port: /hub/, /lui/ and /trk/."""

import http.server
import json
import re
import socketserver
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.standin.app.database import DatabaseFailedError
from support.standin.app.identity import Identity
from support.standin.app.store import ConflictError, StoppedError, Store

VERSION = "11.1-3"
CLIENT_NAME = re.compile(r"[a-z0-9-]{1,32}")
LARGEST_BODY_BYTES = 65536
LARGEST_NUMBER = 99_999_999
PAGE = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body></html>\n"
LOGIN = "<form method='post'><input name='user'><input name='password' type='password'></form>"
TITLES = {
    "/lui": f"LISTSERV Maestro {VERSION}",
    "/hub": f"Administration Hub {VERSION}",
    "/trk": f"Maestro Tracker {VERSION}",
}
Answer = tuple[HTTPStatus, dict[str, Any]]


class ApplicationServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves each request in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, port: int, *, store: Store, identity: Identity, tables_good: bool) -> None:
        """Listen on every address; answer as this identity."""
        self.store = store
        self.identity = identity
        self.tables_good = tables_good
        super().__init__(("0.0.0.0", port), Handler)

    def server_bind(self) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Bind without the reverse look-up of the standard library, which waits for a dead name server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "maestro", self.server_address[1]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    server: ApplicationServer
    server_version = "Maestro"
    timeout = 5

    def do_GET(self) -> None:
        """Answer pages, the tracker's links, the count and the health."""
        url = urlsplit(self.path)
        match url.path:
            case "/" | "/lui" | "/hub" | "/trk":
                self._redirect(f"{url.path.rstrip('/') or '/lui'}/")
            case "/lui/" | "/hub/" | "/trk/":
                self._page(TITLES[url.path.rstrip("/")])
            case "/trk/click":
                self._click(parse_qs(url.query).get("ref", [""])[0])
            case "/lui/count":
                self._answer(self._count)
            case "/lui/health":
                self._answer(self._health)
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Answer /lui/record."""
        if urlsplit(self.path).path == "/lui/record":
            self._answer(self._record)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, template: str, *values: object) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Keep quiet: requests are counted by the records they leave."""

    def _record(self) -> Answer:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LARGEST_BODY_BYTES:
            raise ValueError(f"a body of 1 to {LARGEST_BODY_BYTES} bytes is needed")
        values = json.loads(self.rfile.read(length))
        client, number, payload = str(values["client"]), int(values["number"]), str(values["payload"])
        if not CLIENT_NAME.fullmatch(client) or not 0 < number <= LARGEST_NUMBER:
            raise ValueError(f"client must match {CLIENT_NAME.pattern}, number be 1 to {LARGEST_NUMBER}")
        return HTTPStatus.OK, asdict(self.server.store.record(client=client, number=number, payload=payload))

    def _count(self) -> Answer:
        return HTTPStatus.OK, {"count": self.server.store.count()}

    def _health(self) -> Answer:
        values = {
            "records": self.server.store.count(),
            "tables": self.server.tables_good,
            **asdict(self.server.identity),
        }
        good = self.server.tables_good
        return HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, values

    def _answer(self, make: Callable[[], Answer]) -> None:
        try:
            status, values = make()
        except (ValueError, KeyError, TypeError) as problem:
            status, values = HTTPStatus.BAD_REQUEST, {"problem": str(problem)}
        except ConflictError:
            status, values = HTTPStatus.CONFLICT, {"problem": "this number was recorded with another payload"}
        except StoppedError:
            status, values = HTTPStatus.SERVICE_UNAVAILABLE, {"problem": "stopping"}
        except (DatabaseFailedError, OSError) as problem:
            status, values = HTTPStatus.SERVICE_UNAVAILABLE, {"problem": str(problem)}
        self._send(status, content_type="application/json", body=json.dumps(values).encode() + b"\n")

    def _page(self, title: str) -> None:
        self._send(HTTPStatus.OK, content_type="text/html", body=PAGE.format(title=title, body=LOGIN).encode())

    def _click(self, reference: str) -> None:
        if reference:
            self._redirect(f"/lui/?clicked={re.sub('[^A-Za-z0-9]', '', reference)}")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _redirect(self, location: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: HTTPStatus, *, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
