"""The life of a pair in memory, from its first activation to the way back after a failover."""

from __future__ import annotations

from collections.abc import Callable

from maestro_operator.model.pair import Say
from maestro_operator.model.status import HistoryEntry, State
from maestro_operator.model.steps import EpisodeKind
from support.worlds import Pair, is_settled


def settled_on(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None and is_settled(pair)


def entry(pair: Pair, kind: EpisodeKind) -> HistoryEntry:
    return next(item for item in pair.status.history if item.kind is kind)


async def test_a_pair_is_activated_switched_failed_over_rejoined_and_handed_back() -> None:
    pair = Pair()

    await pair.run_until(settled_on("a"))
    assert (pair.world.writers(), pair.status.state) == (["a"], State.ACTIVE)

    pair.order("b")
    await pair.run_until(settled_on("b"))
    assert (pair.world.writers(), pair.world.lost_records()) == (["b"], 0)

    pair.world.power_cut("b")
    last_copy_seconds = pair.world.nodes["a"].copies[-1].announced_at_seconds
    really_lost_seconds = pair.world.last_acknowledged_seconds - last_copy_seconds
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)
    lost_records, failover = pair.world.lost_records(), entry(pair, EpisodeKind.FAILOVER)
    assert lost_records > 0
    assert failover.declared_loss_seconds is not None
    assert really_lost_seconds <= failover.declared_loss_seconds < 30

    pair.world.power_on("b")
    await pair.run_until(settled_on("a"))
    rejoin = entry(pair, EpisodeKind.REJOIN)
    kept = {(item.node, item.episode) for item in pair.status.quarantine}
    assert ("b", rejoin.id) in kept

    pair.say(Say.HAND_BACK, failover.id)
    await pair.run_until(settled_on("b"))
    assert (pair.world.writers(), pair.world.lost_records()) == (["b"], lost_records)
    assert pair.world.moments_with_two_writers == []


async def test_the_history_of_a_switchover_says_what_it_cost() -> None:
    pair = Pair()
    await pair.run_until(settled_on("a"))

    pair.order("b")
    await pair.run_until(settled_on("b"))

    switchover = entry(pair, EpisodeKind.SWITCHOVER)
    assert [step.name.value for step in switchover.steps] == [
        "Preflight", "LowerTTL", "Quiesce", "Raise", "FinalSync", "Demote", "Promote", "Localise",
        "MoveTraffic", "StartServices", "Verify", "Reverse",
    ]  # fmt: skip
    assert switchover.result == "Done"
    assert switchover.downtime_seconds is not None
    assert 0 < switchover.downtime_seconds < 2
    assert switchover.declared_loss_seconds is None
    assert all(step.state == "Done" for step in switchover.steps)


async def test_a_standby_that_comes_and_goes_is_taken_up_again_without_an_episode() -> None:
    pair = Pair()
    await pair.run_until(settled_on("a"))
    history = pair.status.history

    pair.world.reboot("b")
    await pair.run_until(settled_on("a"))

    assert pair.status.history == history
