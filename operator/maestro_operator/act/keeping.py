"""What a person named of the things that nodes keep: a backup to be brought up, an old side's data to be given up.

The law of this file: nothing is chosen here. What the journal does not name is neither restored nor deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from maestro_operator.act.acting import Acting


async def restore(acting: Acting) -> Outcome:
    """Put the backup in the place of the stopped target's data, which its node keeps aside."""
    item = acting.episode.restore
    if item is None:
        return Refused(Reason.BACKUP_ABSENT, "no backup was named")
    return await acting.drivers.replication.restore(
        acting.target, episode=acting.episode.id, item=item, deadline_seconds=acting.deadline_seconds
    )


async def hold_queue(acting: Acting) -> Outcome:
    """Hold the queue of mail that came up with older data: the old side may have sent what lies in it since."""
    loss = acting.episode.loss
    if acting.seen.spec.spool is None or loss is None or not loss.declared_seconds:
        return Done()
    return await acting.drivers.replication.hold_queue(
        acting.target, episode=acting.episode.id, deadline_seconds=acting.deadline_seconds
    )


async def discard(acting: Acting) -> Outcome:
    """Delete what is kept aside on the target."""
    item = acting.episode.discard
    if item is None:
        return Refused(Reason.STEP_REFUSED, "nothing was named that could be given up")
    return await acting.drivers.replication.discard(acting.target, item=item, deadline_seconds=acting.deadline_seconds)
