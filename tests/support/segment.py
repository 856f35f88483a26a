"""Hosts on one segment, each a network namespace with a sudo of its own: real addresses, neighbours and packet filters.

Every host is reached by a real SSH server on the loopback, whose commands run in that host's namespace.
"""

import contextlib
import dataclasses
import subprocess
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.status import FrozenNode
from support.loopback_ssh import LoopbackSsh, loopback_ssh

SUDO = """#!/bin/sh
[ "$1" = -n ] && shift
exec nsenter --net=/run/netns/{name} -- "$@"
"""
BRIDGE = "sw0"
SECRET = "node-ssh"


@dataclasses.dataclass
class Host:
    """One host and the way in."""

    name: str
    namespace: str
    address: str
    server: LoopbackSsh

    @property
    def ssh(self) -> Ssh:
        """How the operator reaches it."""
        reference = SecretReference(name=f"{self.name}-ssh")
        return Ssh(host="127.0.0.1", port=self.server.port, host_key=self.server.host_key, credentials_secret=reference)

    @property
    def node(self) -> FrozenNode:
        """The host as a node of a pair."""
        return FrozenNode(name=self.name, address=self.address, ssh=self.ssh)

    def run(self, *command: str, stdin: str = "") -> str:
        """Runs a command there that must succeed."""
        return inside(self.namespace, *command, stdin=stdin)


@dataclasses.dataclass
class Segment:
    """All of them."""

    hosts: Mapping[str, Host]
    prefix: str

    async def secrets(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        """Returns the key of the host whose Secret it is."""
        return {"ssh-privatekey": self.hosts[name.removesuffix("-ssh")].server.private_key}

    def cable(self, host: str, state: str) -> None:
        """Pulls a host's cable (down), or plugs it in (up)."""
        inside(f"{self.prefix}sw", "ip", "link", "set", f"to-{host}", state)


def inside(namespace: str, *command: str, stdin: str = "") -> str:
    """Runs a command in a network namespace and returns what it printed."""
    enter = ("nsenter", f"--net=/run/netns/{namespace}", "--")
    done = subprocess.run((*enter, *command), check=False, input=stdin, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done.stdout


@contextlib.asynccontextmanager
async def segment(folder: Path, addresses: Mapping[str, tuple[str, ...]]) -> AsyncIterator[Segment]:
    """Makes a switch with these hosts and their addresses, and takes it all away at the end."""
    prefix = f"seg{folder.stat().st_ino % 100_000}"
    names = [f"{prefix}sw", *(f"{prefix}{name}" for name in addresses)]
    hosts: dict[str, Host] = {}
    async with contextlib.AsyncExitStack() as stack:
        for name in names:
            subprocess.run(("ip", "netns", "add", name), check=True, timeout=10)
            stack.callback(subprocess.run, ("ip", "netns", "delete", name), check=False, timeout=10)
            inside(name, "ip", "link", "set", "lo", "up")
        switch = names[0]
        inside(switch, "ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0", "stp_state", "0")
        inside(switch, "ip", "link", "set", BRIDGE, "up")
        for name, own in addresses.items():
            there = f"{prefix}{name}"
            make = ("ip", "link", "add", "name", f"to-{name}", "type", "veth", "peer", "name", "lan", "netns", there)
            inside(switch, *make)
            inside(switch, "ip", "link", "set", f"to-{name}", "master", BRIDGE, "up")
            for address in own:
                nodad = ("nodad",) if ":" in address else ()
                inside(there, "ip", "address", "add", address, "dev", "lan", *nodad)
            inside(there, "ip", "link", "set", "lan", "up")
            server = await stack.enter_async_context(loopback_ssh(folder / name))
            (folder / name / "sudo").write_text(SUDO.format(name=there))
            hosts[name] = Host(name, there, own[0].partition("/")[0], server)
        yield Segment(hosts, prefix)
