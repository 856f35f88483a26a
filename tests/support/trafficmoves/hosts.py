"""The hosts that traffic is moved between: two sides that answer, a gateway, clients near and far."""

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from support.segment import Segment

A, B, PUBLIC, NAMES, API = "192.0.2.1", "192.0.2.2", "198.51.100.80", "192.0.2.53", "192.0.2.60"
ADDRESSES = {
    "a": (f"{A}/24", "2001:db8::1/64"),
    "b": (f"{B}/24", "2001:db8::2/64"),
    "names": (f"{NAMES}/24",),
    "api": (f"{API}/24",),
    "gateway": ("192.0.2.254/24", "198.51.100.1/24", f"{PUBLIC}/32"),
    "near": ("192.0.2.9/24", "2001:db8::9/64"),
    "far": ("198.51.100.9/24",),
}
END_SECONDS = 10


@contextlib.asynccontextmanager
async def routed(hosts: Segment) -> AsyncIterator[None]:
    """Let the gateway forward, and both sides answer."""
    hosts.hosts["gateway"].run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
    for name, via in (("a", "192.0.2.254"), ("b", "192.0.2.254"), ("far", "198.51.100.1")):
        hosts.hosts[name].run("ip", "route", "add", "default", "via", via)
    sides = [spawned(hosts, name, "server", name) for name in ("a", "b")]
    try:
        yield
    finally:
        for side in sides:
            ended(side)


def spawned(hosts: Segment, host: str, module: str, *words: str) -> "subprocess.Popen[bytes]":
    """Run one of the modules here on a host."""
    return run(hosts, host, sys.executable, "-m", f"support.trafficmoves.{module}", *words)


def run(hosts: Segment, host: str, *command: str, log: Path | None = None) -> "subprocess.Popen[bytes]":
    """Run a program on a host."""
    with (log or Path("/dev/null")).open("ab") as output:
        words = (*entering(hosts, host), *command)
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def entering(hosts: Segment, host: str) -> tuple[str, ...]:
    """Return what to put before a command so that it runs on a host."""
    return ("nsenter", f"--net=/run/netns/{hosts.hosts[host].namespace}", "--")


def ended(process: "subprocess.Popen[bytes]") -> None:
    """End a program."""
    process.kill()
    process.wait(timeout=END_SECONDS)
