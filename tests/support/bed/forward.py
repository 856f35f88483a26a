"""A TCP forward from the host's loopback into the bed, without any rule or route.

The caller listens in the host's namespace and hands the socket over; the holder accepts on it and connects from its
own namespace, because a socket stays in the one where it was made.
"""

import contextlib
import socket
import threading

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 65536


def serve(listening: socket.socket, *, address: str, port: int) -> None:
    """Forwards each connection in threads of its own, for as long as the holder lives."""
    threading.Thread(target=_accept, args=(listening, address, port), daemon=True).start()


def _accept(listening: socket.socket, address: str, port: int) -> None:
    while True:
        client, _ = listening.accept()
        threading.Thread(target=_join, args=(client, address, port), daemon=True).start()


def _join(client: socket.socket, address: str, port: int) -> None:
    try:
        server = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
    except OSError:
        client.close()
        return
    server.settimeout(None)
    with client, server:
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
