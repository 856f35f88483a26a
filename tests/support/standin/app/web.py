"""The three web applications on one port: /hub/, /lui/ and /trk/."""

import http.server
import json
import re
import secrets
import socketserver
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.standin.app.database import DatabaseFailedError
from support.standin.app.identity import Identity
from support.standin.app.mailing import Mailing
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

    def __init__(
        self, port: int, *, store: Store, identity: Identity, tables_good: bool, mailing: Mailing | None = None
    ) -> None:
        """Listen on every address; answer as this identity."""
        self.mailing = mailing
        self.sessions: set[str] = set()
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
            case "/lui/desk":
                self._desk()
            case "/lui/externalAction.do":
                self._trigger(parse_qs(url.query).get("token", [""])[0])
            case "/lui/count":
                self._answer(self._count)
            case "/lui/health":
                self._answer(self._health)
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Answer /lui/record and the login form."""
        match urlsplit(self.path).path:
            case "/lui/record":
                self._answer(self._record)
            case "/lui/login":
                self._login()
            case _:
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

    def _has_fault(self, name: str) -> bool:
        return self.server.mailing is not None and self.server.mailing.has_fault(name)

    def _page(self, title: str) -> None:
        title = "It works!" if self._has_fault("vhost") else title
        self._send(HTTPStatus.OK, content_type="text/html", body=PAGE.format(title=title, body=LOGIN).encode())

    def _click(self, reference: str) -> None:
        if self._has_fault("tracker"):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        elif reference:
            self._redirect(f"/lui/?clicked={re.sub('[^A-Za-z0-9]', '', reference)}")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _login(self) -> None:
        """Give a session to the user of the settings; anybody else comes back to the form."""
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(length).decode()) if 0 < length <= LARGEST_BODY_BYTES else {}
        given = form.get("user", [""])[0], form.get("password", [""])[0]
        mailing = self.server.mailing
        if mailing is None or given != (mailing.user, mailing.password):
            self._redirect("/lui/?problem=login")
            return
        session = secrets.token_hex(16)
        self.server.sessions.add(session)
        self._redirect("/lui/desk", cookie=f"JSESSIONID={session}; Path=/lui; HttpOnly")

    def _desk(self) -> None:
        """Show who is logged in his desk."""
        _, _, session = self.headers.get("Cookie", "").partition("JSESSIONID=")
        if session.partition(";")[0] in self.server.sessions:
            self._send(HTTPStatus.OK, content_type="text/html", body=PAGE.format(title="Mail Jobs", body="").encode())
        else:
            self._redirect("/lui/")

    def _trigger(self, token: str) -> None:
        mailing = self.server.mailing
        if mailing is None or token != mailing.token:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        try:
            mailing.deliver()
        except OSError as problem:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, str(problem))
            return
        self._send(HTTPStatus.OK, content_type="text/html", body=b"accepted\n")

    def _redirect(self, location: str, *, cookie: str = "") -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", location)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status: HTTPStatus, *, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
