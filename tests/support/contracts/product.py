"""A small product that replicates itself, run on the nodes: lines in one file, streamed to a standby that asks.

It shows on which side it is by a file, as databases do. Stopped in order it first waits for its standby to have it all.
"""

import json
import os
import signal
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

DATA = Path(os.environ.get("MAESTRO_DATA", "/srv/maestro"))
RECORDS = DATA / "files" / "records"
STANDBY = DATA / "standby"
SYSTEM = DATA / "system"
CONFIGURATION = Path("/etc/maestro-guard/config")
PORT = 5432
PID = Path("/run/contract-product.pid")
DRAIN_SECONDS = 5.0
NEVER = threading.Event()
"""Nobody sets it: to wait for it is to let others work."""


def configured_peer() -> str:
    """Returns the other node's address as the guard has it; nothing before it is there."""
    lines = CONFIGURATION.read_text().splitlines() if CONFIGURATION.exists() else []
    return next((line.partition("=")[2] for line in lines if line.startswith("peer_address=")), "")


def size() -> int:
    """Returns how far these data go."""
    return RECORDS.stat().st_size if RECORDS.exists() else 0


class Stream(socketserver.StreamRequestHandler):
    """Answers `HAVE n` with the owner's system and position, and what is beyond n."""

    confirmed = -1

    def handle(self) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Serves one standby until it goes."""
        for line in self.rfile:
            have = int(line.split()[1])
            Stream.confirmed = have
            content = RECORDS.read_bytes()
            self.wfile.write(f"{SYSTEM.read_text().strip()} {len(content)}\n".encode() + content[have:])
            self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    """Listens where services do."""

    allow_reuse_address = True
    daemon_threads = True


def serve() -> None:
    """Runs the owner."""
    if STANDBY.exists():
        sys.exit("the data are a standby's")
    PID.write_text(str(os.getpid()))
    os.chdir(DATA)
    server = Server(("", PORT), Stream)
    ends = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ends.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ends.wait()
    until = time.monotonic() + DRAIN_SECONDS
    while 0 <= Stream.confirmed < size() and time.monotonic() < until:
        NEVER.wait(0.02)
    PID.unlink(missing_ok=True)


def pull(peer: str, have: int) -> tuple[str, int, bytes]:
    """Asks the owner once for what is beyond."""
    with socket.create_connection((peer, PORT), timeout=2) as there:
        there.sendall(f"HAVE {have}\n".encode())
        stream = there.makefile("rb")
        head = stream.readline().decode()
        if not head.endswith("\n"):
            raise ConnectionError("the owner went before it had answered")
        system, position = head.split()
        return system, int(position), stream.read(int(position) - have) if int(position) > have else b""


def follow(peer: str) -> None:
    """Runs the standby."""
    if not STANDBY.exists():
        sys.exit("the data are no standby's")
    PID.write_text(str(os.getpid()))
    os.chdir(DATA)
    ends = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ends.set())
    while not ends.is_set():
        try:
            _, _, more = pull(peer, size())
        except OSError:
            more = b""
        if more:
            with RECORDS.open("ab") as file:
                file.write(more)
                file.flush()
                os.fsync(file.fileno())
        else:
            ends.wait(0.05)
    PID.unlink(missing_ok=True)


def status() -> dict[str, object]:
    """Says what the data are."""
    running = PID.exists() and Path(f"/proc/{PID.read_text()}").exists()
    role = "standby" if STANDBY.exists() else "primary"
    return {"role": role, "running": running, "system": SYSTEM.read_text().strip(), "position": size()}


def lag(peer: str) -> dict[str, object]:
    """Waits until the standby has what the owner has now."""
    system, position, _ = pull(peer, 0)
    until = time.monotonic() + 5
    while size() < position and time.monotonic() < until:
        NEVER.wait(0.02)
    have = size()
    caught = have >= position
    return {"caughtUp": caught, "system": system, "position": have, "behindBytes": max(0, position - have)}


def promote() -> dict[str, object]:
    """Lets a standby's data be an owner's."""
    STANDBY.unlink()
    return {"promoted": True}


def demote(peer: str) -> dict[str, object]:
    """Makes what is there, or a first copy, a standby's."""
    if not RECORDS.exists():
        system, _, content = pull(peer, 0)
        RECORDS.parent.mkdir(parents=True, exist_ok=True)
        SYSTEM.write_text(system)
        RECORDS.write_bytes(content)
    STANDBY.touch()
    return {"demoted": True}


if __name__ == "__main__":
    verb, other = sys.argv[1], os.environ.get("MAESTRO_PEER_ADDRESS") or configured_peer()
    if verb in ("serve", "follow"):
        serve() if verb == "serve" else follow(other)
    else:
        alone, together = {"status": status, "promote": promote}, {"lag": lag, "demote": demote}
        print(json.dumps(alone[verb]() if verb in alone else together[verb](other)))
