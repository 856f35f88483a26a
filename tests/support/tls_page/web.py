"""A page over TLS on a node: `web.py CERTIFICATE PORT`. Needs the standard library alone, and runs beside the pair."""

import http.server
import ssl
import sys


class Page(http.server.BaseHTTPRequestHandler):
    """Answers everything with one word."""

    timeout = 5

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"LISTSERV Maestro\n")

    def log_message(self, template: str, *values: object) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Keep quiet."""


if __name__ == "__main__":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[2])), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()
