"""The fencing port over a world: what switches off, what isolates, and the shared disk that is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.drivers.memory.sharing import SharedWorld
from maestro_operator.model.denial import GATEWAY, RESERVATION, fenced_word
from maestro_operator.model.outcome import Done, Failed, Outcome
from maestro_operator.model.proof import FenceEvidence, PowerReading
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode

SECOND_LOOK_SECONDS = 2.05


class MemoryFencing(Reaching):
    """The fencing port: each node's devices are honest, lying, denying or dead."""

    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        """Take from the node what each device takes, and read twice."""
        del deadline_seconds
        mode = self._world.devices[node.name]
        if mode == "dead":
            return Failed(Reason.DEVICE_FAILED, f"the device of {node.name} does not answer")
        found = next((item for item in node.fencing if item.name == rung), None)
        devices = found.devices if found else ()
        for item in devices if mode == "honest" else ():
            self._act(node.name, item.agent)
        first = [self._reading(node, item.agent, item.identity, look=1) for item in devices]
        await self._world.clock.sleep(SECOND_LOOK_SECONDS)
        second = [self._reading(node, item.agent, item.identity, look=2) for item in devices]
        evidence = FenceEvidence(
            node=node.name,
            rung=rung,
            devices=tuple(item.identity for item in devices),
            readings=(*first, *second),
        )
        return Done(evidence=evidence)

    def _act(self, name: str, agent: str) -> None:
        if agent == GATEWAY:
            self._world.isolate(name)
        elif agent != RESERVATION:
            self._world.power_cut(name)
        elif isinstance(self._world, SharedWorld):
            self._world.preempt(name)

    def _still_has(self, name: str, agent: str) -> bool:
        """Tell whether the node has what the device should have taken from it."""
        if agent == GATEWAY:
            return any(self._world.reaches(other, name) for other in self._world.nodes if other != name)
        if agent != RESERVATION:
            return self._world.nodes[name].is_on
        held = self._world.held if isinstance(self._world, SharedWorld) else None
        return held is None or held.node != self._world.other(name).name

    def _reading(self, node: FrozenNode, agent: str, identity: str, *, look: int) -> PowerReading:
        is_lying = self._world.devices[node.name] == "lying"
        state = "on" if self._still_has(node.name, agent) and not is_lying else fenced_word(agent)
        return PowerReading(agent, identity, state, self._world.clock.monotonic_seconds(), look)

    async def check(self, node: FrozenNode) -> tuple[DeviceSeen | Unknown, ...]:
        """Read every device of the node."""
        if self._world.devices[node.name] == "dead":
            return (Unknown(Reason.DEVICE_FAILED, f"the device of {node.name} does not answer"),)
        return tuple(
            DeviceSeen(node.name, rung.name, item.agent, self._reading(node, item.agent, "", look=0).state)
            for rung in node.fencing
            for item in rung.devices
        )

    async def credentials(self, node: FrozenNode) -> str | Unknown:
        """Return how often the Secret of the node's device was changed, as a mark."""
        return f"{node.name}-{self._world.secret_changes[node.name]}"
