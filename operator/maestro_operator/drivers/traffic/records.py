"""What one name server says of a name: asked without a signature, as clients ask, unless a key chooses the view."""

from __future__ import annotations

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
import dns.tsig

from maestro_operator.drivers.traffic.kept import shown
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.failures import unknown_from

if TYPE_CHECKING:
    from maestro_operator.drivers.traffic.kept import Kept

QUERY_SECONDS = 1.0
ATTEMPTS = 2
"""A lost datagram says nothing of a server; a second one that is lost too says enough."""
DNS_PORT = 53
SILENCE = (
    Reason.TIMED_OUT,
    Reason.CONNECTION_REFUSED,
    Reason.HOST_UNREACHABLE,
    Reason.CONNECTION_LOST,
)
"""Why nothing came from a server at all; anything else is an answer, if not one that can be used."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one server gives for one name and type, in order."""

    values: tuple[str, ...]
    ttl_seconds: int | None = None


async def held_by(
    server: str, kept: Kept, *, port: int = DNS_PORT, recursive: bool = False, key: dns.tsig.Key | None = None
) -> Held | Unknown:
    """Return what a server has for a name, to whom shows a key; it must be an authority, or be asked as a resolver."""
    what = f"{'resolver' if recursive else 'name server'} {server}"
    try:
        ip_address(server)
        query = dns.message.make_query(kept.name, kept.rdtype)
        if not recursive:
            query.flags &= ~dns.flags.RD
        if key is not None:
            query.use_tsig(key)
        answer = await _asked((server, port), query)
    except dns.exception.Timeout:
        return Unknown(Reason.TIMED_OUT, f"{what} did not answer")
    except OSError as error:
        return unknown_from(error, what=what)
    except (dns.exception.DNSException, EOFError) as error:
        return Unknown(Reason.BAD_ANSWER, f"{what}: {str(error) or type(error).__name__}")
    except ValueError as error:
        return Unknown(Reason.INVALID_SPEC, f"{what}: {error}")
    return _judged(what, kept, answer, recursive=recursive)


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


def _judged(what: str, kept: Kept, answer: dns.message.Message, *, recursive: bool) -> Held | Unknown:
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Unknown(Reason.BAD_ANSWER, f"{what} says {dns.rcode.to_text(answer.rcode())} for {kept.name}")
    if not recursive and not answer.flags & dns.flags.AA:
        return Unknown(Reason.BAD_ANSWER, f"{what} is no authority for {kept.name}")
    owner = dns.name.from_text(kept.name)
    found = [item for item in answer.answer if item.rdtype == kept.rdtype]
    foreign = any(item.name != owner or item.rdtype == dns.rdatatype.CNAME for item in answer.answer)
    if kept.rdtype != dns.rdatatype.CNAME and foreign:
        return Unknown(Reason.BAD_ANSWER, f"{what}: {kept.name} is an alias; name the record it leads to")
    values = sorted(shown(kept.rdtype, record.to_text()) for item in found if item.name == owner for record in item)
    return Held(tuple(values), found[0].ttl if found else None)
