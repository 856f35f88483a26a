"""The planted fault: a driver that takes its order for an observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.model.denial import fenced_word
from maestro_operator.model.outcome import Done, Outcome
from maestro_operator.model.proof import FenceEvidence, PowerReading

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode


class BelievingFencing(AgentFencing):
    """Says that what it ordered has happened."""

    @override
    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        """Says of every device what it should have come to say."""
        await super().off(node, rung=rung, deadline_seconds=deadline_seconds)
        found = next(item for item in node.fencing if item.name == rung)
        readings = tuple(
            PowerReading(item.agent, item.identity, fenced_word(item.agent), at_seconds=float(look * 3), process=look)
            for look in (1, 2)
            for item in found.devices
        )
        return Done(evidence=FenceEvidence(node.name, rung, tuple(item.identity for item in found.devices), readings))
