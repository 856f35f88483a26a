"""The bed's switch: a bridge in a network namespace of the bed's own, whose ports can be cut.

A cut drops every frame, ARP included, by nftables rules on the port's name. The rules outlive a power cycle, as a
pulled cable does.
"""

import contextlib
import subprocess

from support.bed import layout
from support.bed.description import Direction

RULES = """
table bridge cuts {
  set senders { type ifname; }
  set receivers { type ifname; }
  set ways { type ipv4_addr . ipv4_addr; }
  set doors { type ipv4_addr . ipv4_addr . inet_service; }
  chain from_ports {
    type filter hook prerouting priority -300;
    iifname @senders drop;
    ip saddr . ip daddr @ways drop;
    ip saddr . ip daddr . tcp dport @doors drop;
  }
  chain from_bed {
    type filter hook output priority -300;
    ip saddr . ip daddr @ways drop;
    ip saddr . ip daddr . tcp dport @doors drop;
  }
  chain to_ports { type filter hook postrouting priority 300; oifname @receivers drop; }
}
"""


def port_of(node: str) -> str:
    """Returns the name that systemd-nspawn gives to the switch's end of a node's cable."""
    return f"vb-node-{node}"


def make_far_switch() -> None:
    """Creates the bridge of the site behind the router; the bed itself reaches it by the router alone."""
    _add_bridge(layout.FAR_BRIDGE)
    _run("ip", "link", "set", layout.FAR_BRIDGE, "up")
    _run("ip", "route", "add", layout.FAR_NETWORK, "via", layout.ROUTER_ADDRESS)


def far_cable() -> str:
    """Returns the name of the switch's end of the router's second cable."""
    return "vb-far"


def plug_in_far_cable() -> None:
    """Plugs the router's second cable into the site's switch; systemd-nspawn plugs in only the first."""
    _run("ip", "link", "set", far_cable(), "master", layout.FAR_BRIDGE)
    _run("ip", "link", "set", far_cable(), "up")


def console_of(node: str) -> str:
    """Returns the name of our end of the console wire of a User Mode Linux node; no cut reaches it."""
    return f"console-{node}"


def make_switch() -> None:
    """Creates the bridge with the bed's own addresses."""
    _run("ip", "link", "set", "lo", "up")
    _add_bridge(layout.BRIDGE)
    for address in (layout.BED_ADDRESS, layout.NAMESERVER_ADDRESS):
        _run("ip", "address", "add", f"{address}/{layout.PREFIX_LENGTH}", "dev", layout.BRIDGE)
    _run("ip", "link", "set", layout.BRIDGE, "up")
    _nft(RULES)


def cut(node: str, direction: Direction) -> None:
    """Drops what passes the node's port in this direction, from now on."""
    for name in _sets(direction):
        _nft(f'add element bridge cuts {name} {{ "{port_of(node)}" }}')


def heal(node: str) -> None:
    """Lets everything pass again."""
    for name in _sets("both"):
        # Adding first makes deleting valid whether or not the port was cut.
        port = port_of(node)
        _nft(f'add element bridge cuts {name} {{ "{port}" }}\ndelete element bridge cuts {name} {{ "{port}" }}')


def part(source: str, destination: str, *, port: int | None = None) -> None:
    """Drops what one address sends to another, or only its TCP to one port; the way back stays open."""
    if port is None:
        _nft(f"add element bridge cuts ways {{ {source} . {destination} }}")
    else:
        _nft(f"add element bridge cuts doors {{ {source} . {destination} . {port} }}")


def join() -> None:
    """Ends every `part`."""
    _nft("flush set bridge cuts ways\nflush set bridge cuts doors")


def is_there(port: str) -> bool:
    """Says whether a port exists; /sys shows the namespace in which it was mounted."""
    return subprocess.run(("ip", "link", "show", port), check=False, capture_output=True, timeout=10).returncode == 0


def plug_machine(node: str, bridge: str) -> None:
    """Makes the port of a node that is a User Mode Linux machine, and the wire of its console, anew."""
    remove_port(node)
    port, console = port_of(node), console_of(node)
    for name in (port, console):
        _run("ip", "tuntap", "add", name, "mode", "tap")
    _run("ip", "link", "set", port, "master", bridge)
    _run("ip", "address", "add", f"{layout.CONSOLE_ENDS[node][0]}/{layout.CONSOLE_PREFIX_LENGTH}", "dev", console)
    for name in (port, console):
        _run("ip", "link", "set", name, "up")


def leave_checksums_to_senders() -> None:
    """Lets the bridge's own packets carry whole checksums: a tap hands them on as they are."""
    _run("ethtool", "-K", layout.BRIDGE, "tx", "off")


def silence(node: str) -> None:
    """Takes the port down, so that not even a dying socket's farewell leaves the node."""
    with contextlib.suppress(subprocess.CalledProcessError):
        _run("ip", "link", "set", port_of(node), "down")


def remove_port(node: str) -> None:
    """Removes a dead node's port at once; the kernel would do so a little later."""
    for name in (port_of(node), console_of(node)):
        with contextlib.suppress(subprocess.CalledProcessError):
            _run("ip", "link", "delete", name)


def _add_bridge(name: str) -> None:
    """Adds a bridge that keeps its hardware address, whatever is plugged in and out."""
    kind = ("type", "bridge", "forward_delay", "0", "stp_state", "0")
    _run("ip", "link", "add", name, "address", layout.SWITCH_ADDRESS, *kind)


def _sets(direction: Direction) -> tuple[str, ...]:
    match direction:
        case "both":
            return ("senders", "receivers")
        case "in":
            return ("receivers",)
        case "out":
            return ("senders",)


def _nft(commands: str) -> None:
    subprocess.run(("nft", "-f", "-"), input=commands.encode(), check=True, capture_output=True, timeout=10)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=10)
