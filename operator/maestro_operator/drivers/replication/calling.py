"""What every way of replicating asks of a node in the same words: one call of `maestro-replica` a verb.

The law of this file: it says what the node's program said. A refusal that ends by itself is a failure, which is tried
again; each way names its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.transport.answers import outcome_of
from maestro_operator.transport.bundle import REPLICA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.status import FrozenNode, Generation
    from maestro_operator.transport.session import Sessions

READ_SECONDS = 10.0


class CallsReplica:
    """The verbs that are the same words to every node's program."""

    refusals: ClassVar[Mapping[str, Reason]]
    """What the program's refusals mean here; any other is a refused step."""
    passes: ClassVar[Mapping[str, Reason]]
    """The refusals that end by themselves, and the reason that each is told with until then."""

    def __init__(self, sessions: Sessions) -> None:
        """Keep the way to the nodes."""
        self._sessions = sessions

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open nothing: what both sides have goes over what they keep open anyway."""
        del source, target, deadline_seconds
        return Done()

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one thing that is kept aside."""
        return await self._call(node, "prune", "--item", item, deadline_seconds=deadline_seconds)

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail that came up, and let the site's program hold it."""
        return await self._call(node, "hold", "--episode", episode, deadline_seconds=deadline_seconds)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Make an old source, which has that generation or gave the disk up, the standby that it is."""
        words = ("reverse", "--episode", episode, "--generation", str(generation))
        return await self._call(node, *words, deadline_seconds=deadline_seconds)

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Keep aside what the node alone wrote, where its way keeps anything, before it may be overwritten."""
        return await self._call(node, "quarantine", "--episode", episode, deadline_seconds=deadline_seconds)

    async def _call(self, node: FrozenNode, *words: str, deadline_seconds: float) -> Outcome:
        answer = await self._sessions.run(node, (REPLICA, *words), deadline_seconds=deadline_seconds)
        what = f"{node.name}: {words[0]}"
        outcome = outcome_of(answer, what=what, refusals=self.refusals, otherwise=Reason.STEP_REFUSED)
        if isinstance(outcome, Refused) and outcome.remote_reason in self.passes:
            return Failed(self.passes[outcome.remote_reason], outcome.message)
        return outcome


class CallsDisk(CallsReplica):
    """The verbs of a disk that comes up as it is."""

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Bring the disk up where its data are those, on the guard's receipt where the other side is not asked."""
        words = ["promote", "--episode", episode]
        words += [] if generation is None else ["--generation", str(generation)]
        return await self._call(node, *words, deadline_seconds=deadline_seconds)
