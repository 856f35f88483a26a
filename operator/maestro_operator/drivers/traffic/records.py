"""What one name server says of a name: asked without a signature, as clients ask."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.failures import unknown_from

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)
QUERY_SECONDS = 1.0
ATTEMPTS = 2
"""A lost datagram says nothing of a server; a second one that is lost too says enough."""
DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Held:
    """The addresses that one server gives for one name."""

    by_type: Mapping[dns.rdatatype.RdataType, tuple[str, ...]]
    ttl_seconds: int | None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return all of them, in order."""
        return tuple(sorted({address for addresses in self.by_type.values() for address in addresses}))


async def held_by(server: str, name: str, *, port: int = DNS_PORT) -> Held | Unknown:
    """Return every address record that a server has for a name; it must be an authority for it."""
    answers = await asyncio.gather(*(_records((server, port), name, rdtype) for rdtype in TYPES))
    by_type: dict[dns.rdatatype.RdataType, tuple[str, ...]] = {}
    ttls = []
    for rdtype, answer in zip(TYPES, answers, strict=True):
        if isinstance(answer, Unknown):
            return answer
        by_type[rdtype], ttl = answer
        ttls += [] if ttl is None else [ttl]
    return Held(by_type, max(ttls, default=None))


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


async def _records(
    server: tuple[str, int], name: str, rdtype: dns.rdatatype.RdataType
) -> tuple[tuple[str, ...], int | None] | Unknown:
    what = f"name server {server[0]}"
    try:
        ip_address(server[0])
        query = dns.message.make_query(name, rdtype)
        query.flags &= ~dns.flags.RD
        answer = await _asked(server, query)
    except dns.exception.Timeout:
        return Unknown(Reason.TIMED_OUT, f"{what} did not answer")
    except OSError as error:
        return unknown_from(error, what=what)
    except (dns.exception.DNSException, EOFError) as error:
        return Unknown(Reason.BAD_ANSWER, f"{what}: {str(error) or type(error).__name__}")
    except ValueError as error:
        return Unknown(Reason.INVALID_SPEC, f"{what}: {error}")
    return _judged(what, name, rdtype=rdtype, answer=answer)


async def _asked(server: tuple[str, int], query: dns.message.QueryMessage) -> dns.message.Message:
    for _ in range(ATTEMPTS - 1):
        try:
            return await _datagram(server, query)
        except dns.exception.Timeout:
            continue
    return await _datagram(server, query)


async def _datagram(server: tuple[str, int], query: dns.message.QueryMessage) -> dns.message.Message:
    return await dns.asyncquery.udp(
        query, server[0], timeout=QUERY_SECONDS, port=server[1], ignore_unexpected=True, raise_on_truncation=True
    )


def _judged(
    what: str, name: str, *, rdtype: dns.rdatatype.RdataType, answer: dns.message.Message
) -> tuple[tuple[str, ...], int | None] | Unknown:
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Unknown(Reason.BAD_ANSWER, f"{what} says {dns.rcode.to_text(answer.rcode())} for {name}")
    if not answer.flags & dns.flags.AA:
        return Unknown(Reason.BAD_ANSWER, f"{what} is no authority for {name}")
    owner = dns.name.from_text(name)
    if any(item.rdtype == dns.rdatatype.CNAME or item.name != owner for item in answer.answer):
        return Unknown(Reason.BAD_ANSWER, f"{what}: {name} is an alias; name the record it leads to")
    found = [item for item in answer.answer if item.rdtype == rdtype]
    addresses = sorted(str(record.address) for item in found for record in item)
    return tuple(addresses), found[0].ttl if found else None
