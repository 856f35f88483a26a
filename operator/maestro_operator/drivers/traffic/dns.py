"""Names by RFC 2136: one atomic update, the old value its prerequisite, read back everywhere.

The law of this file: a name that does not hold one of the pair's own two addresses is somebody
else's and is not touched. What a server says of an update is not believed; what every server
answers afterwards is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.model.pair import Dns, Traffic

QUERY_SECONDS = 1.5
UPDATE_SECONDS = 3.0
DNS_PORT = 53


class Secrets(Protocol):
    """Reads a Secret of a namespace."""

    async def __call__(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Return the data, or raise KeyError where it is not there or not readable."""


class DnsTraffic:
    """The traffic port over RFC 2136 updates signed with TSIG, for one pair."""

    def __init__(self, *, namespace: str, secrets: Secrets) -> None:
        """Keep where the TSIG keys come from."""
        self._namespace = namespace
        self._secrets = secrets

    async def read(self, entry: Traffic) -> TrafficSeen | Unknown:
        """Read where every name of the entry points, from every server; they must all agree."""
        if entry.dns is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        config = entry.dns
        asked = [(server, name) for server in config.servers for name in config.names]
        answers = await asyncio.gather(*(_addresses(server, name) for server, name in asked))
        found: set[tuple[str, ...]] = set()
        ttl: int | None = None
        for answer in answers:
            if isinstance(answer, Unknown):
                return answer
            addresses, ttl = answer
            found.add(addresses)
        merged = tuple(sorted({address for addresses in found for address in addresses}))
        return TrafficSeen(name=entry.name, addresses=merged, ttl_seconds=ttl)

    async def move(
        self, entry: Traffic, *, address: str, away_from: Sequence[str], deadline_seconds: float
    ) -> Outcome:
        """Point every name at the address on the first server, and read it back from all."""
        if entry.dns is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        try:
            async with asyncio.timeout(deadline_seconds):
                for name in entry.dns.names:
                    outcome = await self._move_name(entry.dns, name, address, away_from)
                    if not isinstance(outcome, Done):
                        return outcome
                return await self._read_back(entry, address)
        except TimeoutError:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} did not move in time")

    async def _move_name(
        self, config: Dns, name: str, address: str, away_from: Sequence[str]
    ) -> Outcome:
        primary = config.servers[0]
        now = await _addresses(primary, name)
        if isinstance(now, Unknown):
            return Failed(Reason.TRAFFIC_UNPROVEN, now.message)
        held, ttl = now
        if held == (address,) and ttl == config.ttl_seconds:
            return Done()
        strangers = sorted(set(held) - {address, *away_from})
        if strangers:
            text = f"{name} points at {', '.join(strangers)}, which is no node of this pair"
            return Refused(Reason.TRAFFIC_ELSEWHERE, text)
        return await self._update(config, name, address, held)

    async def _update(self, config: Dns, name: str, address: str, held: tuple[str, ...]) -> Outcome:
        """Replace the records in one message that holds only while they are what was read."""
        try:
            keyring, key_name, algorithm = await self._key(config)
        except (KeyError, ValueError) as error:
            return Refused(Reason.SECRET_MISSING, f"TSIG Secret {config.tsig_secret.name}: {error}")
        owner = dns.name.from_text(name)
        update = dns.update.UpdateMessage(
            config.zone, keyring=keyring, keyname=key_name, keyalgorithm=algorithm
        )
        if held:
            update.present(owner, dns.rrset.from_text(owner, 0, "IN", "A", *held))
        else:
            update.absent(owner, "A")
        update.replace(owner, config.ttl_seconds, "A", address)
        try:
            answer = await dns.asyncquery.tcp(
                update, config.servers[0], timeout=UPDATE_SECONDS, port=DNS_PORT
            )
        except dns.tsig.PeerError as error:
            return Refused(Reason.WRONG_CREDENTIALS, f"{config.servers[0]} refuses the key: {error}")
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{config.servers[0]}: {_words(error)}")
        if answer.rcode() != dns.rcode.NOERROR:
            text = f"{config.servers[0]} refuses to move {name}: {dns.rcode.to_text(answer.rcode())}"
            return Refused(Reason.STEP_REFUSED, text)
        return Done()

    async def _key(self, config: Dns) -> tuple[dict[dns.name.Name, dns.tsig.Key], dns.name.Name, dns.name.Name]:
        """Return the TSIG key of the Secret: `name`, `secret` (base64) and optional `algorithm`."""
        data = await self._secrets(self._namespace, config.tsig_secret.name)
        name = dns.name.from_text(data["name"].decode().strip())
        algorithm = data.get("algorithm", b"hmac-sha256").decode().strip()
        key = dns.tsig.Key(name, data["secret"].decode().strip(), algorithm)
        return {name: key}, name, dns.name.from_text(algorithm)

    async def _read_back(self, entry: Traffic, address: str) -> Outcome:
        seen = await self.read(entry)
        if isinstance(seen, Unknown):
            return Failed(Reason.TRAFFIC_UNPROVEN, seen.message)
        if seen.addresses != (address,):
            text = f"{entry.name} still points at {', '.join(seen.addresses) or 'nothing'}"
            return Failed(Reason.TRAFFIC_UNPROVEN, text)
        return Done({"address": address})


async def _addresses(server: str, name: str) -> tuple[tuple[str, ...], int | None] | Unknown:
    """Return the A records a server gives for a name, sorted, and their TTL."""
    query = dns.message.make_query(name, dns.rdatatype.A)
    query.flags &= ~dns.flags.RD
    try:
        answer = await dns.asyncquery.udp(query, server, timeout=QUERY_SECONDS, port=DNS_PORT)
    except dns.exception.Timeout:
        return Unknown(Reason.TIMED_OUT, f"name server {server} did not answer")
    except (dns.exception.DNSException, OSError) as error:
        return Unknown(Reason.HOST_UNREACHABLE, f"name server {server}: {_words(error)}")
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        text = f"name server {server} says {dns.rcode.to_text(answer.rcode())} for {name}"
        return Unknown(Reason.BAD_ANSWER, text)
    if not answer.flags & dns.flags.AA:
        return Unknown(Reason.BAD_ANSWER, f"name server {server} is no authority for {name}")
    records = [item for item in answer.answer if item.rdtype == dns.rdatatype.A]
    addresses = sorted(str(record.address) for item in records for record in item)
    return tuple(addresses), records[0].ttl if records else None


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
