"""Which records a traffic entry keeps, and what each holds while one node or the other is active.

The law of this file: pure. A value is compared in one form, however a person or a server wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.model.pair import Traffic
    from maestro_operator.model.status import FrozenNode

ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True)
class Kept:
    """One name and type, and the value for each node; a node without one has none there."""

    name: str
    rdtype: dns.rdatatype.RdataType
    values: Mapping[str, str] = field(hash=False)
    """Node name to value."""

    def node_of(self, value: str) -> str | None:
        """Return whose value it is, None where it is nobody's here."""
        return next((node for node, held in self.values.items() if held == value), None)


def kept_records(entry: Traffic, nodes: Sequence[FrozenNode]) -> tuple[Kept, ...]:
    """Return every record set that the entry keeps; a name of `names` has no address but those.

    Raises:
        ValueError: a value is none of its type.

    """
    found: dict[tuple[str, dns.rdatatype.RdataType], Kept] = {}
    config = entry.dns
    if config is None:
        return ()
    addresses = {node.name: canonical(entry.address_for(node.name, node.address)) for node in nodes}
    for name in config.names:
        for rdtype in ADDRESS_TYPES:
            fitting = {node: address for node, address in addresses.items() if type_of(address) == rdtype}
            found[name, rdtype] = Kept(name, rdtype, fitting)
    for record in config.records:
        rdtype = dns.rdatatype.from_text(record.type.value)
        values = {node: shown(rdtype, value) for node, value in record.values.items()}
        found[record.name, rdtype] = Kept(record.name, rdtype, values)
    return tuple(found.values())


def shown(rdtype: dns.rdatatype.RdataType, value: str) -> str:
    """Return a record's value in the one form that answers are compared in.

    Raises:
        ValueError: it is no value of that type.

    """
    if rdtype in ADDRESS_TYPES:
        address = canonical(value)
        if type_of(address) != rdtype:
            raise ValueError(f"{value} is no {dns.rdatatype.to_text(rdtype)} record")
        return address
    try:
        record = dns.rdata.from_text(dns.rdataclass.IN, rdtype, value, origin=dns.name.root, relativize=False)
    except dns.exception.DNSException as error:
        raise ValueError(f"{value!r} is no {dns.rdatatype.to_text(rdtype)} record") from error
    return record.to_text().lower()


def canonical(address: str) -> str:
    """Return an address in the one form that name servers' answers are compared in.

    Raises:
        ValueError: it is no address.

    """
    return str(ip_address(address))


def type_of(address: str) -> dns.rdatatype.RdataType:
    """Return the type of the record that an address stands in.

    Raises:
        ValueError: it is no address.

    """
    return dns.rdatatype.A if ip_address(address).version == 4 else dns.rdatatype.AAAA  # noqa: PLR2004 - IPv4
