"""Prints a free TCP port of an address.

A program of its own, standard library only, because it runs where the server will: maybe inside a network namespace.
The port lies below the range that outgoing connections take theirs from, so nobody takes it while the server is down.
Usage: free_port.py ADDRESS
"""

from __future__ import annotations

import random
import socket
import sys

_FIRST, _LAST, _TRIES = 20000, 32767, 200


def main(address: str) -> int:
    """Tries random ports until one can be bound."""
    reason = ""
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                reason = str(error)
                continue
        sys.stdout.write(f"{port}\n")
        return 0
    sys.stderr.write(f"no free port on {address}: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
