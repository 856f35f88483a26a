"""How the source of a switchover stops: what can be made ready while it serves, then its right, then its services.

The law of this file: clients wait from the moment in which the right is taken away, so nothing is done after it that
could be done before; and nothing waits for what was only made ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.act.combined import in_order

if TYPE_CHECKING:
    from maestro_operator.act.acting import Acting
    from maestro_operator.model.outcome import Outcome

READY_SECONDS = 10.0


async def quiesce(acting: Acting) -> Outcome:
    """Let the source reach for the target while it serves, and stop it whatever came of that."""
    await acting.drivers.replication.connect(acting.source, acting.target, deadline_seconds=READY_SECONDS)
    return await stop_source(acting)


async def stop_source(acting: Acting) -> Outcome:
    """Leave the source the final right alone, and stop its services."""
    nodes, services = acting.drivers.nodes, acting.to_stop(acting.source.name)
    return await in_order(
        lambda: acting.order(acting.source, "quiesce", epoch=acting.in_force.number),
        lambda: nodes.stop(acting.source, services, deadline_seconds=acting.deadline_seconds),
    )
