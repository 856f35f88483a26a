"""What one pair alone may have: its hosts, machines, fence devices and public names.

The law of this file: of two pairs that want the same thing exactly one has it, the one that held
it first; who that is follows from the two resources alone, whichever operator reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.addresses import address_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_operator.model.pair import PairKey, PairSpec


@dataclass(frozen=True, slots=True)
class Claimant:
    """One pair as the others see it."""

    key: PairKey
    created_at: str
    wants: frozenset[str]
    """What its spec names."""
    holds: frozenset[str]
    """What `status.claims` says it had when nobody before it claimed it."""

    def rank(self, claim: str) -> tuple[bool, str, str]:
        """Return its place in the queue for one claim; the lowest has it."""
        return claim not in self.holds, self.created_at, self.key.uid


def host_claim(host: str) -> str:
    """Return the claim to a host, the same for every way to write its address."""
    return f"host {address_of(host) or host.rstrip('.').lower()}"


def machine_claim(machine_id: str) -> str:
    """Return the claim to a machine, whatever its hosts are called."""
    return f"machine {machine_id}"


def claims_of(spec: PairSpec) -> dict[str, str]:
    """Return every claim that a spec makes, each with the first field that makes it."""
    found: dict[str, str] = {}
    for claim, field in _claims(spec):
        found.setdefault(claim, field)
    return found


def _claims(spec: PairSpec) -> Iterator[tuple[str, str]]:
    if spec.machine is not None:
        # Its hosts may run other machines.
        where = "spec.replication.virtualMachine"
        yield host_claim(spec.machine.address), f"{where}.address"
        identity, field = spec.machine.identity
        yield machine_claim(identity), f"{where}.{field}"
    for node in spec.nodes if spec.machine is None else ():
        where = f"spec.nodes[{node.name}]"
        yield host_claim(node.ssh.host), f"{where}.ssh.host"
        yield host_claim(node.address), f"{where}.address"
        for rung in node.fencing:
            for device in rung.devices:
                yield f"device {device.identity.strip().casefold()}", f"{where}.fencing[{rung.name}].devices"
    yield from _disk(spec)
    for entry in spec.traffic:
        where = f"spec.traffic[{entry.name}]"
        for name in entry.public_names:
            yield f"name {name.rstrip('.').lower()}", f"{where}.{'dns' if entry.dns else 'externalDNS'}.names"
        if entry.floating_address is not None:
            yield host_claim(entry.floating_address.address), f"{where}.floatingAddress.address"
        if entry.nat is not None:
            yield f"translation of {entry.nat.address} on {entry.nat.ssh.host}", f"{where}.nat.address"
        if entry.endpoint_slice is not None:
            yield f"service {entry.endpoint_slice.service}", f"{where}.endpointSlice.service"


def _disk(spec: PairSpec) -> Iterator[tuple[str, str]]:
    if spec.replication.shared_disk is not None:
        yield f"disk {spec.replication.shared_disk.identity}", "spec.replication.sharedDisk.identity"


def claims_held(spec: PairSpec, machine_ids: Iterable[str | None]) -> tuple[str, ...]:
    """Return what a pair that nobody contests holds, in order: what its spec names, and its machines."""
    machines = {machine_claim(item) for item in machine_ids if item and spec.machine is None}
    return tuple(sorted({*claims_of(spec), *machines}))
