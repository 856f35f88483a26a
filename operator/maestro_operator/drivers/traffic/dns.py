"""Names by RFC 2136: one atomic update, what was read its prerequisite, read back everywhere.

The law of this file: a name that does not hold one of the pair's own two addresses is somebody
else's and is not touched. What a server says of an update is not believed; what every server
answers afterwards is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.name
import dns.rcode
import dns.rrset
import dns.tsig
import dns.update

from maestro_operator.drivers.traffic.keys import is_refused, tsig_key
from maestro_operator.drivers.traffic.records import DNS_PORT, TYPES, Held, canonical, held_by, type_of
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from maestro_operator.model.pair import Dns, Traffic
    from maestro_operator.transport.connect import ReadSecret

UPDATE_SECONDS = 3.0
READ_BACK_SECONDS = 3.0
"""How long servers that copy the zone from the first one may take to say the same."""
READ_BACK_PERIOD_SECONDS = 0.2
KEY_PERIOD_SECONDS = 60.0
"""How long a key that the server did not refuse is not tried again."""
_CHANGED_MEANWHILE = frozenset({dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN})
_TRANSIENT = frozenset({dns.rcode.SERVFAIL})

Everywhere = dict[tuple[str, str], Held]
"""What each server gives for each name."""


class DnsTraffic:
    """The traffic port over RFC 2136 updates signed with TSIG, for one pair."""

    def __init__(self, *, namespace: str, secrets: ReadSecret, port: int = DNS_PORT) -> None:
        """Keep where the TSIG keys come from, and the port of every server."""
        self._port = port
        self._namespace = namespace
        self._secrets = secrets
        self._good_key: tuple[Dns | None, float] = (None, 0.0)
        """For which configuration the key was not refused, and until when that is believed."""

    async def read(self, entry: Traffic) -> TrafficSeen | Unknown:
        """Read where every name of the entry points, from every server."""
        if entry.dns is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        found, unfit = await asyncio.gather(self._everywhere(entry.dns), self._unfit_key(entry))
        if isinstance(found, Unknown):
            return found
        if unfit is not None:
            return unfit
        merged = tuple(sorted({address for held in found.values() for address in held.addresses}))
        nowhere = next((key for key, held in found.items() if not held.addresses), None)
        if merged and nowhere is not None:
            # What the others say is not the whole truth, and an address missing cannot be put into it.
            text = f"name server {nowhere[0]} has no address for {nowhere[1]}, and others are at {', '.join(merged)}"
            return Unknown(Reason.BAD_ANSWER, text)
        ttls = [held.ttl_seconds for held in found.values() if held.ttl_seconds is not None]
        return TrafficSeen(name=entry.name, addresses=merged, ttl_seconds=max(ttls, default=None))

    async def _unfit_key(self, entry: Traffic) -> Unknown | None:
        """Return why the TSIG key would move nothing, as the server that takes the updates says it, now and then.

        A key that was never answered for is not believed; one that was, is until the server refuses it.
        """
        config = entry.dns
        now = asyncio.get_running_loop().time()
        if config is None or (config == self._good_key[0] and now < self._good_key[1]):
            return None
        field = f"spec.traffic[{entry.name}].dns.tsigSecret"
        key = await self._key(config)
        if isinstance(key, Refused):
            return Unknown(key.reason, f"{field}: {key.message}")
        refused = await is_refused(key, config.servers[0], zone=config.zone, port=self._port)
        if refused is None:
            if config == self._good_key[0]:
                return None
            text = f"{config.servers[0]} did not answer a question signed with the key {key.name}"
            return Unknown(Reason.TRAFFIC_UNPROVEN, f"{field}: {text}: repair the server, or write its key")
        if not refused:
            self._good_key = (config, now + KEY_PERIOD_SECONDS)
            return None
        text = f"{config.servers[0]} refuses the key {key.name} of Secret {config.tsig_secret.name}"
        remedy = "write the name, algorithm and secret that the server has into the Secret"
        return Unknown(Reason.WRONG_CREDENTIALS, f"{field}: {text}: {remedy}")

    async def move(self, entry: Traffic, *, address: str, away_from: Sequence[str], deadline_seconds: float) -> Outcome:
        """Point all names at the address by one update on the first server; read it back from all."""
        if entry.dns is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        try:
            wanted, others = canonical(address), {canonical(item) for item in away_from}
            async with asyncio.timeout(deadline_seconds):
                return await self._move(entry.dns, wanted, others)
        except ValueError as error:
            return Refused(Reason.INVALID_SPEC, f"{entry.name}: {error}")
        except TimeoutError:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} did not move in {deadline_seconds:.0f} s")

    async def _move(self, config: Dns, address: str, away_from: AbstractSet[str]) -> Outcome:
        primary = config.servers[0]
        now = await asyncio.gather(*(held_by(primary, name, port=self._port) for name in config.names))
        held: dict[str, Held] = {}
        for name, found in zip(config.names, now, strict=True):
            if isinstance(found, Unknown):
                return Failed(Reason.TRAFFIC_UNPROVEN, found.message)
            strangers = sorted(set(found.addresses) - {address, *away_from})
            if strangers:
                text = f"{name} points at {', '.join(strangers)}, which is no node of this pair"
                return Refused(Reason.TRAFFIC_ELSEWHERE, text)
            held[name] = found
        if any(not _is_there(found, address, config.ttl_seconds) for found in held.values()):
            outcome = await self._update(config, address, held)
            if not isinstance(outcome, Done):
                return outcome
        return await self._read_back(config, address)

    async def _update(self, config: Dns, address: str, held: Mapping[str, Held]) -> Outcome:
        server = config.servers[0]
        key = await self._key(config)
        if isinstance(key, Refused):
            return key
        try:
            update = _update_message(config, address, held, key=key)
            answer = await dns.asyncquery.tcp(update, server, timeout=UPDATE_SECONDS, port=self._port)
        except ValueError as error:
            return Refused(Reason.INVALID_SPEC, f"{server}: {error}")
        except dns.tsig.PeerBadTime:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{server} and this operator disagree about the time")
        except dns.tsig.PeerError as error:
            return Refused(Reason.WRONG_CREDENTIALS, f"{server} refuses the key {key.name}: {_words(error)}")
        except (dns.exception.DNSException, OSError, EOFError) as error:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{server}: {_words(error)}")
        rcode = dns.rcode.to_text(answer.rcode())
        if answer.rcode() in _CHANGED_MEANWHILE:
            text = f"{server} ({rcode}): the names are not what it says of them; nothing was changed"
            return Failed(Reason.TRAFFIC_UNPROVEN, text)
        if answer.rcode() in _TRANSIENT:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{server} says {rcode}")
        if answer.rcode() != dns.rcode.NOERROR:
            return Refused(Reason.STEP_REFUSED, f"{server} refuses the update", remote_reason=rcode)
        return Done()

    async def _everywhere(self, config: Dns) -> Everywhere | Unknown:
        asked = [(server, name) for server in config.servers for name in config.names]
        answers = await asyncio.gather(*(held_by(server, name, port=self._port) for server, name in asked))
        found: Everywhere = {}
        for key, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Unknown):
                return answer
            found[key] = answer
        return found

    async def _read_back(self, config: Dns, address: str) -> Outcome:
        """Return Done once every server says the address, and nothing else, of every name."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + READ_BACK_SECONDS
        while True:
            found = await self._everywhere(config)
            if isinstance(found, Unknown):
                return Failed(Reason.TRAFFIC_UNPROVEN, found.message)
            wrong = next((item for item in found.items() if item[1].addresses != (address,)), None)
            if wrong is None:
                return Done({"address": address})
            if loop.time() >= ends:
                (server, name), held = wrong
                said = ", ".join(held.addresses) or "nothing"
                return Failed(Reason.TRAFFIC_UNPROVEN, f"{name} still points at {said}, says {server}")
            await asyncio.sleep(READ_BACK_PERIOD_SECONDS)

    async def _key(self, config: Dns) -> dns.tsig.Key | Refused:
        what = f"TSIG Secret {config.tsig_secret.name}"
        try:
            return tsig_key(await self._secrets(self._namespace, config.tsig_secret.name))
        except LookupError:
            return Refused(Reason.SECRET_MISSING, f"{what} does not exist")
        except ValueError as error:
            return Refused(Reason.SECRET_MISSING, f"{what}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever the store raises, it is one fact: there is no key now
            return Refused(Reason.SECRET_MISSING, f"{what} could not be read ({type(error).__name__})")


def _update_message(
    config: Dns, address: str, held: Mapping[str, Held], *, key: dns.tsig.Key
) -> dns.update.UpdateMessage:
    """Return one message for all names, which holds only while each is what was read."""
    wanted = type_of(address)
    update = dns.update.UpdateMessage(config.zone, keyring=key)
    for name, found in held.items():
        owner = dns.name.from_text(name)
        for rdtype in TYPES:
            addresses = found.by_type[rdtype]
            if addresses:
                # RFC 2136, 2.4.2: a prerequisite with values has a TTL of 0.
                update.present(owner, dns.rrset.from_text(owner, 0, "IN", rdtype, *addresses))
            else:
                update.absent(owner, rdtype)
            if rdtype != wanted and addresses:
                update.delete(owner, rdtype)
        update.replace(owner, config.ttl_seconds, wanted, address)
    return update


def _is_there(held: Held, address: str, ttl_seconds: int) -> bool:
    return held.addresses == (address,) and held.ttl_seconds == ttl_seconds


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
