"""One step about to be performed: its sides, its epoch, and the orders it gives to a node's guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.ports import Drivers, Order, Way
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.pair import Service
from maestro_operator.model.proof import Method
from maestro_operator.model.seen import NodeSeen
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from maestro_operator.model.decision import Perform
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import Localise
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode, EpochMark, FrozenNode

MEANS_OFF = (Method.FENCED, Method.HUMAN)
"""Proofs that say of a node that it answers nobody."""


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
    def way(self) -> Way:
        """Return where traffic goes; it may point at the other side now, or at what was this pair's before."""
        proof = self.action.proof or self.episode.proof
        former = (item.address for item in self.action.status.recorded if item.address is not None)
        return Way(
            target=self.target,
            source=self.source,
            former=tuple(dict.fromkeys(former)),
            source_is_off=proof is not None and proof.node == self.source.name and proof.method in MEANS_OFF,
            keeps_owner=self.episode.kind in (EpisodeKind.REPAIR, EpisodeKind.RESTART),
            is_planned=self.episode.kind is EpisodeKind.SWITCHOVER,
        )

    @property
    def in_force(self) -> EpochMark:
        """Return the epoch in force as the intent's status has it."""
        mark = self.action.status.epoch.in_force
        if mark is None:
            message = f"{self.action.step} needs an epoch in force"
            raise MaestroError(message)
        return mark

    def _frozen(self, name: str) -> FrozenNode:
        """Return a node as it was frozen; the way to the very same machine may be mended meanwhile.

        A new host key or Secret in the spec reaches it, where this look read the machine-id that the episode froze.
        """
        node, reading = self.episode.frozen_node(name), self.seen.nodes.get(name)
        if node is None:
            message = f"episode {self.episode.id} froze no node {name}"
            raise MaestroError(message)
        is_the_same = isinstance(reading, NodeSeen) and reading.machine_id == node.machine_id
        return node.model_copy(update={"ssh": self.seen.spec.node(name).ssh}) if is_the_same else node

    @property
    def files(self) -> tuple[Localise, ...]:
        """Return what is edited on the target; a standby's files come with its data, when it is promoted."""
        if self.episode.kind is EpisodeKind.REJOIN:
            return ()
        return tuple(item for item in self.seen.spec.localise if item.is_settled)

    def to_stop(self, name: str) -> tuple[Service, ...]:
        """Return every service that may run on a node: those of the spec, and units that the node shows besides."""
        reading, services = self.seen.nodes.get(name), self.seen.spec.services
        known = {service.unit for service in services}
        shown = [unit.name for unit in reading.units] if isinstance(reading, NodeSeen) else []
        return (*services, *(Service(name=unit, unit=unit) for unit in shown if unit not in known))

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
        kind: str | None = None,
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
            kind=kind,
        )
        return await self.drivers.nodes.order(node, order, deadline_seconds=self.deadline_seconds)
