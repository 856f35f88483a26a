"""Knocks at TCP ports again and again and writes down every answer: `python -m support.client.knock --help`.

A refused connection is an answer of the machine, an accepted one an answer of a service.
"""

import argparse
import contextlib
import json
import signal
import socket
import sys
import threading
from pathlib import Path

from support.client import clock

KNOCK_SECONDS = 0.5


def main(arguments: list[str]) -> int:
    """Knock until SIGTERM."""
    options = _parser().parse_args(arguments)
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    with options.out.open("a") as out:
        while not stopping.is_set():
            for port in options.ports:
                line = {"address": options.address, "port": port, "answer": _knock(options.address, port)}
                out.write(json.dumps({**line, "monotonic_ns": clock.monotonic_nanoseconds()}) + "\n")
            out.flush()
            stopping.wait(options.interval)
    return 0


def _knock(address: str, port: int) -> str:
    try:
        with contextlib.closing(socket.create_connection((address, port), timeout=KNOCK_SECONDS)):
            return "accepted"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "silent"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="support.client.knock", description=__doc__)
    parser.add_argument("address")
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--interval", type=float, default=0.1, metavar="SECONDS")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
