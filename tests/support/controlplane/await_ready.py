"""Waits until an API server says it is ready.

A program of its own, standard library only, because it runs where the server does: maybe inside a network namespace.
Usage: await_ready.py HOST PORT CA CERTIFICATE KEY SECONDS PID, where PID is the server's: when it ends, the wait does.
Exits 0 when ready, else 1 with the last reason on stderr.
"""

from __future__ import annotations

import http.client
import ssl
import sys
import threading
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Asks `/readyz` every 50 ms until it answers 200, the server ends or the time is over."""
    host, port, ca, certificate, key, seconds, pid = arguments
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    moment = threading.Event()
    deadline = time.monotonic() + float(seconds)
    reason = "never asked"
    while time.monotonic() < deadline:
        connection = http.client.HTTPSConnection(host, int(port), timeout=2.0, context=context)
        try:
            connection.request("GET", "/readyz?verbose")
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
            if answer.status == http.HTTPStatus.OK:
                return 0
            failed = [line for line in body.splitlines() if line.startswith("[-]")]
            reason = f"{answer.status}: {'; '.join(failed) or body[:200]}"
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)
        finally:
            connection.close()
        if not _is_running(pid):
            reason = "the server has ended"
            break
        moment.wait(0.05)
    sys.stderr.write(reason + "\n")
    return 1


def _is_running(pid: str) -> bool:
    """Says whether the process is there and is not just waiting to be reaped."""
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
