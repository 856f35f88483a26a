"""Names by RFC 2136: one atomic update, what was read its prerequisite, read back everywhere.

The law of this file: a record that holds nothing of the pair's own is somebody else's and is not touched. A server
that is silent is named, and never taken for one that agrees.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.rdatatype
import dns.tsig

from maestro_operator.drivers.traffic.kept import ADDRESS_TYPES, Kept, canonical, kept_records
from maestro_operator.drivers.traffic.keys import is_refused, tsig_key
from maestro_operator.drivers.traffic.records import DNS_PORT, SILENCE, Held, held_by
from maestro_operator.drivers.traffic.update import sent, update_message
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import Dns, Traffic
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret

READ_BACK_SECONDS = 3.0
"""How long servers that copy the zone from the first one may take to say the same."""
READ_BACK_PERIOD_SECONDS = 0.2
KEY_PERIOD_SECONDS = 60.0
"""How long a key that the server did not refuse is not tried again."""
SILENT_FOR_SECONDS = 10.0
"""How long a server that was silent is not waited for again: a dead site costs a turn nothing."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """What each server that answers gives for each record, and which do not answer."""

    held: Mapping[tuple[str, Kept], Held]
    silent: tuple[Unknown, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Return what is to be said of the silent ones, each once."""
        return tuple(dict.fromkeys(item.message for item in self.silent))


