"""The contract's world in memory."""

from maestro_operator.drivers.memory.ports import MemoryNodes, memory_replication
from maestro_operator.drivers.memory.product import ProductWorld
from maestro_operator.drivers.memory.rehearsing import MemoryRehearsals
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import NodePort, RehearsalPort, ReplicationPort
from support.contracts.pair_world import BACKUP, UNITS, pair_spec, spec_node

ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12"}


class MemoryPair:
    """Two nodes of a `MemoryWorld`."""

    def __init__(self, world: MemoryWorld | None = None) -> None:
        self._world = world or MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
        self.follows = isinstance(self._world, ProductWorld)
        one, other = (spec_node(name, address=ADDRESSES[name], host_key=f"ssh-ed25519 {name}") for name in ADDRESSES)
        self.spec = pair_spec(nodes=(one, other))
        self.nodes: NodePort = MemoryNodes(self._world)
        self.replication: ReplicationPort = memory_replication(self._world)
        self.rehearsals: RehearsalPort = MemoryRehearsals(self._world)

    async def power_cut(self, name: str) -> None:
        """Take a node's power away."""
        self._world.power_cut(name)

    async def power_on(self, name: str) -> None:
        """Give it back."""
        self._world.power_on(name)

    async def isolate(self, name: str) -> None:
        """Cut a node off from everybody."""
        self._world.isolate(name)

    async def heal(self) -> None:
        """End every cut."""
        self._world.heal()

    async def write(self, name: str) -> None:
        """Add one record to a node's live data."""
        node = self._world.nodes[name]
        node.records = (node.records or 0) + 1

    async def queue(self, name: str, messages: int) -> None:
        """Put so many messages into the queue of a node's live data."""
        self._world.nodes[name].queued = messages

    async def back_up(self, name: str) -> None:
        """Make a backup on a node; the other one keeps it too."""
        self._world.back_up(name, BACKUP)

    async def rot(self, name: str) -> None:
        """Let bits rot in the kept backup."""
        self._world.nodes[name].damaged.add(BACKUP)

    async def breaks(self, name: str, unit: str) -> None:
        """Let a service fail there."""
        self._world.nodes[name].breaks.add(unit)

    async def records(self, name: str) -> int | None:
        """Return how many records a node's live data has."""
        return self._world.nodes[name].records


def memory_product() -> MemoryPair:
    """Returns a world whose product replicates itself."""
    return MemoryPair(ProductWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock()))
