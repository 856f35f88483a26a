"""A pair on one disk of a real storage: what the engine orders is done in memory and, over SSH, on two machines.

The engine's reading of the nodes is the memory world's, as in the other cells; its effects on guards, services and the
disk are both, its fence and its looks from outside are real alone. The memory's disk follows the storage's own word.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from typing_extensions import override

from maestro_operator.act import effects
from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing import agents
from maestro_operator.drivers.fencing.reservation import DiskReservation
from maestro_operator.drivers.memory.sharing import MemoryShared, SharedWorld
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.drivers.nodes import ssh
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.replication import shared
from maestro_operator.drivers.replication.shared import SharedReplication
from maestro_operator.model.outcome import Done, Outcome
from maestro_operator.model.pair import Probe, Replication, Service, TcpProbe
from maestro_operator.model.sharing import SharedDisk
from maestro_operator.model.steps import DEADLINE_SECONDS
from maestro_operator.transport.session import Sessions
from support.contracts.pair_world import spec_node
from support.fencematrix.believing import BelievingFencing
from support.fencematrix.disk_judge import BY_B, holds
from support.fencematrix.gateway import SSHD, OutsideNodes, outside_probes
from support.scsi import anew
from support.scsi.storage import DEVICE, Storage
from support.worlds import Pair, pair_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maestro_operator.drivers.ports import Equipment, Order
    from maestro_operator.model.pair import FencingRung, PairSpec
    from maestro_operator.model.status import FrozenNode, Generation
    from support.bed import Bed

REAL_SECONDS = 400.0
"""What a machine on a busy host may take for one order; nothing is judged by it."""
START_SECONDS = 300
PATIENT_TRY_SECONDS = 5.0
PATIENCE = (
    (agents, "LOOK_SECONDS", 45.0),
    (ssh, "READ_SECONDS", 60.0),
    (shared, "READ_SECONDS", 60.0),
    (effects, "DEADLINE_SECONDS", {step: 10 * seconds for step, seconds in DEADLINE_SECONDS.items()}),
)


class TwinNodes(OutsideNodes):
    """The nodes in memory, where an effect on guard or services is had once the machine has had it."""

    real: SshNodes
    bed: Bed

    @override
    async def equip(self, node: FrozenNode, equipment: Equipment, *, deadline_seconds: float) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.equip(node, equipment, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        await asyncio.to_thread(anew.on_console, self.bed, node.name, anew.PATIENT)
        return _agreed(done, await super().equip(node, equipment, deadline_seconds=deadline_seconds))

    @override
    async def introduce(
        self, node: FrozenNode, *, peer: FrozenNode, peer_public_key: str, deadline_seconds: float
    ) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.introduce(
            node, peer=peer, peer_public_key=peer_public_key, deadline_seconds=REAL_SECONDS
        )
        if not isinstance(done, Done):
            return done
        twin = await super().introduce(
            node, peer=peer, peer_public_key=peer_public_key, deadline_seconds=deadline_seconds
        )
        return _agreed(done, twin)

    @override
    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.order(node, order, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        return _agreed(done, await super().order(node, order, deadline_seconds=deadline_seconds))

    @override
    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.start(node, services, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        return _agreed(done, await super().start(node, services, deadline_seconds=deadline_seconds))

    @override
    async def stop(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.stop(node, services, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        return _agreed(done, await super().stop(node, services, deadline_seconds=deadline_seconds))


class TwinShared(MemoryShared):
    """The disk in memory, where an effect is had once the real one has had it."""

    real: SharedReplication

    @override
    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        if silent := self._silent(source):
            return silent
        done = await self.real.final_sync(source, target, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        return _agreed(done, await super().final_sync(source, target, deadline_seconds=deadline_seconds))

    @override
    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.promote(node, episode=episode, generation=generation, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        twin = await super().promote(node, episode=episode, generation=generation, deadline_seconds=deadline_seconds)
        return _agreed(done, twin)

    @override
    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.reverse(node, episode=episode, generation=generation, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        twin = await super().reverse(node, episode=episode, generation=generation, deadline_seconds=deadline_seconds)
        return _agreed(done, twin)

    @override
    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        if silent := self._silent(node):
            return silent
        done = await self.real.quarantine(node, episode=episode, deadline_seconds=REAL_SECONDS)
        if not isinstance(done, Done):
            return done
        return _agreed(done, await super().quarantine(node, episode=episode, deadline_seconds=deadline_seconds))


def _agreed(real: Outcome, twin: Outcome) -> Outcome:
    """Return what the machine said, unless the memory has something against it: then both are not alike."""
    return real if isinstance(twin, Done) else twin


class _Follows:
    """The way to fence, after which the memory's disk is whose the storage says that it is."""

    def __init__(self, fencing: agents.AgentFencing, *, world: SharedWorld, storage: Storage) -> None:
        self._fencing, self._world, self._storage = fencing, world, storage
        self.check, self.credentials = fencing.check, fencing.credentials

    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        outcome = await self._fencing.off(node, rung=rung, deadline_seconds=deadline_seconds)
        if holds(self._storage.state()) == BY_B:
            self._world.preempt(node.name)
        return outcome


