"""The steps that send clients to a node, and make the node fit for what they find there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from maestro_operator.act.combined import first_bad
from maestro_operator.model.outcome import Done, Outcome

if TYPE_CHECKING:
    from maestro_operator.act.acting import Acting


async def localise(acting: Acting) -> Outcome:
    """Pin the public names on the target, and put right what differs there."""
    names = [name for item in acting.seen.spec.localise if item.hosts_pin for name in item.hosts_pin.names]
    nodes, files = acting.drivers.nodes, acting.files
    pinned = await nodes.pin(
        acting.target, dict.fromkeys(names, acting.target.address), deadline_seconds=acting.deadline_seconds
    )
    if not files or not isinstance(pinned, Done):
        return pinned
    return await nodes.settle(acting.target, files, peer=acting.source, deadline_seconds=acting.deadline_seconds)


async def lower_ttl(acting: Acting) -> Outcome:
    """Lower every entry; the longest that clients may know of is waited for by looking at the clock."""
    traffic, seconds = acting.drivers.traffic, acting.deadline_seconds
    lowered = await asyncio.gather(
        *(traffic.lower(entry, deadline_seconds=seconds) for entry in acting.seen.spec.traffic)
    )
    bad = first_bad(lowered)
    if not isinstance(bad, Done):
        return bad
    waits = [item.facts.get("wait_seconds", "0") for item in lowered if isinstance(item, Done)]
    return Done({"wait_seconds": max(waits, key=float, default="0")})


async def move_traffic(acting: Acting) -> Outcome:
    """Move every entry, one after the other; one that fails is tried again, and keeps none behind it where it was."""
    traffic, seconds = acting.drivers.traffic, acting.deadline_seconds
    return first_bad([await traffic.move(it, acting.way, deadline_seconds=seconds) for it in acting.seen.spec.traffic])
