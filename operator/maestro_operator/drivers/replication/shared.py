"""One disk that both nodes reach: each verb is one call of `maestro-replica` on a node, which knows the disk's words.

The law of this file: nothing is copied, and nobody's key is taken away by the operator. Who holds the disk is read back
from the disk by the node that takes over, before it mounts anything and again here.
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
REFUSALS = {
    "NotWhole": Reason.COPY_NOT_WHOLE,
    "SyncBehind": Reason.DISK_NOT_HELD,
    "NotEqual": Reason.DISK_NOT_HELD,
    "NewerOwner": Reason.DISK_NOT_HELD,
    "ForeignKey": Reason.DISK_FOREIGN,
    "OtherMount": Reason.DISK_MOUNTED_TWICE,
}
_PASSES = ("RunBusy",)
"""What ends by itself: it is tried again."""


class SharedReplication:
    """The consistency group of one pair on a disk that both nodes reach."""

    def __init__(self, sessions: Sessions) -> None:
        """Keep the way to the nodes."""
        self._sessions = sessions

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the stopped source unmount the disk; fact `generation` names what the target was read to find on it.

        The source's key stays until the target takes the disk: nobody writes in between.
        """
        given = await self._call(source, "final", deadline_seconds=deadline_seconds)
        if not isinstance(given, Done):
            return given
        there = await observe(self._sessions, target, deadline_seconds=READ_SECONDS)
        if isinstance(there, Unknown):
            return Failed(there.reason, f"reading back {target.name}: {there.message}")
        try:
            generation = generation_of(given.facts.get("generation", ""), key="generation")
        except BadAnswerError as error:
            return Failed(Reason.BAD_ANSWER, f"{source.name}: final: {error}")
        if there.newest != generation:
            problem = there.disk.problem if there.disk is not None else None
            found = there.newest or problem or "nothing whole"
            return Failed(Reason.COPY_NOT_WHOLE, f"{target.name} finds {found} on the disk, not {generation}")
        return Done({**given.facts, "generation": str(generation)})

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Let the owner look after its hold; there is one disk, and nothing moves to the target."""
        del target
        return await self._call(source, "run", deadline_seconds=deadline_seconds)

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Take the disk on the guard's receipt, read back that this node alone holds it, and mount it."""
        words = ["promote", "--episode", episode]
        words += [] if generation is None else ["--generation", str(generation)]
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a shared disk is restored by hand, where it is mounted."""
        del episode, item, deadline_seconds
        text = f"{node.name} has a shared disk, which is restored by hand: see the page of it"
        return Refused(Reason.STEP_REFUSED, text)

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Forget one thing that was kept aside; of a shared disk nothing is."""
        return await self._call(node, "prune", "--item", item, deadline_seconds=deadline_seconds)

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail that came up, and let the site's program hold it."""
        return await self._call(node, "hold", "--episode", episode, deadline_seconds=deadline_seconds)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Let an old source whose disk was taken be the standby that it is."""
        words = ("reverse", "--episode", episode, "--generation", str(generation))
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Unmount what the node still has; what it wrote is on the one disk, and what it had not stored is refused."""
        return await self._call(node, "quarantine", "--episode", episode, deadline_seconds=deadline_seconds)

    async def _call(self, node: FrozenNode, *words: str, deadline_seconds: float) -> Outcome:
        answer = await self._sessions.run(node, (REPLICA, *words), deadline_seconds=deadline_seconds)
        outcome = outcome_of(answer, what=f"{node.name}: {words[0]}", refusals=REFUSALS, otherwise=Reason.STEP_REFUSED)
        if isinstance(outcome, Refused) and outcome.remote_reason in _PASSES:
            return Failed(outcome.reason, outcome.message)
        return outcome
