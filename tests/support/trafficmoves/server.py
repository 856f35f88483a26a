"""One side: says its name to whoever connects, at any of its addresses. Its name is the argument."""

import socket
import sys

PORT = 8080


def main() -> None:
    """Answer for ever."""
    with socket.create_server(("", PORT), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(sys.argv[1].encode())


if __name__ == "__main__":
    main()
