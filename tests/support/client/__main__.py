"""Writes numbered records until it is told to stop: `python -m support.client --help`."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from support.client import clock
from support.client.attempt import AttemptFailedError, Target, send
from support.client.evidence import Evidence, next_number


def main(arguments: list[str]) -> int:
    """Write until SIGTERM: one number is tried until it is acknowledged, then the next."""
    options = _parser().parse_args(arguments)
    target = Target(url=options.url, dns_server=options.dns, dns_port=options.dns_port)
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    number = next_number(options.out)
    evidence = Evidence(options.out)
    try:
        while not stopping.is_set():
            if _attempt(target, evidence, client=options.name, number=number):
                number += 1
            stopping.wait(options.interval)
    finally:
        evidence.close()
    return 0


def _attempt(target: Target, evidence: Evidence, *, client: str, number: int) -> bool:
    started_ns = clock.monotonic_nanoseconds()
    try:
        evidence.append(send(target, client=client, number=number))
    except AttemptFailedError as failure:
        evidence.append(
            {
                "kind": "failure",
                "client": client,
                "number": number,
                "stage": failure.stage,
                "problem": failure.problem,
                "address": failure.address,
                "sent_ns": started_ns,
                "failed_ns": clock.monotonic_nanoseconds(),
            }
        )
        return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="support.client", description=__doc__)
    parser.add_argument("--name", required=True, help="the client's name, which every record carries")
    parser.add_argument("--url", required=True, help="http://PUBLIC-NAME/lui/record")
    parser.add_argument("--dns", required=True, help="the address of the name server that is asked each time")
    parser.add_argument("--dns-port", type=int, default=53)
    parser.add_argument("--out", required=True, type=Path, help="the JSON lines of acknowledgements and failures")
    parser.add_argument("--interval", type=float, default=0.05, metavar="SECONDS", help="the pause after each attempt")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
