"""The client: one request after the other, each to where it is told at that moment; a record of every one.

Arguments: the file to write, then what tells it where to go: an address; `name@server`, a name server to be asked each
time; or the path of a file (JSON: server, ca, certificate, key, path), an API server to be asked each time.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query

PORT = 8080
SECONDS = 0.5
PAUSE_SECONDS = 0.02


def main() -> None:
    """Ask until told to end."""
    path, where = sys.argv[1:]
    told = _told(where)
    with Path(path).open("a", encoding="utf-8") as records:
        while True:
            began, by = time.monotonic_ns(), None
            try:
                by = _served_by(told())
            except (OSError, dns.exception.DNSException, http.client.HTTPException):
                by = None
            record = {"began": began, "ended": time.monotonic_ns(), "by": by}
            records.write(json.dumps(record) + "\n")
            records.flush()
            time.sleep(PAUSE_SECONDS)  # noqa: TID251 - the pace of the load


def _served_by(address: str | None) -> str | None:
    if address is None:
        return None
    with socket.create_connection((address, PORT), timeout=SECONDS) as connection:
        connection.settimeout(SECONDS)
        return connection.recv(16).decode() or None


def _told(where: str) -> Callable[[], str | None]:
    """Return what says where to go."""
    if where.startswith(os.sep):
        return _ApiServer(Path(where)).told
    name, _, server = where.partition("@")
    return (lambda: _resolved(name, server)) if server else lambda: name


def _resolved(name: str, server: str) -> str | None:
    answer = dns.query.udp(dns.message.make_query(name, "A"), server, timeout=SECONDS)
    return next((record.address for item in answer.answer for record in item), None)


class _ApiServer:
    """Asks for an object as a proxy in the cluster would, over one connection as long as it lasts."""

    def __init__(self, file: Path) -> None:
        self._config = json.loads(file.read_text())
        self._trust = ssl.create_default_context(cafile=self._config["ca"])
        self._trust.load_cert_chain(self._config["certificate"], self._config["key"])
        self._connection: http.client.HTTPSConnection | None = None

    def told(self) -> str | None:
        """Return the first address that the object names."""
        try:
            return next(_addresses(self._asked()), None)
        except (OSError, http.client.HTTPException):
            self._connection = None
            raise

    def _asked(self) -> object:
        if self._connection is None:
            host, _, port = self._config["server"].removeprefix("https://").partition(":")
            self._connection = http.client.HTTPSConnection(host, int(port), timeout=SECONDS, context=self._trust)
        self._connection.request("GET", self._config["path"])
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"{answer.status} {body.decode(errors='replace')}")
        return json.loads(body)


def _addresses(value: object) -> Iterator[str]:
    """Give what stands under `addresses` of an EndpointSlice, or under `targets` of a DNSEndpoint."""
    if isinstance(value, list):
        for item in value:
            yield from _addresses(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("addresses", "targets"):
                yield from item
            elif key != "metadata":
                yield from _addresses(item)


if __name__ == "__main__":
    main()
