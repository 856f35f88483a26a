"""The contract's worlds of what sends clients somewhere, in memory: one entry of each kind."""

from typing_extensions import override

from maestro_operator.drivers.memory.ports import memory_traffic
from maestro_operator.drivers.memory.steering import API_SERVER
from maestro_operator.drivers.memory.world import OPERATOR, MemoryClock, MemoryWorld
from maestro_operator.model.pair import Traffic
from support.contracts.steering import STRANGER, SteeredWorld
from support.entries import ADDRESSES, FLOATING, SIX_KINDS, STRANGERS_ADDRESS
from support.frozen import node_at


class MemorySteered(SteeredWorld):
    """An entry of one kind over a memory world."""

    def __init__(self, kind: str) -> None:
        self.world = MemoryWorld(nodes=ADDRESSES.items(), units=("x",), clock=MemoryClock())
        self.traffic = memory_traffic(self.world)
        self.entry = SIX_KINDS[kind]
        self.nodes = node_at("a", ADDRESSES["a"]), node_at("b", ADDRESSES["b"])

    @override
    async def put(self, who: str) -> None:
        if self.entry.floating_address and who == STRANGER:
            self.world.others_have.add(FLOATING)
        elif self.entry.floating_address:
            self.world.nodes[who].addresses.add(FLOATING)
        else:
            self.world.steered[self.entry.name] = ADDRESSES.get(who, STRANGERS_ADDRESS)

    @override
    async def points_at(self) -> set[str]:
        if self.entry.floating_address:
            strangers = {STRANGER} if FLOATING in self.world.others_have else set()
            return {node.name for node in self.world.nodes.values() if FLOATING in node.addresses} | strangers
        whose = {address: name for name, address in ADDRESSES.items()}
        there = self.world.steered.get(self.entry.name)
        return set() if there is None else {whose.get(there, STRANGER)}

    @override
    async def hide(self) -> None:
        for party in _kept_by(self.entry):
            self.world.cut(OPERATOR, party)

    @override
    async def show(self) -> None:
        self.world.heal()

    @override
    async def lose(self, node: str) -> None:
        self.world.power_cut(node)


def _kept_by(entry: Traffic) -> tuple[str, ...]:
    if entry.floating_address:
        return tuple(ADDRESSES)
    return (f"traffic {entry.name}",) if entry.host else (API_SERVER,)
