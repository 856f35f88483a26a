"""A life in memory: the twin of the nodes, which the whole enumeration trusts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import OPERATOR, MemoryClock, MemoryWorld
from maestro_operator.model.pair import FencingDevice
from support.conform.physics import KNOWN, can_be_struck
from support.conform.sides import NODES, Ports, Side, generation_meant, plain, spec_of
from support.contracts.pair_world import UNITS, spec_node
from support.modelcheck.stage import OVER_SSH
from support.modelcheck.state import Adversary, State
from support.worlds import ADDRESSES

if TYPE_CHECKING:
    from maestro_operator.model.status import Generation
    from support.conform.deeds import Deed

MOST_ROUNDS = 6
ROUND_SECONDS = 5.0


class MemorySide(Side):
    """Two nodes of a `MemoryWorld`."""

    def __init__(self) -> None:
        """Makes the first world."""
        self._make()

    def _make(self) -> None:
        self._world = MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
        self._state = State(self._world, (), (), Adversary())
        nodes = tuple(spec_node(name, address=ADDRESSES[name], host_key=f"ssh-ed25519 {name}") for name in NODES)
        devices = {name: FencingDevice(agent="fence_memory", identity=f"machine-{name}") for name in NODES}
        spec = spec_of((nodes[0], nodes[1]), devices, "10.77.0.53")
        self._ports = Ports(memory_drivers(self._world), spec, {})

    @override
    async def begin(self) -> None:
        self._make()

    def can(self, deed: Deed) -> bool:
        """Tells whether a deed is possible in this world and means one thing: a blow that falls on nothing is none.

        What is sent to a node that hangs or is cut off may arrive when it goes on, or have arrived unheard: which of
        these happens is a move of the enumeration's own, and on real nodes it is chance.
        """
        if deed.kind == "blow":
            return can_be_struck(self._state, deed.name)
        asked = [deed.words[key] for key in ("node", "source") if key in deed.words and deed.words["port"] in OVER_SSH]
        return all(self._world.reaches(OPERATOR, name) or not self._world.nodes[name].is_on for name in asked)

    async def generation(self, deed: Deed) -> Generation | None:
        """Returns the generation that an act names."""
        if "generation" not in deed.words:
            return None
        return generation_meant(deed.words, await self._ports.seen(deed.words["node"]))

    @override
    async def do(self, deed: Deed, *, generation: Generation | None, patience_seconds: float) -> Any:
        ended = None
        match deed.kind:
            case "act":
                outcome = await self._ports.act(deed.words, generation=generation, deadline_seconds=patience_seconds)
                ended = plain(outcome)
            case "blow":
                KNOWN[deed.name].do(self._state)
            case _:
                self._world.write()
                self._world.run_syncs()
        self._guards_go_round()
        return ended

    def _guards_go_round(self) -> None:
        """Lets every guard go round until none does anything more: on the bed they never rest."""
        for _ in range(MOST_ROUNDS):
            self._world.clock.pass_seconds(ROUND_SECONDS)
            self._world.run_guards()

    @override
    async def look(self, *, at_devices: bool) -> dict[str, Any]:
        drivers, names = self._ports.drivers, self._ports.spec.traffic[0]
        frozen = [self._ports.node(name) for name in NODES]
        return {
            "nodes": {node.name: plain(await drivers.nodes.read(node)) for node in frozen},
            "traffic": plain(await drivers.traffic.read(names, frozen)),
            "devices": {node.name: plain(await drivers.fencing.check(node)) for node in frozen} if at_devices else None,
            "records": {node.name: self._records(node.name) for node in frozen},
        }

    def _records(self, name: str) -> int | str | None:
        """Returns how many records the live data has; what no console shows now is not compared."""
        node = self._world.nodes[name]
        return node.records if node.is_alive else "not to be asked"
