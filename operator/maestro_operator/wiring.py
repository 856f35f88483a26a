"""One pair's loop put together from the real drivers; the memory ones are put together the same way."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from maestro_operator.admission.gate import Gate
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.fencing.metadata import AgentCatalog
from maestro_operator.drivers.fencing.reservation import DiskReservation
from maestro_operator.drivers.machine.chosen import ChosenHosts
from maestro_operator.drivers.machine.kubevirt import KubeVirtHosts
from maestro_operator.drivers.machine.libvirt import LibvirtHosts
from maestro_operator.drivers.nodes.everywhere import Nodes
from maestro_operator.drivers.ports import Drivers
from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.drivers.rehearsal.node import NodeRehearsals
from maestro_operator.drivers.replication.chosen import ChosenReplication
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.drivers.traffic.entries import TrafficEntries
from maestro_operator.drivers.traffic.floating import FloatingTraffic
from maestro_operator.drivers.traffic.hosts import HostTraffic
from maestro_operator.drivers.traffic.incluster import ClusterTraffic
from maestro_operator.drivers.verification.checks import NodeVerification
from maestro_operator.kube.objects import ObjectStore
from maestro_operator.loop import PairLoop
from maestro_operator.observe.census import Census
from maestro_operator.transport.session import Sessions

if TYPE_CHECKING:
    from maestro_operator.admission.claims import ClaimBook
    from maestro_operator.clock import Clock
    from maestro_operator.kube.secrets import SecretReader
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Leader, Publisher, Store
    from maestro_operator.settings import Settings


class MakesLoops(Protocol):
    """Makes the loop of one pair."""

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Return a new loop for the pair, not yet running."""


@dataclass(frozen=True, slots=True)
class RealParts:
    """Makes loops whose effects are real."""

    settings: Settings
    secrets: SecretReader
    leader: Leader
    publisher: Publisher
    clock: Clock
    claims: ClaimBook
    census: Census = field(default_factory=Census)
    agents: AgentCatalog = field(default_factory=AgentCatalog)

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Return a new loop over SSH, fence agents, DNS and the network."""
        policy = self.settings.addresses
        sessions = Sessions(secrets=self.secrets, namespace=key.namespace, clock=self.clock, policy=policy)
        objects = ObjectStore(self.secrets.api, key.namespace)
        machine = ChosenHosts(
            LibvirtHosts(sessions, spec=lambda: loop.spec),
            KubeVirtHosts(objects, spec=lambda: loop.spec, clock=self.clock),
            spec=lambda: loop.spec,
        )
        drivers = Drivers(
            nodes=Nodes(sessions, spec=lambda: loop.spec, clock=self.clock, hosts=machine),
            replication=ChosenReplication(sessions, spec=lambda: loop.spec, clock=self.clock),
            fencing=AgentFencing(
                namespace=key.namespace,
                folder=self.settings.fence_agents,
                secrets=self.secrets,
                clock=self.clock,
                policy=policy,
                catalog=self.agents,
                disk=DiskReservation(sessions, spec=lambda: loop.spec),
            ),
            traffic=TrafficEntries(
                dns=DnsTraffic(namespace=key.namespace, secrets=self.secrets),
                floating=FloatingTraffic(sessions, clock=self.clock),
                hosts=HostTraffic(sessions),
                cluster=ClusterTraffic(objects, key),
            ),
            probes=NetworkProbes(sessions=sessions, secrets=self.secrets, namespace=key.namespace, policy=policy),
            verification=NodeVerification(
                sessions,
                clock=self.clock,
                spec=lambda: loop.spec,
                secrets=self.secrets,
                namespace=key.namespace,
                policy=policy,
            ),
            machine=machine,
            rehearsals=NodeRehearsals(
                sessions,
                clock=self.clock,
                spec=lambda: loop.spec,
                secrets=self.secrets,
                namespace=key.namespace,
            ),
        )
        loop = PairLoop(
            store=store,
            drivers=drivers,
            leader=self.leader,
            clock=self.clock,
            publisher=self.publisher,
            commands=sessions,
            gate=Gate(policy=policy, claims=self.claims, secrets=self.secrets, has_agent=self._has_agent),
            census=self.census,
            close=sessions.close,
        )
        return loop

    def _has_agent(self, name: str) -> bool:
        return os.access(self.settings.fence_agents / name, os.X_OK)
