"""Replication by a DRBD mirror: each verb is one call of `maestro-replica` on a node, which knows the mirror's words.

The law of this file: nothing is copied by the operator, and nothing forced. That both sides have the same is read back
from both of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.replication.observation import generation_of, observe
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import BadAnswerError, outcome_of
from maestro_operator.transport.bundle import REPLICA

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode, Generation
    from maestro_operator.transport.session import Sessions

READ_SECONDS = 10.0
_REFUSALS = {
    "NotWhole": Reason.COPY_NOT_WHOLE,
    "SyncBehind": Reason.SYNC_BEHIND,
    "BadConfiguration": Reason.MIRROR_UNSAFE,
}
_PASSES = ("RunBusy", "SyncBehind")
"""What ends by itself: it is tried again."""


class DrbdReplication:
    """The consistency group of one pair on a mirrored disk."""

    def __init__(self, sessions: Sessions) -> None:
        """Keep the way to the nodes."""
        self._sessions = sessions

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the stopped source give the disk up; fact `generation` names what the target was read to have."""
        given = await self._call(source, "final", deadline_seconds=deadline_seconds)
        if not isinstance(given, Done):
            return given
        noted = await self._call(target, "run", deadline_seconds=READ_SECONDS)
        if not isinstance(noted, Done):
            return noted
        there = await observe(self._sessions, target, deadline_seconds=READ_SECONDS)
        if isinstance(there, Unknown):
            return Failed(there.reason, f"reading back {target.name}: {there.message}")
        try:
            generation = generation_of(given.facts.get("generation", ""), key="generation")
        except BadAnswerError as error:
            return Failed(Reason.BAD_ANSWER, f"{source.name}: final: {error}")
        if there.newest != generation or there.mirror is None or not there.mirror.is_in_sync:
            return Failed(
                Reason.COPY_NOT_WHOLE, f"{target.name} has {there.newest or 'nothing whole'}, not {generation}"
            )
        return Done({**given.facts, "generation": str(generation)})

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let both sides join; DRBD moves what differs, and its end is read back."""
        for node in (target, source):
            joined = await self._call(node, "connect", deadline_seconds=deadline_seconds)
            if not isinstance(joined, Done):
                return joined
        return Done()

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Bring the disk up where it is UpToDate and its data are those; alone only on the guard's receipt."""
        words = ["promote", "--episode", episode]
        words += [] if generation is None else ["--generation", str(generation)]
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a mirror is restored by hand, on its mounted disk."""
        del episode, item, deadline_seconds
        return Refused(Reason.STEP_REFUSED, f"{node.name} has a mirror, which is restored by hand: see the page of it")

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one image that is kept aside."""
        return await self._call(node, "prune", "--item", item, deadline_seconds=deadline_seconds)

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail that came up, and let the site's program hold it."""
        return await self._call(node, "hold", "--episode", episode, deadline_seconds=deadline_seconds)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Let an old source that gave the disk up be the standby that it is."""
        words = ("reverse", "--episode", episode, "--generation", str(generation))
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Leave the mirror, and keep an image of the disk where anything was written on it alone."""
        return await self._call(node, "quarantine", "--episode", episode, deadline_seconds=deadline_seconds)

    async def _call(self, node: FrozenNode, *words: str, deadline_seconds: float) -> Outcome:
        answer = await self._sessions.run(node, (REPLICA, *words), deadline_seconds=deadline_seconds)
        outcome = outcome_of(answer, what=f"{node.name}: {words[0]}", refusals=_REFUSALS, otherwise=Reason.STEP_REFUSED)
        if isinstance(outcome, Refused) and outcome.remote_reason in _PASSES:
            return Failed(outcome.reason, outcome.message)
        return outcome
