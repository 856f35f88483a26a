"""When the silence of the active side is no outage yet: it has just booted, or said that it goes down.

The law of this file: a node is excused for at most `startupGraceSeconds` from one boot or one notice,
and what a former operator knew is not: then nothing is excused but what the peer still tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Grace, NodeSeen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.seen import Unknown


@dataclass(frozen=True, slots=True)
class _Booted:
    """The boot in which a node was last read, and when that began on this operator's clock."""

    boot_id: str
    at_seconds: float


class BootMemory:
    """Remembers when each node's last known boot was."""

    def __init__(self) -> None:
        """Begin with no node."""
        self._booted: dict[str, _Booted] = {}

    def note(self, nodes: Mapping[str, NodeSeen | Unknown], *, now_seconds: float) -> None:
        """Take down what this look says of each node's boot."""
        for name, node in nodes.items():
            if isinstance(node, NodeSeen):
                self._booted[name] = _Booted(node.boot_id, now_seconds - node.uptime_seconds)

    def grace(
        self, active: str, nodes: Mapping[str, NodeSeen | Unknown], *, grace_seconds: float, now_seconds: float
    ) -> Grace | None:
        """Return why the active side's silence would be excused now, or None where it would not."""
        left = [node.peer_left_seconds for name, node in nodes.items() if isinstance(node, NodeSeen) and name != active]
        noticed = next((age for age in left if age is not None), None)
        if noticed is not None and noticed < grace_seconds:
            return Grace(Reason.REBOOTING, f"{active} told its peer that it shuts down", grace_seconds - noticed)
        booted = self._booted.get(active)
        if booted is None or now_seconds - booted.at_seconds >= grace_seconds:
            return None
        rest = grace_seconds - (now_seconds - booted.at_seconds)
        return Grace(Reason.STARTING, f"{active} booted less than {grace_seconds:.0f} s ago", rest)
