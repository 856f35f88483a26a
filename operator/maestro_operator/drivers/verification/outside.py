"""What is seen from outside: names by given resolvers and from every vantage point, and the old address.

The law of this file: what could not be asked is no answer. A resolver that is silent, and an address
that nothing can be said of, fail the check.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from maestro_operator.drivers.probes.network import accepts
from maestro_operator.drivers.verification.logs import shown
from maestro_operator.drivers.verification.verdict import Verdict, not_yet, well
from maestro_operator.model.seen import Unknown, Vote

if TYPE_CHECKING:
    from maestro_operator.model.checks import NamesFrom, OldAddress
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions

QUERY_SECONDS = 2.0
PROBE_SECONDS = 2.0
DNS_PORT = 53
LOOK_UP_SECONDS = 5.0
NOT_FOUND = 2
"""What getent ends with where there is no such name."""
_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


async def names(address: str, item: NamesFrom, *, port: int = DNS_PORT) -> Verdict:
    """Ask every resolver for every name, as clients do."""
    asked = [(resolver, name) for resolver in item.resolvers for name in item.names]
    answers = await asyncio.gather(*(_addresses(resolver, name, port=port) for resolver, name in asked))
    for (resolver, name), answer in zip(asked, answers, strict=True):
        if isinstance(answer, str):
            return not_yet(f"{resolver} {answer} for {name}")
        if answer != {address}:
            return not_yet(f"{resolver} says {', '.join(sorted(answer)) or 'nothing'} for {name}")
    return well(f"{len(item.resolvers)} resolvers give {address}")


async def names_seen_from(sessions: Sessions, place: FrozenNode, item: NamesFrom, *, address: str) -> Verdict:
    """Look every name up on a machine as its own programs do: its hosts file, its resolvers, their caches."""
    asked = [
        sessions.run(place, ("getent", "ahosts", name), deadline_seconds=LOOK_UP_SECONDS, needs_root=False)
        for name in item.names
    ]
    for name, answer in zip(item.names, await asyncio.gather(*asked), strict=True):
        if isinstance(answer, Unknown):
            return not_yet(answer.message)
        if answer.exit_status not in (0, NOT_FOUND):
            return not_yet(f"{place.name} could not look {name} up: {shown(answer.stderr)}")
        found = {line.split()[0] for line in answer.stdout.splitlines() if line.strip()}
        if {_canonical(word) for word in found} != {_canonical(address)}:
            return not_yet(f"{place.name} finds {shown(', '.join(sorted(found)) or 'nothing')} for {name}")
    return well(f"{place.name} finds {address}")


def _canonical(word: str) -> str:
    try:
        return str(ip_address(word))
    except ValueError:
        return word


async def _addresses(resolver: str, name: str, *, port: int) -> set[str] | str:
    found: set[str] = set()
    try:
        for rdtype in _TYPES:
            query = dns.message.make_query(name, rdtype)
            answer, _ = await dns.asyncquery.udp_with_fallback(query, resolver, timeout=QUERY_SECONDS, port=port)
            if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return f"says {dns.rcode.to_text(answer.rcode())}"
            found |= {str(record.address) for rrset in answer.answer if rrset.rdtype == rdtype for record in rrset}
    except dns.exception.Timeout:
        return "did not answer"
    except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
        return f"could not be asked ({type(error).__name__})"
    return found


async def old_address(address: str, item: OldAddress) -> Verdict:
    """Hold that nothing answers at the other node's address; a refusal is as good as silence."""
    answers = await asyncio.gather(*(accepts(address, port, timeout_seconds=PROBE_SECONDS) for port in item.ports))
    for port, (vote, _, message) in zip(item.ports, answers, strict=True):
        if vote is Vote.ALIVE:
            return not_yet(f"{address}:{port} still accepts connections")
        if vote is Vote.UNKNOWN:
            return not_yet(f"{address}:{port} cannot be told: {message}")
    return well(f"nothing answers at {address}")
