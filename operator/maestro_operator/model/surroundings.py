"""What a pair's loop needs around it: the resource, the Lease, and where its turns are seen.

The law of this file: shapes only. `kube` gives them with a real API server, tests with a memory
one, and neither has to know the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.model.decision import Decided
    from maestro_operator.model.pair import PairKey, PairSpec
    from maestro_operator.model.seen import Barred, NodeSeen, Seen, TrafficSeen, Unknown
    from maestro_operator.model.status import PairStatus

FINALIZER = "maestropair.dev/at-rest"
"""While it stands on a pair, the API server keeps a deleted pair until the operator is at rest with it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """The custom resource as it was last read or written."""

    key: PairKey
    resource_version: str
    generation: int
    is_deleting: bool
    annotations: Mapping[str, str]
    spec: Mapping[str, object]
    status: Mapping[str, object]
    finalizers: tuple[str, ...] = ()
    """Who wants to be asked before the resource is gone."""
    answers_by: str | None = None
    """Which client wrote `spec.answers` last and when, as the API server recorded it."""

    @property
    def is_held(self) -> bool:
        """Tell whether a deletion waits until the operator lets the resource go."""
        return FINALIZER in self.finalizers


class Store(Protocol):
    """The API server, for one pair: read it whole, write its status and hold its deletion by compare-and-swap."""

    async def read(self) -> Resource | None:
        """Read the resource, or None where it is gone."""

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Replace the status where nobody wrote since `resource` was read.

        Raises:
            StatusConflict: somebody did, or the object is another one by now.

        """

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Put the operator's finalizer on, or take it off, where nobody wrote since `resource` was read.

        Raises:
            StatusConflict: somebody did, or the object is gone.

        """


class Leader(Protocol):
    """The Lease that makes an operator the leader."""

    @property
    def has_lease(self) -> bool:
        """Tell whether this operator leads at this moment."""

    @property
    def led_for_seconds(self) -> float:
        """Return how long it has led without interruption."""

    @property
    def sure_for_seconds(self) -> float:
        """Return how long the leadership surely lasts, whatever happens to the API server."""

    async def lost(self) -> None:
        """Wait until the leadership has ended."""


class Publisher(Protocol):
    """Where a turn is seen from outside: events, metrics, log lines."""

    async def publish(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Publish what a turn saw and decided; must not fail the turn."""

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        """Count a turn, also one that ended in a surprise."""


class Admits(Protocol):
    """Says of a resource whether it may have any effect, before it has one."""

    async def before(self, key: PairKey, spec: PairSpec, status: PairStatus) -> Barred | None:
        """Return why nothing may be done for a pair, from its resource and its Secrets alone."""

    def after(
        self,
        key: PairKey,
        status: PairStatus,
        *,
        nodes: Mapping[str, NodeSeen | Unknown],
        traffic: Sequence[TrafficSeen | Unknown],
    ) -> Barred | None:
        """Return why nothing may be done for a pair, from what its nodes and name servers said."""


class CountsCommands(Protocol):
    """Says how many remote commands were run, so that the journal can say what a step cost."""

    def commands_run(self, node: str) -> int:
        """Return the number of commands run on one node so far."""
