"""Mailings: a job that waits for its trigger, the bounces that come back, and LISTSERV's command port.

Settings come from a JSON file, read again at each use, so that a test can plant a fault while it runs.
"""

import json
import secrets
import smtplib
import socketserver
import struct
import threading
from email.message import EmailMessage
from pathlib import Path

from support.standin.app import clock

TALK_SECONDS = 5
REPLY = "You're welcome!"


class Mailing:
    """One job with a test mailing."""

    def __init__(self, settings: Path) -> None:
        """Read the settings from this file."""
        self._settings = settings

    def setting(self, name: str) -> str:
        """Return one setting as it is now; none is empty."""
        return str(json.loads(self._settings.read_text()).get(name, ""))

    def has_fault(self, name: str) -> bool:
        """Tell whether a fault of that name is planted."""
        return name in self.setting("faults").split()

    @property
    def user(self) -> str:
        """Who may log in."""
        return self.setting("user")

    @property
    def password(self) -> str:
        """With what."""
        return self.setting("password")

    @property
    def token(self) -> str:
        """The job's security token."""
        return self.setting("token")

    def deliver(self) -> None:
        """Hand the mailing to the relay, once for each recipient, with a link of its own."""
        host, _, port = self.setting("relay").partition(":")
        sender, name = self.setting("sender"), self.setting("public_name")
        with smtplib.SMTP(host, int(port), timeout=TALK_SECONDS) as relay:
            for recipient in self.setting("recipients").split():
                message = EmailMessage()
                message["From"], message["To"], message["Subject"] = sender, recipient, self.setting("subject")
                link = f"http://{name}/trk/click?ref={secrets.token_hex(4)}&"
                message.set_content(f"Dear reader,\n\nplease look at {link}\n")
                relay.send_message(message, from_addr=sender, to_addrs=[recipient])

    def record_bounce(self, recipient: str) -> None:
        """Append the record of one bounce to the job's changelog."""
        path = Path(self.setting("changelog"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as changelog:
            changelog.write(f"{clock.local_now():%Y%m%d%H%M%S} BOUNCE {recipient}\n")


class BounceServer(socketserver.ThreadingTCPServer):
    """Takes mail for the bounce address, as the product's mail listener does."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, mailing: Mailing) -> None:
        """Listen on every address."""
        self.mailing = mailing
        super().__init__(("0.0.0.0", port), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    server: BounceServer
    timeout = TALK_SECONDS

    def handle(self) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Talk SMTP up to the first message or QUIT."""
        self._say("220 listserv")
        while line := self.rfile.readline(1024).decode("latin-1").strip():
            verb = line[:4].upper()
            if verb == "DATA":
                self._say("354 go on")
                self._take()
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 listserv")

    def _take(self) -> None:
        failed = set()
        while (line := self.rfile.readline(4096).decode("latin-1").rstrip("\r\n")) != ".":
            key, _, value = line.partition(":")
            if key.lower() == "final-recipient":
                failed.add(value.partition(";")[2].strip())
        for recipient in sorted(failed):
            self.server.mailing.record_bounce(recipient)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class CommandServer(socketserver.ThreadingTCPServer):
    """LISTSERV's TCPGUI: it gives thanks, and refuses every other command."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, mailing: Mailing) -> None:
        """Listen on every address."""
        self.mailing = mailing
        super().__init__(("0.0.0.0", port), _Tcpgui)


class _Tcpgui(socketserver.StreamRequestHandler):
    server: CommandServer
    timeout = TALK_SECONDS

    def handle(self) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Answer one command."""
        if self.rfile.readline(16) != b"1B\r\n" or self.server.mailing.has_fault("listserv"):
            return
        size, origin = struct.unpack(">HB", self.rfile.read(3))
        self.rfile.read(origin)
        self.wfile.write(b"250 OK\r\n")
        command = self.rfile.read(size - origin - 1).decode("latin-1")
        is_known = command.split()[:1] == ["THANKS"]
        text = (REPLY if is_known else "Unknown command").encode()
        self.wfile.write(struct.pack(">II", 0 if is_known else 8, len(text)) + text)


def serve_in_background(*servers: socketserver.BaseServer) -> None:
    """Serve each in a thread that ends with the program."""
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
