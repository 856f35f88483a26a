"""The service of the comparison: keeps the numbers it is asked to keep, and says over HTTP which node it runs on.

Arguments: side, node, port, folder of its data; then, where the side has no replication of its own, where copies go
and the seconds between two of them. It copies once more when it is told to stop.

Beside its data it writes a tick for each twentieth of a second in which it ran, to a file that is never copied: where
the ticks of two nodes overlap, two services ran at once.
"""

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

TICK_SECONDS = 0.05
TICKS = Path("/srv/hello-ticks")
ONE_AT_A_TIME = threading.Lock()
"""An older copy that ends later would take away what a newer one brought."""
COPY = ("rsync", "--archive", "--contimeout=1", "--timeout=2")


def tick(path: Path) -> None:
    """Write for ever that this runs now."""
    with path.open("ab", buffering=0) as ticks:
        while True:
            ticks.write(b"%d\n" % time.monotonic_ns())
            time.sleep(TICK_SECONDS)  # noqa: TID251 - the pace of the ticks


def copy(folder: Path, destination: str) -> None:
    """Send the data to the other node once; where that does not answer, the next time will do."""
    with ONE_AT_A_TIME:
        subprocess.run((*COPY, f"{folder}/", destination), check=False, stderr=subprocess.DEVNULL)


def copy_for_ever(folder: Path, destination: str, seconds: float) -> None:
    """Send the data to the other node again and again."""
    while True:
        time.sleep(seconds)  # noqa: TID251 - the pace of the copies
        copy(folder, destination)


def answer(connection: socket.socket, folder: Path, node: str) -> None:
    """Keep the number of a request, if it has one, and then say who did."""
    connection.settimeout(0.2)
    number = connection.recv(1024).partition(b"/")[2].partition(b" ")[0]
    if number.isdigit():
        with (folder / "records").open("ab", buffering=0) as records:
            records.write(number + b"\n")
    connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(node)}\r\n\r\n{node}".encode())


def stop(*_: object) -> NoReturn:
    """End in order."""
    raise SystemExit(0)


def serve(port: int, folder: Path, node: str) -> None:
    """Answer until told to stop."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("", port))
        listening.listen(128)
        while True:
            connection, _ = listening.accept()
            with connection:
                try:
                    answer(connection, folder, node)
                except OSError:
                    # A client that went away.
                    continue


def main(side: str, node: str, port: str, *rest: str) -> None:
    """Serve, tick and copy; after the end of the service copy what came last."""
    folder, (destination, seconds) = Path(rest[0]), rest[1:] or ("", "0")
    signal.signal(signal.SIGTERM, stop)
    TICKS.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    threading.Thread(target=tick, args=(TICKS / side,), daemon=True).start()
    if destination:
        threading.Thread(target=copy_for_ever, args=(folder, destination, float(seconds)), daemon=True).start()
    try:
        serve(int(port), folder, node)
    finally:
        if destination:
            copy(folder, destination)


if __name__ == "__main__":
    main(*sys.argv[1:])
