"""The way to an API server in trouble, itself: what it opened is closed when it ends."""

import gc
import http.client
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from support.controlplane import ControlPlane
from support.flaky.api import Certificates, FlakyApi
from support.flaky.rig import Background

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
LONG_SECONDS = 60.0


@contextmanager
def a_server_that_says_no_farewell(keys: Certificates) -> Iterator[str]:
    """A server that answers one request and then leaves its connection as it is; gives its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.certificate, keys.key)
    ended = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as spoken:
            spoken.recv(65536)
            spoken.sendall(ANSWER)
            ended.wait(LONG_SECONDS)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(LONG_SECONDS)


def test_no_connection_to_the_server_outlives_a_way_that_was_closed(schema_plane: ControlPlane) -> None:
    # What is left of one is found by the collector during whichever test comes next, and that one fails.
    servers = schema_plane.server_certificates
    keys = Certificates(servers.server, servers.server_key, servers.ca)
    trust = ssl.create_default_context(cafile=str(keys.authority))
    with a_server_that_says_no_farewell(keys) as server, ExitStack() as undo:
        background = Background()
        undo.callback(background.close)
        way = FlakyApi("one", server=server, certificates=keys, record=[])
        background.run(way.open())
        asking = http.client.HTTPSConnection(way.url.removeprefix("https://"), timeout=10, context=trust)
        with closing(asking):
            asking.request("GET", "/version")
            assert asking.getresponse().read() == b"{}"

        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            background.run(way.close())
            undo.close()
            gc.collect()

    assert [str(one.message) for one in told] == []