class DiskPair(Pair):
    """Two machines and a disk, and the engine."""

    world: SharedWorld

    def __init__(
        self, bed: Bed, storage: Storage, *, rungs: tuple[FencingRung, ...], gateway_key: bytes, fault: str
    ) -> None:
        """Take the stage; nothing is done yet."""
        spec = _spec(bed, rungs=rungs, identity=storage.identity)
        addresses = [(name, node.address) for name, node in bed.nodes.items()]
        super().__init__(spec, world=SharedWorld(nodes=addresses, units=(anew.UNIT,), clock=MemoryClock()))
        self._keys = {"gateway": gateway_key, "node": bed.ssh_key.read_bytes()}
        clock = SystemClock()
        self.sessions = Sessions(secrets=self._secrets, namespace="pairs", clock=clock)
        nodes, replication = TwinNodes(self.world), TwinShared(self.world)
        nodes.node, nodes.patience_seconds = bed.nodes["b"], PATIENT_TRY_SECONDS
        nodes.bed = bed
        nodes.real = SshNodes(self.sessions, spec=self._now, clock=clock)
        replication.real = SharedReplication(self.sessions)
        kind = BelievingFencing if fault else agents.AgentFencing
        fencing = kind(
            namespace="pairs",
            folder=Path("/usr/sbin"),
            secrets=self._secrets,
            clock=clock,
            disk=DiskReservation(self.sessions, spec=self._now),
        )
        follows = _Follows(fencing, world=self.world, storage=storage)
        self.drivers = replace(
            self.drivers, nodes=nodes, replication=replication, fencing=follows, probes=outside_probes()
        )
        self.restart_operator()

    def _now(self) -> PairSpec:
        return self.store.spec

    async def _secrets(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self._keys["gateway" if name == "gateway" else "node"]}


def _spec(bed: Bed, *, rungs: tuple[FencingRung, ...], identity: str) -> PairSpec:
    spec = pair_spec()
    one, other = (spec_node(name, address=node.address, host_key=node.host_key) for name, node in bed.nodes.items())
    return spec.model_copy(
        update={
            "nodes": (one.model_copy(update={"fencing": rungs}), other),
            "services": (Service(name="app", unit=anew.UNIT, start_timeout_seconds=START_SECONDS),),
            "replication": Replication(shared_disk=SharedDisk(disk=DEVICE, identity=identity, mount=anew.MOUNT)),
            "localise": (),
            "detection": spec.detection.model_copy(update={"probes": (Probe(tcp=TcpProbe(port=SSHD)),)}),
        }
    )


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Let the operator wait longer for an answer: a machine is a busy host's process, and nothing is judged by it."""
    with contextlib.ExitStack() as stack:
        for module, name, value in PATIENCE:
            stack.enter_context(mock.patch.object(module, name, value))
        yield
