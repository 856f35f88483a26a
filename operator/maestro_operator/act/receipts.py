"""The guard's receipts for what may come up without the other node: each serves once, under the step's own proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Outcome

if TYPE_CHECKING:
    from maestro_operator.act.acting import Acting


async def may_come_up_alone(acting: Acting, *, epoch: int) -> Outcome:
    """Let the target bring its data up without its peer, or take them from it; an own copy needs no such word."""
    replication = acting.seen.spec.replication
    if replication.drbd is None and replication.shared_disk is None:
        return Done()
    return await acting.order(acting.target, "receipt", epoch=epoch, kind="Fenced")


async def standby_lost(acting: Acting) -> Outcome:
    """Let the frozen owner go on alone; that it may have is in status already."""
    return await acting.order(acting.target, "receipt", epoch=acting.episode.epoch, kind="StandbyLost")
