"""Which nodes fall silent and come back again and again: nothing should move to one of those by itself."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.seen import NodeSeen

WINDOW_SECONDS = 3600.0
"""How long a return is held against a node."""


class FlapMemory:
    """Counts how often each node came back from silence lately; a planned reboot is no flap."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._is_silent: dict[str, bool] = {}
        self._returns: dict[str, deque[float]] = {}

    def note(
        self, nodes: Mapping[str, NodeSeen | Unknown], *, now_seconds: float, excused: frozenset[str] = frozenset()
    ) -> None:
        """Take down this look; what is excused was not silent."""
        for name, node in nodes.items():
            is_silent = isinstance(node, Unknown) and name not in excused
            if self._is_silent.get(name, False) and not isinstance(node, Unknown):
                self._returns.setdefault(name, deque()).append(now_seconds)
            self._is_silent[name] = is_silent

    def flapping(self, *, limit: int, now_seconds: float) -> tuple[str, ...]:
        """Return the nodes that came back so often within the window."""
        found = set()
        for name, returns in self._returns.items():
            while returns and now_seconds - returns[0] > WINDOW_SECONDS:
                returns.popleft()
            if len(returns) >= limit:
                found.add(name)
        return tuple(sorted(found))
