"""The operator dies in mid-switch and etcd comes back as it was before: the last good owner leads (law 8)."""

from __future__ import annotations

import pytest

from support.kills import laws
from support.kills.enumeration import deaths
from support.kills.stories import STORIES, ToldPair
from support.worlds import Pair

AFTER = [
    "Switchover.Quiesce.order-quiesce-a.1.after",
    "Switchover.Quiesce.stop-a.1.after",
    "Switchover.Raise.order-promise-b.1.after",
    "Switchover.FinalSync.final_sync-a.1.after",
]


async def restored(boundary: str) -> ToldPair:
    """The pair as the dead operator left its nodes, with the order and the status from before the switch."""
    before = await STORIES["switchover"].told()
    (pair,) = [pair for found, pair in await deaths("switchover") if found.name == boundary]
    pair.order("a")
    pair.store.restore(before.store.status)
    pair.restart_operator()
    return pair


@pytest.mark.parametrize("boundary", AFTER)
async def test_an_owner_that_was_stopped_for_a_switch_nobody_remembers_serves_again(boundary: str) -> None:
    pair = await restored(boundary)

    def serves_again(it: Pair) -> bool:
        return it.status.episode is None and it.world.writers() == ["a"]

    await pair.run_until(serves_again, max_turns=60)

    assert laws.broken(pair.diary.lines, pair.logged.log) == {}
    assert pair.world.lost_records() == 0
