"""Entries that are objects of the cluster: a Service's one endpoint, and names that external-dns keeps.

The law of this file: an object that another one made is not touched, and what is written replaces exactly what was
read. A Service that has endpoints of somebody else's points there too.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Protocol

from maestro_operator.drivers.traffic.kept import Kept, type_of
from maestro_operator.drivers.traffic.records import DNS_PORT, Held, held_by
from maestro_operator.kube.objects import Kind, NotAllowed
from maestro_operator.model.errors import ApiTrouble, StatusConflict
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import PairKey, Traffic
    from maestro_operator.model.status import FrozenNode

SLICES = Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
DNS_ENDPOINTS = Kind("externaldns.k8s.io", "v1alpha1", "dnsendpoints", "DNSEndpoint")
MANAGER = "maestropair.dev"
MANAGED_BY = "app.kubernetes.io/managed-by"
SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SERVICE_NAME = "kubernetes.io/service-name"
PAIR_UID = "maestropair.dev/pair-uid"
IPV6 = 6

Body = dict[str, Any]


class Objects(Protocol):
    """Objects of the pair's namespace, by compare-and-swap."""

    async def read(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Return an object, or None where there is none."""

    async def selected(self, kind: Kind, selector: str) -> list[Mapping[str, Any]]:
        """Return every object that a selector fits."""

    async def write(self, kind: Kind, name: str, body: Mapping[str, Any], *, version: str | None) -> None:
        """Create it, or replace the one of this version."""


class ClusterTraffic:
    """Entries of kind endpointSlice and externalDNS, for one pair."""

    def __init__(self, objects: Objects, key: PairKey, *, dns_port: int = DNS_PORT) -> None:
        """Keep the way to the objects, and whose they are."""
        self._objects = objects
        self._key = key
        self._dns_port = dns_port

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read the object, and where clients can tell more than it, them."""
        own = {entry.address_for(node.name, node.address): node.address for node in nodes}
        try:
            found = await self._found(entry)
        except NotAllowed as error:
            return Unknown(Reason.NOT_CONFIGURED, f"{entry.name}: {error}")
        except ApiTrouble as error:
            return Unknown(Reason.TRAFFIC_UNPROVEN, f"{entry.name}: the API server: {error}")
        behind = await self._behind(entry, found)
        addresses = tuple(sorted({own.get(item, item) for item in found}))
        ttl = entry.external_dns.ttl_seconds if entry.external_dns and found else None
        return TrafficSeen(entry.name, addresses, ttl, behind=behind)

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Replace the object by one that names the target, and read it back."""
        address = entry.address_for(way.target.name, way.target.address)
        old = entry.address_for(way.source.name, way.source.address)
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self._move(entry, address, known={address, old, *way.former})
        except NotAllowed as error:
            return Refused(Reason.STEP_REFUSED, f"{entry.name}: {error}")
        except (ApiTrouble, StatusConflict, TimeoutError) as error:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name}: {str(error) or 'no answer in time'}")

    async def _move(self, entry: Traffic, address: str, *, known: set[str]) -> Outcome:
        kind, name = _named(entry, self._key)
        there = await self._objects.read(kind, name)
        if there is not None and not self._is_ours(there):
            return Refused(Reason.TRAFFIC_ELSEWHERE, f"{kind.kind} {name} is not this pair's: remove or rename it")
        strangers = sorted((await self._found(entry)) - known)
        if strangers:
            text = f"{entry.name} points at {', '.join(strangers)}, which is no node of this pair"
            return Refused(Reason.TRAFFIC_ELSEWHERE, text)
        wanted = self._body(entry, address)
        version = there["metadata"]["resourceVersion"] if there else None
        if there is None or not _says(there, wanted):
            await self._objects.write(kind, name, wanted, version=version)
        found = await self._found(entry)
        if found != {address}:
            said = ", ".join(sorted(found)) or "nothing"
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} still points at {said}")
        return Done({"address": address})

    async def _found(self, entry: Traffic) -> set[str]:
        kind, name = _named(entry, self._key)
        if entry.endpoint_slice is not None:
            slices = await self._objects.selected(kind, f"{SERVICE_NAME}={entry.endpoint_slice.service}")
            return {
                str(ip_address(address))
                for item in slices
                for endpoint in item.get("endpoints") or ()
                for address in endpoint["addresses"]
            }
        there = await self._objects.read(kind, name)
        endpoints = there["spec"].get("endpoints", ()) if there and self._is_ours(there) else ()
        return {str(ip_address(target)) for item in endpoints for target in item["targets"]}

    async def _behind(self, entry: Traffic, found: set[str]) -> tuple[str, ...]:
        """Ask the resolvers: external-dns writes the records some time after it is told."""
        config = entry.external_dns
        if config is None or len(found) != 1:
            return ()
        (address,) = found
        asked = [(server, name) for server in config.resolvers for name in config.names]
        answers = await asyncio.gather(
            *(
                held_by(server, Kept(name, type_of(address), {}), port=self._dns_port, recursive=True)
                for server, name in asked
            )
        )
        late = []
        for (server, name), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Unknown):
                late.append(answer.message)
            elif answer != Held((address,), answer.ttl_seconds):
                late.append(f"resolver {server} says {', '.join(answer.values) or 'nothing'} for {name}")
        return tuple(dict.fromkeys(late))

    def _is_ours(self, there: Mapping[str, Any]) -> bool:
        return (there["metadata"].get("annotations") or {}).get(PAIR_UID) == self._key.uid

    def _body(self, entry: Traffic, address: str) -> Body:
        metadata: Body = {"labels": {MANAGED_BY: MANAGER}, "annotations": {PAIR_UID: self._key.uid}}
        if entry.endpoint_slice is not None:
            service = entry.endpoint_slice
            metadata["labels"] |= {SERVICE_NAME: service.service, SLICE_MANAGED_BY: MANAGER}
            return {
                "metadata": metadata,
                "addressType": "IPv6" if ip_address(address).version == IPV6 else "IPv4",
                "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
                "ports": [{"name": it.name, "port": it.port, "protocol": "TCP"} for it in service.ports],
            }
        config = entry.external_dns
        names, ttl = (config.names, config.ttl_seconds) if config else ((), 0)
        record = {"recordType": type_of(address).name, "recordTTL": ttl, "targets": [address]}
        return {"metadata": metadata, "spec": {"endpoints": [{"dnsName": name, **record} for name in names]}}


def _named(entry: Traffic, key: PairKey) -> tuple[Kind, str]:
    if entry.endpoint_slice is not None:
        return SLICES, f"{entry.endpoint_slice.service}-{key.name}"
    return DNS_ENDPOINTS, f"{key.name}-{entry.name}"


def _says(there: Mapping[str, Any], wanted: Body) -> bool:
    parts = (part for part in wanted if part != "metadata")
    return all(there.get(part) == wanted[part] for part in parts)
