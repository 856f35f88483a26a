"""Whether a Secret of a node's fence devices has changed, so that the devices are read again at once.

The law of this file: only looks, in the background, and by the one right to read a Secret by its name. A Secret that
could not be read is no change. What a Secret holds stays with the driver; here is a mark of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.observe.lookout import Periodic

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import FencingPort
    from maestro_operator.model.status import FrozenNode

SECRET_PERIOD_SECONDS = 4.0
PAIRS_A_SECOND = 20.0
"""So many pairs' Secrets are looked at in a second, whatever the fleet: a large one is looked at less often."""


def period_seconds(pairs: int) -> float:
    """Return how often the Secrets of one pair are looked at, where there are so many pairs."""
    return max(SECRET_PERIOD_SECONDS, pairs / PAIRS_A_SECOND)


class CredentialWatch:
    """Looks at the Secrets of one node's devices."""

    def __init__(self, node: FrozenNode, fencing: FencingPort, *, clock: Clock, pairs: Callable[[], int]) -> None:
        """Keep whose Secrets they are; nothing is read yet, and nothing ever of a node without any."""
        self._has_any = any(device.secret is not None for rung in node.fencing for device in rung.devices)
        self._mark: str | None = None
        unread = Unknown(Reason.NOT_YET_KNOWN, f"the Secrets of {node.name}'s devices were not read yet")
        self._look: Periodic[str | Unknown] = Periodic(
            unread, lambda: fencing.credentials(node), clock=clock, period_seconds=lambda: period_seconds(pairs())
        )

    def changed(self) -> bool:
        """Tell once that a Secret is another one than at the look before."""
        if not self._has_any:
            return False
        mark, before = self._look.latest(), self._mark
        if isinstance(mark, Unknown):
            return False
        self._mark = mark
        return before is not None and before != mark

    def close(self) -> None:
        """End a look under way."""
        self._look.close()
