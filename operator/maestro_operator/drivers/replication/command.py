"""A product that replicates itself: each verb is one call of `maestro-replica` on a node, which asks programs there.

The law of this file: what a program says of itself is not enough. That a standby has what a stopped owner had is read
back from the standby, and a standby is made by its own node's timer, under its own guard's grant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from maestro_operator.drivers.replication.calling import READ_SECONDS, CallsReplica
from maestro_operator.drivers.replication.observation import generation_of, observe
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import BadAnswerError, outcome_of

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode, Generation

REFUSALS = {
    "NotWhole": Reason.COPY_NOT_WHOLE,
    "SyncBehind": Reason.SYNC_BEHIND,
    "LiveAbsent": Reason.COPY_NOT_WHOLE,
}


class CommandReplication(CallsReplica):
    """The consistency group of one pair, as a product of the site's keeps it."""

    refusals = REFUSALS
    passes: ClassVar = {"RunBusy": Reason.STEP_REFUSED, "SyncBehind": Reason.SYNC_BEHIND}

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the stopped source say how far it came; fact `generation` names what the standby was read to have."""
        given = await self._call(source, "final", deadline_seconds=deadline_seconds)
        if not isinstance(given, Done):
            return given
        try:
            generation = generation_of(given.facts.get("generation", ""), key="generation")
        except BadAnswerError as error:
            return Failed(Reason.BAD_ANSWER, f"{source.name}: final: {error}")
        arrived = await self._call(
            target, "arrived", "--generation", str(generation), deadline_seconds=deadline_seconds
        )
        if not isinstance(arrived, Done):
            return arrived
        there = await observe(self._sessions, target, deadline_seconds=READ_SECONDS)
        if isinstance(there, Unknown):
            return Failed(there.reason, f"reading back {target.name}: {there.message}")
        if there.newest != generation or not there.is_whole:
            return Failed(
                Reason.COPY_NOT_WHOLE, f"{target.name} has {there.newest or 'nothing whole'}, not {generation}"
            )
        return Done({**given.facts, "generation": str(generation)})

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the target's own timer make it a standby of the source; that outlives the session and the operator."""
        words = ("systemctl", "start", "--no-block", "maestro-replica.service")
        answer = await self._sessions.run(target, words, deadline_seconds=deadline_seconds)
        what = f"{target.name}: standby of {source.name}"
        return outcome_of(answer, what=what, refusals={}, otherwise=Reason.STEP_REFUSED)

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Let a standby's data become the owner's; without a generation those that are there are used."""
        if generation is None:
            return await self._call(node, "up", deadline_seconds=deadline_seconds)
        words = ("promote", "--episode", episode, "--generation", str(generation))
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a product that replicates itself is restored by its own means."""
        del episode, item, deadline_seconds
        text = f"{node.name} has a product that replicates itself, restored by hand: see the page of it"
        return Refused(Reason.STEP_REFUSED, text)
