"""The client: one request after the other, each to where it is told at that moment; a record of every one.

Arguments: the file to write, then the address, or `name@server` to ask a name server each time.
"""

import json
import socket
import sys
import time
from pathlib import Path

import dns.message
import dns.query

PORT = 8080
SECONDS = 0.5
PAUSE_SECONDS = 0.02


def main() -> None:
    """Ask until told to end."""
    path, where = sys.argv[1:]
    with Path(path).open("a", encoding="utf-8") as records:
        while True:
            began, by = time.monotonic_ns(), None
            try:
                by = _asked(where)
            except (OSError, dns.exception.DNSException):
                by = None
            record = {"began": began, "ended": time.monotonic_ns(), "by": by}
            records.write(json.dumps(record) + "\n")
            records.flush()
            time.sleep(PAUSE_SECONDS)  # noqa: TID251 - the pace of the load


def _asked(where: str) -> str | None:
    name, _, server = where.partition("@")
    address = name
    if server:
        query = dns.message.make_query(name, "A")
        answer = dns.query.udp(query, server, timeout=SECONDS)
        address = next(record.address for item in answer.answer for record in item)
    with socket.create_connection((address, PORT), timeout=SECONDS) as connection:
        connection.settimeout(SECONDS)
        return connection.recv(16).decode() or None


if __name__ == "__main__":
    main()
