"""What the contract of one disk for two nodes needs of a world, in memory and on two machines with a real storage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.fencing.reservation import DiskReservation
from maestro_operator.drivers.memory.fencing import MemoryFencing
from maestro_operator.drivers.memory.ports import MemoryNodes
from maestro_operator.drivers.memory.sharing import Hold, MemoryShared, SharedWorld
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.replication.shared import SharedReplication
from maestro_operator.model.pair import FencingDevice, FencingRung, PairSpec, Replication, Service
from maestro_operator.model.replica import FOREIGN
from maestro_operator.model.sharing import SharedDisk
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support.contracts.memory_pair import ADDRESSES
from support.contracts.pair_world import pair_spec, spec_node
from support.scsi import anew
from support.scsi.storage import BLOCK_BYTES, DEVICE, SCRATCH_BLOCK, Storage

if TYPE_CHECKING:
    from maestro_operator.drivers.ports import FencingPort, NodePort, ReplicationPort
    from support.bed import Bed

MEMORY_IDENTITY = "60014050000000010000000000000001"
RUNG = "apart"
START_SECONDS = 300
CONFLICT = "Invalid exchange"
BE_FOREIGN = f"""{anew.NO_KEYS}
sg_persist -n -y -o --register --param-sark=0xabc -d {DEVICE}
sg_persist -n -y -o --reserve --param-rk=0xabc --prout-type=3 -d {DEVICE}
"""
WROTE = "the block is written"
# What dd counts as copied it prints of a write that failed too: only its status says that the block lies on the disk.
TRY = f"""echo {{node}} | dd of={DEVICE} bs={BLOCK_BYTES} conv=sync,notrunc oflag=direct seek={{block}} 2>&1 &&
echo {WROTE}
true"""


class SharedPair(Protocol):
    """Two nodes that were never touched and an empty file system on the disk that both reach."""

    spec: PairSpec
    nodes: NodePort
    replication: ReplicationPort
    fencing: FencingPort
    deadline_seconds: float

    async def writers(self) -> list[str]:
        """Return the nodes whose kernel the disk lets write; of every other one it was seen to refuse it."""

    async def forget(self) -> None:
        """Let the storage lose its keys."""

    async def be_foreign(self) -> None:
        """Let somebody else hold the disk."""

    async def stop(self, name: str) -> None:
        """Let what runs on a node have ended, as in a switchover."""

    async def be_patient(self) -> None:
        """Let both nodes, once they are equipped, wait longer for the disk than a busy machine takes."""


def frozen(pair: SharedPair, name: str) -> FrozenNode:
    """Return a node as an episode would freeze it, with its ladder."""
    node = pair.spec.node(name)
    return FrozenNode(name=node.name, address=node.address, ssh=node.ssh, fencing=node.fencing)


def _spec(spec: PairSpec, *, identity: str) -> PairSpec:
    rung = FencingRung(name=RUNG, devices=(FencingDevice(agent="reservation", identity=identity),))
    return spec.model_copy(
        update={
            "nodes": tuple(node.model_copy(update={"fencing": (rung,)}) for node in spec.nodes),
            "services": (Service(name="app", unit=anew.UNIT, start_timeout_seconds=START_SECONDS),),
            "replication": Replication(shared_disk=SharedDisk(disk=DEVICE, identity=identity, mount=anew.MOUNT)),
            "localise": (),
        }
    )


class MemorySharedPair:
    """The world in memory."""

    deadline_seconds = 30.0

    def __init__(self) -> None:
        """Make two nodes."""
        self._world = SharedWorld(nodes=ADDRESSES.items(), units=(anew.UNIT,), clock=MemoryClock())
        one, other = (spec_node(name, address=ADDRESSES[name], host_key=f"ssh-ed25519 {name}") for name in ADDRESSES)
        self.spec = _spec(pair_spec(nodes=(one, other)), identity=MEMORY_IDENTITY)
        self.nodes: NodePort = MemoryNodes(self._world)
        self.replication: ReplicationPort = MemoryShared(self._world)
        self.fencing: FencingPort = MemoryFencing(self._world)

    async def writers(self) -> list[str]:
        """Return who holds the disk, and all where nobody does."""
        held = self._world.held
        return [name for name in self._world.nodes if held is None or held.node == name]

    async def forget(self) -> None:
        """Let the storage lose its keys."""
        self._world.held = None

    async def be_foreign(self) -> None:
        """Let somebody else hold the disk."""
        self._world.held = Hold(FOREIGN, 0)

    async def stop(self, name: str) -> None:
        """End what runs."""
        self._world.nodes[name].running.clear()

    async def be_patient(self) -> None:
        """Nothing takes long in memory."""


class MachinesSharedPair:
    """Two machines and a storage, spoken to over SSH."""

    deadline_seconds = 200.0

    def __init__(self, bed: Bed, storage: Storage) -> None:
        """Open no session yet."""
        self._bed, self._storage, self._key = bed, storage, bed.ssh_key.read_bytes()
        one, other = (spec_node(name, address=node.address, host_key=node.host_key) for name, node in bed.nodes.items())
        self.spec = _spec(pair_spec(nodes=(one, other)), identity=storage.identity)
        clock = SystemClock()
        self.sessions = Sessions(secrets=self._secrets, namespace="contract", clock=clock)
        self.nodes: NodePort = SshNodes(self.sessions, spec=lambda: self.spec, clock=clock)
        self.replication: ReplicationPort = SharedReplication(self.sessions)
        self.fencing: FencingPort = AgentFencing(
            namespace="contract",
            folder=Path("/usr/sbin"),
            secrets=self._secrets,
            clock=clock,
            disk=DiskReservation(self.sessions, spec=lambda: self.spec),
        )

    async def make_anew(self) -> None:
        """Make everything what it was before anything was installed."""
        await asyncio.to_thread(anew.make_anew, self._bed)

    async def writers(self) -> list[str]:
        """Let both kernels try, past every cache."""
        found = []
        for name, block in SCRATCH_BLOCK.items():
            said = await self._do(name, TRY.format(node=name, block=block))
            if WROTE in said:
                found.append(name)
            else:
                assert CONFLICT in said, said
        return found

    async def forget(self) -> None:
        """Clear what the storage keeps."""
        await self._do("a", anew.NO_KEYS)

    async def be_foreign(self) -> None:
        """Hold the disk under a key that is nobody's of this pair."""
        await self._do("a", BE_FOREIGN)

    async def stop(self, name: str) -> None:
        """End what runs."""
        await self._do(name, f"systemctl stop {anew.UNIT}")

    async def be_patient(self) -> None:
        """Let the programs be so."""
        for name in self._bed.nodes:
            await self._do(name, anew.PATIENT)

    async def _do(self, name: str, script: str) -> str:
        return await asyncio.to_thread(anew.on_console, self._bed, name, script)

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self._key}
