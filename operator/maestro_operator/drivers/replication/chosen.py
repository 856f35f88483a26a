"""The replication that the spec names, asked anew for each verb: which driver it is cannot be exchanged in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.replication.command import CommandReplication
from maestro_operator.drivers.replication.drbd import DrbdReplication
from maestro_operator.drivers.replication.rsync import RsyncReplication
from maestro_operator.drivers.replication.shared import SharedReplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import ReplicationPort
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.model.status import FrozenNode, Generation
    from maestro_operator.transport.session import Sessions


class ChosenReplication:
    """One pair's replication port."""

    def __init__(self, sessions: Sessions, *, spec: Callable[[], PairSpec], clock: Clock) -> None:
        """Keep a driver of each kind, and how to ask for the spec as it is now."""
        self._spec = spec
        self._rsync = RsyncReplication(sessions, clock=clock)
        self._drbd = DrbdReplication(sessions)
        self._shared = SharedReplication(sessions)
        self._command = CommandReplication(sessions)

    @property
    def _port(self) -> ReplicationPort:
        chosen = self._spec().replication
        if chosen.shared_disk is not None:
            return self._shared
        if chosen.command is not None:
            return self._command
        return self._rsync if chosen.drbd is None else self._drbd

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open what the last copy goes over."""
        return await self._port.connect(source, target, deadline_seconds=deadline_seconds)

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Bring the target what the stopped source has."""
        return await self._port.final_sync(source, target, deadline_seconds=deadline_seconds)

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Begin to bring the target what the source has."""
        return await self._port.sync(source, target, deadline_seconds=deadline_seconds)

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Make a whole copy the live data."""
        return await self._port.promote(node, episode=episode, generation=generation, deadline_seconds=deadline_seconds)

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Put a backup in the place of the live data."""
        return await self._port.restore(node, episode=episode, item=item, deadline_seconds=deadline_seconds)

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one thing that is kept aside."""
        return await self._port.discard(node, item=item, deadline_seconds=deadline_seconds)

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail that came up, and let the site's program hold it."""
        return await self._port.hold_queue(node, episode=episode, deadline_seconds=deadline_seconds)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Make an old source ready to receive."""
        return await self._port.reverse(node, episode=episode, generation=generation, deadline_seconds=deadline_seconds)

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Keep aside what the node wrote last."""
        return await self._port.quarantine(node, episode=episode, deadline_seconds=deadline_seconds)
