"""One step about to be performed: its sides, its epoch, and the orders it gives to a node's guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.ports import Drivers, Order
from maestro_operator.model.errors import MaestroError

if TYPE_CHECKING:
    from maestro_operator.model.decision import Perform
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode, EpochMark, FrozenNode


@dataclass(frozen=True, slots=True)
class Acting:
    """One step about to be performed, its intent already in status."""

    drivers: Drivers
    seen: Seen
    action: Perform
    deadline_seconds: float

    @property
    def episode(self) -> Episode:
        """Return the episode as its intent was written."""
        return self.action.episode

    @property
    def source(self) -> FrozenNode:
        """Return the side that gives up, as the episode froze it."""
        return self._frozen(self.episode.source)

    @property
    def target(self) -> FrozenNode:
        """Return the side that takes over, as the episode froze it."""
        return self._frozen(self.episode.target)

    @property
    def in_force(self) -> EpochMark:
        """Return the epoch in force as the intent's status has it."""
        mark = self.action.status.epoch.in_force
        if mark is None:
            message = f"{self.action.step} needs an epoch in force"
            raise MaestroError(message)
        return mark

    def _frozen(self, name: str) -> FrozenNode:
        node = self.episode.frozen_node(name)
        if node is None:
            message = f"episode {self.episode.id} froze no node {name}"
            raise MaestroError(message)
        return node

    async def order(
        self,
        node: FrozenNode,
        verb: str,
        *,
        epoch: int | None = None,
        owner: str | None = None,
        source: str | None = None,
        episode: str | None = None,
        anew: bool = False,
    ) -> Outcome:
        """Give one order to a node's guard, with this pair's uid and this leader's term."""
        order = Order(
            verb=verb,
            pair_uid=self.action.status.pair_uid or "",
            node=node.name,
            term=self.seen.leadership.term,
            episode=episode or self.episode.id,
            epoch=epoch,
            owner=owner,
            source=source,
            anew=anew,
        )
        return await self.drivers.nodes.order(node, order, deadline_seconds=self.deadline_seconds)
