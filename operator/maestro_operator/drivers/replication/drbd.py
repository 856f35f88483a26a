"""Replication by a DRBD mirror: each verb is one call of `maestro-replica` on a node, which knows the mirror's words.

The law of this file: nothing is copied by the operator, and nothing forced. That both sides have the same is read back
from both of them.
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

_REFUSALS = {
    "NotWhole": Reason.COPY_NOT_WHOLE,
    "SyncBehind": Reason.SYNC_BEHIND,
    "BadConfiguration": Reason.MIRROR_UNSAFE,
}


class DrbdReplication(CallsDisk):
    """The consistency group of one pair on a mirrored disk."""

    refusals = _REFUSALS
    passes: ClassVar = {"RunBusy": Reason.STEP_REFUSED, "SyncBehind": Reason.SYNC_BEHIND}

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

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Refuse: a mirror is restored by hand, on its mounted disk."""
        del episode, item, deadline_seconds
        return Refused(Reason.STEP_REFUSED, f"{node.name} has a mirror, which is restored by hand: see the page of it")
