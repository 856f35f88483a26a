"""One disk that both nodes reach: each verb is one call of `maestro-replica` on a node, which knows the disk's words.

The law of this file: nothing is copied, and nobody's key is taken away by the operator. Who holds the disk is read back
from the disk by the node that takes over, before it mounts anything and again here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from maestro_operator.drivers.replication.calling import READ_SECONDS, CallsDisk
from maestro_operator.drivers.replication.observation import generation_of, observe
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import BadAnswerError

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode

REFUSALS = {
    "NotWhole": Reason.COPY_NOT_WHOLE,
    "SyncBehind": Reason.DISK_NOT_HELD,
    "NotEqual": Reason.DISK_NOT_HELD,
    "NewerOwner": Reason.DISK_NOT_HELD,
    "ForeignKey": Reason.DISK_FOREIGN,
    "OtherMount": Reason.DISK_MOUNTED_TWICE,
}


class SharedReplication(CallsDisk):
    """The consistency group of one pair on a disk that both nodes reach."""

    refusals = REFUSALS
    passes: ClassVar = {"RunBusy": Reason.STEP_REFUSED}

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

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a shared disk is restored by hand, where it is mounted."""
        del episode, item, deadline_seconds
        text = f"{node.name} has a shared disk, which is restored by hand: see the page of it"
        return Refused(Reason.STEP_REFUSED, text)
