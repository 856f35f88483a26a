"""The API server goes away in the middle of a switch, and the nodes' own timers go on meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.worlds import Killed, Pair, is_settled


async def test_copies_sent_while_nobody_could_write_down_the_demotion_do_not_strand_the_promotion() -> None:
    pair = Pair()
    await pair.run_until(is_settled)

    def ends_at_demote(status: Mapping[str, Any]) -> None:
        episode = status.get("episode") or {}
        if episode.get("step") == "Demote" and not pair.kills:
            raise Killed

    pair.store.after_write = ends_at_demote
    pair.order("b")
    await pair.run_until(lambda it: it.kills == 1)
    for _ in range(5):
        pair.world.run_syncs()

    await pair.run_until(lambda it: it.status.active_node == "b" and is_settled(it))

    assert (pair.world.writers(), pair.world.lost_records()) == (["b"], 0)