class DnsTraffic:
    """Entries of kind dns, by RFC 2136 updates signed with TSIG, for one pair."""

    def __init__(self, *, namespace: str, secrets: ReadSecret, port: int = DNS_PORT) -> None:
        """Keep where the TSIG keys come from, and the port of every server."""
        self._port = port
        self._namespace = namespace
        self._secrets = secrets
        self._good_keys: dict[str, tuple[Dns, float]] = {}
        """By entry: for which configuration the key was not refused, and until when that is believed."""
        self._silent: dict[str, tuple[float, Unknown]] = {}
        """By server: until when it is not asked again, and what was said of it."""

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read where every name of the entry points, from every server that answers."""
        if entry.dns is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        try:
            kept = kept_records(entry, nodes)
        except ValueError as error:
            return Unknown(Reason.INVALID_SPEC, f"spec.traffic[{entry.name}].dns: {error}")
        found, told, unfit = await asyncio.gather(
            self._everywhere(entry.dns, entry.dns.servers, kept),
            self._everywhere(entry.dns, entry.dns.resolvers, kept, recursive=True),
            self._unfit_key(entry),
        )
        if isinstance(found, Unknown):
            # Where questions are signed, too, a key that is refused is why there is no answer.
            return unfit if unfit is not None and entry.dns.sign_questions else found
        if unfit is not None:
            return unfit
        addresses = {node.name: str(node.address) for node in nodes}
        seen = _seen(entry, found, addresses)
        if isinstance(seen, Unknown):
            return seen
        behind = _behind(told, found)
        return TrafficSeen(seen.name, seen.addresses, seen.ttl_seconds, silent=found.words, behind=behind)

    async def lower(self, entry: Traffic, *, deadline_seconds: float) -> Outcome:
        """Give every record that is there the shorter time to live, and leave it as it is otherwise."""
        config = entry.dns
        if config is None or config.lowered_ttl_seconds is None:
            return Done()
        ttl = config.lowered_ttl_seconds
        kept = tuple(Kept(name, rdtype, {}) for name in config.names for rdtype in ADDRESS_TYPES)
        kept += tuple(Kept(item.name, dns.rdatatype.from_text(item.type.value), {}) for item in config.records)
        try:
            async with asyncio.timeout(deadline_seconds):
                for server in config.takes_updates:
                    outcome = await self._lowered(config, server, kept, ttl_seconds=ttl)
                    if not isinstance(outcome, Done):
                        return outcome
        except TimeoutError:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} was not lowered in {deadline_seconds:.0f} s")
        return Done({"wait_seconds": str(config.ttl_seconds)})

    async def _lowered(self, config: Dns, server: str, kept: Sequence[Kept], *, ttl_seconds: int) -> Outcome:
        found = await self._everywhere(config, (server,), kept)
        if isinstance(found, Unknown):
            return Failed(Reason.TRAFFIC_UNPROVEN, found.message)
        held = {item: found.held[server, item] for item in kept if found.held[server, item].values}
        if all(item.ttl_seconds == ttl_seconds for item in held.values()):
            return Done()
        return await self._update(
            config, server, held, wanted={item: there.values for item, there in held.items()}, ttl_seconds=ttl_seconds
        )

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Point all names at the target by one update on each primary; read it back from all servers."""
        if entry.dns is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        try:
            kept = kept_records(entry, (way.target, way.source))
            former = {canonical(address) for address in way.former}
            async with asyncio.timeout(deadline_seconds):
                return await self._move(entry.dns, kept, way, former=former)
        except ValueError as error:
            return Refused(Reason.INVALID_SPEC, f"{entry.name}: {error}")
        except TimeoutError:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} did not move in {deadline_seconds:.0f} s")

    async def _move(self, config: Dns, kept: Sequence[Kept], way: Way, *, former: set[str]) -> Outcome:
        lowered = config.lowered_ttl_seconds if way.is_planned else None
        ttl = lowered or config.ttl_seconds
        moved: list[Outcome] = []
        for primary in config.takes_updates:
            found = await self._everywhere(config, (primary,), kept)
            if isinstance(found, Unknown):
                moved.append(Failed(Reason.TRAFFIC_UNPROVEN, found.message))
                continue
            held = {item: found.held[primary, item] for item in kept}
            stranger = _stranger(held, former)
            if stranger is not None:
                return stranger
            wanted = {item: _only(item.values.get(way.target.name)) for item in kept}
            if all(_is_there(held[item], values, ttl) for item, values in wanted.items()):
                moved.append(Done())
                continue
            moved.append(await self._update(config, primary, held, wanted=wanted, ttl_seconds=ttl))
        bad = _not_moved(moved, may_be_silent=way.source_is_off)
        return bad or await self._read_back(config, kept, way)

    async def _update(
        self,
        config: Dns,
        server: str,
        held: Mapping[Kept, Held],
        *,
        wanted: Mapping[Kept, tuple[str, ...]],
        ttl_seconds: int,
    ) -> Outcome:
        key = await self._key(config)
        if isinstance(key, Refused):
            return key
        message = update_message(config.zone, held, wanted, ttl_seconds=ttl_seconds, key=key)
        return await sent(message, server, port=self._port, key_name=str(key.name))

    async def _everywhere(
        self, config: Dns, servers: Sequence[str], kept: Sequence[Kept], *, recursive: bool = False
    ) -> Everywhere | Unknown:
        """Ask all servers for all records at once; Unknown where one answers what cannot be used, or none answers."""
        asked = [(server, item) for server in servers for item in kept]
        key = await self._key(config) if config.sign_questions and not recursive else None
        if isinstance(key, Refused):
            return Unknown(key.reason, key.message)
        looks = (self._asked(server, item, recursive=recursive, key=key) for server, item in asked)
        answers = await asyncio.gather(*looks)
        found: dict[tuple[str, Kept], Held] = {}
        silent: dict[str, Unknown] = {}
        for (server, item), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Held):
                found[server, item] = answer
            elif answer.reason in SILENCE:
                silent[server] = answer
            elif not recursive:
                return answer
        believed = {key: held for key, held in found.items() if key[0] not in silent}
        if silent and not believed:
            return next(iter(silent.values()))
        return Everywhere(believed, tuple(silent.values()))

    async def _asked(self, server: str, item: Kept, *, recursive: bool, key: dns.tsig.Key | None) -> Held | Unknown:
        now = asyncio.get_running_loop().time()
        until, known = self._silent.get(server, (0.0, None))
        if known is not None and now < until:
            return known
        answer = await held_by(server, item, port=self._port, recursive=recursive, key=key)
        if isinstance(answer, Unknown) and answer.reason in SILENCE:
            self._silent[server] = (asyncio.get_running_loop().time() + SILENT_FOR_SECONDS, answer)
        else:
            self._silent.pop(server, None)
        return answer

    async def _read_back(self, config: Dns, kept: Sequence[Kept], way: Way) -> Outcome:
        """Return Done once every server says what is wanted, and nothing else, of every name."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + READ_BACK_SECONDS
        while True:
            found = await self._everywhere(config, config.servers, kept)
            if isinstance(found, Unknown):
                return Failed(Reason.TRAFFIC_UNPROVEN, found.message)
            wrong = next((it for it in found.held.items() if not _as_wanted(*it, way.target.name)), None)
            if wrong is None and found.silent and not way.source_is_off:
                return Failed(Reason.TRAFFIC_UNPROVEN, "; ".join(found.words))
            if wrong is None:
                return Done({"address": way.target.address, "silent": "; ".join(found.words)})
            if loop.time() >= ends:
                (server, item), held = wrong
                said = ", ".join(held.values) or "nothing"
                return Failed(Reason.TRAFFIC_UNPROVEN, f"{item.name} still points at {said}, says {server}")
            await asyncio.sleep(READ_BACK_PERIOD_SECONDS)

    async def _unfit_key(self, entry: Traffic) -> Unknown | None:
        """Return why the TSIG key would move nothing, as a server that takes the updates says it, now and then.

        A key that was never answered for is not believed; one that was, is until the server refuses it.
        """
        config = entry.dns
        if config is None:
            return None
        good, until = self._good_keys.get(entry.name, (None, 0.0))
        was_good, now = good == config, asyncio.get_running_loop().time()
        if was_good and now < until:
            return None
        field = f"spec.traffic[{entry.name}].dns.tsigSecret"
        key = await self._key(config)
        if isinstance(key, Refused):
            return Unknown(key.reason, f"{field}: {key.message}")
        primaries = config.takes_updates
        asked = await asyncio.gather(*(is_refused(key, it, zone=config.zone, port=self._port) for it in primaries))
        if any(asked):
            text = f"{primaries[asked.index(True)]} refuses the key {key.name} of Secret {config.tsig_secret.name}"
            remedy = "write the name, algorithm and secret that the server has into the Secret"
            return Unknown(Reason.WRONG_CREDENTIALS, f"{field}: {text}: {remedy}")
        if False in asked:
            self._good_keys[entry.name] = (config, now + KEY_PERIOD_SECONDS)
            return None
        if was_good:
            return None
        text = f"{primaries[0]} did not answer a question signed with the key {key.name}"
        return Unknown(Reason.TRAFFIC_UNPROVEN, f"{field}: {text}: repair the server, or write its key")

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


def _seen(entry: Traffic, found: Everywhere, addresses: Mapping[str, str]) -> TrafficSeen | Unknown:
    """Put together what the servers say: each value as the address of the node whose it is."""
    pointed = {
        addresses.get(item.node_of(value) or "", value)
        for (_, item), held in found.held.items()
        for value in held.values
    }
    nowhere = next((key for key in found.held if _is_nowhere(key, found)), None)
    if pointed and nowhere is not None:
        # What the others say is not the whole truth, and an address missing cannot be put into it.
        text = f"name server {nowhere[0]} has no {nowhere[1].rdtype.name} record for {nowhere[1].name}"
        return Unknown(Reason.BAD_ANSWER, f"{text}, and others are at {', '.join(sorted(pointed))}")
    ttls = [held.ttl_seconds for held in found.held.values() if held.ttl_seconds is not None]
    return TrafficSeen(name=entry.name, addresses=tuple(sorted(pointed)), ttl_seconds=max(ttls, default=None))


def _is_nowhere(key: tuple[str, Kept], found: Everywhere) -> bool:
    """Tell whether a server has nothing for a name that it should have something for."""
    server, item = key
    if item.rdtype in ADDRESS_TYPES:
        same = [held for (at, other), held in found.held.items() if (at, other.name) == (server, item.name)]
        return bool(item.values) and not any(held.values for held in same)
    return not found.held[key].values


def _behind(told: Everywhere | Unknown, found: Everywhere) -> tuple[str, ...]:
    """Return which resolvers tell something else than the servers do; an alias is followed there and says nothing."""
    if isinstance(told, Unknown):
        return (told.message,)
    known: dict[Kept, set[tuple[str, ...]]] = {}
    for (_, item), held in found.held.items():
        known.setdefault(item, set()).add(held.values)
    late = [
        f"resolver {server} says {', '.join(held.values) or 'nothing'} for {item.name}"
        for (server, item), held in told.held.items()
        if item in known and held.values not in known[item]
    ]
    return tuple(dict.fromkeys((*told.words, *late)))


def _stranger(held: Mapping[Kept, Held], former: set[str]) -> Refused | None:
    own = {value for item in held for value in item.values.values()} | former
    for item, found in held.items():
        strangers = sorted(set(found.values) - own)
        if strangers:
            text = f"{item.name} points at {', '.join(strangers)}, which is no node of this pair"
            return Refused(Reason.TRAFFIC_ELSEWHERE, text)
    return None


def _not_moved(moved: Sequence[Outcome], *, may_be_silent: bool) -> Outcome | None:
    """Return the outcome of the first primary that did not move; one at a dead site may be silent."""
    refused = next((item for item in moved if isinstance(item, Refused)), None)
    bad = next((item for item in moved if not isinstance(item, Done)), None)
    if refused is not None or bad is None:
        return refused
    return None if may_be_silent and any(isinstance(item, Done) for item in moved) else bad


def _only(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _is_there(held: Held, values: tuple[str, ...], ttl_seconds: int) -> bool:
    return held.values == values and (not values or held.ttl_seconds == ttl_seconds)


def _as_wanted(key: tuple[str, Kept], held: Held, node: str) -> bool:
    return held.values == _only(key[1].values.get(node))
