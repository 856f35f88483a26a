"""Where an order may lead: not to the operator's own machine or link, nor to a cloud's metadata.

Whoever writes a pair has the operator open connections for him. What listens on the operator's
loopback, on its link or at a metadata address trusts whoever reaches it, so those are refused
unless the operator's settings allow them.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: tuple[Network, ...] = tuple(
    ip_network(word) for word in ("169.254.169.254/32", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32")
)
"""Where clouds tell a machine its credentials."""
NOWHERE: tuple[Network, ...] = tuple(ip_network(word) for word in ("0.0.0.0/8", "::/128", "255.255.255.255/32"))
"""Connecting there ends on this machine, or at everybody."""
_TRANSLATED = ip_network("64:ff9b::/96")
ALLOWED_BY = "MAESTRO_ALLOWED_ADDRESSES (the chart's addresses.allowed)"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Says of an address whether a connection may be opened to it."""

    allowed: tuple[Network, ...] = ()
    """Networks that the settings allow, whatever kind they are."""

    def why_not(self, text: str) -> str | None:
        """Return what kind of address it is where it is refused, None where it may be used or is a name."""
        address = address_of(text)
        if address is None:
            return None
        meant = _meant(address)
        if any(one in network for one in (address, meant) for network in self.allowed):
            return None
        return _kind(meant)


def address_of(text: str) -> Address | None:
    """Return the address that a text is, None where it is a name."""
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None


def networks_of(text: str) -> tuple[Network, ...]:
    """Return the networks of a list with commas; an address is the network of itself.

    Raises:
        ValueError: one of them is neither.

    """
    return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())


def _meant(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _kind(address: Address) -> str | None:
    if any(address in network for network in METADATA):
        return "a cloud's metadata address"
    if any(address in network for network in NOWHERE):
        return "an unspecified address"
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    return "a multicast address" if address.is_multicast else None
