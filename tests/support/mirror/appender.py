"""The service on the mirror: appends each line that it is sent to a file, syncs it, and only then answers.

Runs on the nodes by their own Python. Its one argument `early` plants a service that answers before it syncs.
"""

import os
import socketserver
import sys

PATH = "/srv/maestro/written"
PORT = 7000


class Appending(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:  # type: ignore[explicit-override] # the node's Python has nothing to say it with
        """Answer each line once it is on the disk."""
        is_early = sys.argv[1:] == ["early"]
        for line in self.rfile:
            handle = os.open(PATH, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(handle, line)
                if not is_early:
                    os.fsync(handle)
            finally:
                os.close(handle)
            self.wfile.write(b"ok " + line)


class Server(socketserver.ThreadingTCPServer):
    """All clients."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("", PORT), Appending).serve_forever()
