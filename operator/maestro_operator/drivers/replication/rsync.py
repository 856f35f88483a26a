"""Replication by rsync between the nodes: each verb is one call of `maestro-replica` on a node.

The law of this file: the operator carries no data and decides nothing about it. A generation is
believed when the node that committed it was read back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from maestro_operator.drivers.replication.calling import READ_SECONDS, CallsReplica
from maestro_operator.drivers.replication.observation import generation_of, observe
from maestro_operator.model.outcome import Done, Failed, Outcome
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import BadAnswerError, outcome_of

if TYPE_CHECKING:
    from maestro_operator.clock import Clock
    from maestro_operator.model.status import FrozenNode, Generation
    from maestro_operator.transport.session import Sessions

_REFUSALS = {
    "NotWhole": Reason.COPY_NOT_WHOLE,
    "LiveAbsent": Reason.COPY_NOT_WHOLE,
    "NoSuchItem": Reason.BACKUP_ABSENT,
    "BackupDamaged": Reason.BACKUP_ABSENT,
    "ForeignPair": Reason.FOREIGN_PAIR,
}


class RsyncReplication(CallsReplica):
    """The consistency group of one pair, as its nodes keep it."""

    refusals = _REFUSALS
    # Another run holds the lock; it ends by itself.
    passes: ClassVar = {"RunBusy": Reason.STEP_FAILED, "ReceiverBusy": Reason.STEP_FAILED}

    def __init__(self, sessions: Sessions, *, clock: Clock) -> None:
        """Keep the way to the nodes."""
        super().__init__(sessions)
        self._clock = clock

    @override
    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the source open its connection to the target, which lasts for a minute."""
        del target
        return await self._call(source, "connect", deadline_seconds=deadline_seconds)

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Send what the stopped source has; fact `generation` names what the target committed."""
        return await self._send(source, target, deadline_seconds=deadline_seconds)

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the source begin one ordinary run now, or go on with the one under way.

        It is the timer's own unit: it outlives the session and the operator, and its end is read
        back from both nodes. A whole first copy may take hours.
        """
        words = ("systemctl", "start", "--no-block", "maestro-replica.service")
        answer = await self._sessions.run(source, words, deadline_seconds=deadline_seconds)
        return outcome_of(
            answer, what=f"{source.name}: sync to {target.name}", refusals={}, otherwise=Reason.STEP_REFUSED
        )

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Make a whole generation the live data; without one the live data that is there is used."""
        if generation is None:
            return await self._call(node, "up", deadline_seconds=deadline_seconds)
        words = ("promote", "--episode", episode, "--generation", str(generation))
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Put a backup in the place of the live data; a repeat goes on where a cut one stopped."""
        words = ("restore", "--episode", episode, "--item", item)
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def _send(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        ends = self._clock.monotonic_seconds() + deadline_seconds
        sent = await self._call(source, "final", deadline_seconds=deadline_seconds)
        if not isinstance(sent, Done):
            return sent
        try:
            generation = generation_of(sent.facts.get("generation", ""), key="generation")
        except BadAnswerError as error:
            return Failed(Reason.BAD_ANSWER, f"{source.name}: final: {error}")
        left = max(0.1, ends - self._clock.monotonic_seconds())
        committed = await observe(self._sessions, target, deadline_seconds=min(left, READ_SECONDS))
        if isinstance(committed, Unknown):
            return Failed(committed.reason, f"reading back generation {generation}: {committed.message}")
        if committed.newest is None or _order(committed.newest) < _order(generation):
            text = f"{target.name} has {committed.newest or 'no generation'}, not {generation}"
            return Failed(Reason.COPY_NOT_WHOLE, text)
        return Done({**sent.facts, "generation": str(generation)})


def _order(generation: Generation) -> tuple[int, int]:
    return generation.epoch, generation.counter
