"""What becomes of an order that was not carried out, and what the printed columns say meanwhile."""

import pytest

from maestro_operator.model.pair import Failover, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import mid_switchover, serving
from support.worlds import Pair

pytestmark = pytest.mark.unit


async def test_an_order_that_is_taken_back_leaves_nothing_undone() -> None:
    pair = await mid_switchover(StepName.RAISE)

    pair.order("a")
    await pair.settle()

    ended = next(item for item in pair.status.history if item.kind is EpisodeKind.SWITCHOVER)
    assert ended.result == "RolledBack"
    assert pair.status.order_not_done is None


async def test_the_columns_say_in_one_word_how_the_copy_and_the_nodes_are() -> None:
    pair = Pair()

    await pair.settle()

    assert pair.status.verdicts == "a=Healthy b=Healthy"
    assert pair.status.replication is not None
    assert pair.status.replication.lag == "in sync"


async def concluded_down() -> Pair:
    """Returns a pair whose owner a is dead, which no operator may move by itself."""
    pair = await serving()
    pair.change(failover=Failover(max_data_loss_seconds=3600))
    pair.world.power_cut("a")
    await pair.hold(Reason.AUTOMATIC_DISABLED)
    return pair


async def test_an_order_over_a_node_that_is_down_is_a_failover_at_once() -> None:
    pair = await concluded_down()

    pair.order("b")
    await pair.run_until(lambda it: it.status.episode is not None)

    assert pair.status.episode is not None
    assert pair.status.episode.kind is EpisodeKind.FAILOVER
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    moves = [item.kind for item in pair.status.history if item.kind in (EpisodeKind.SWITCHOVER, EpisodeKind.FAILOVER)]
    assert (pair.status.active_node, moves) == ("b", [EpisodeKind.FAILOVER])


async def test_what_somebody_says_makes_no_outage_begin_anew() -> None:
    pair = await concluded_down()

    pair.say(Say.ACKNOWLEDGE, "an-episode-that-nobody-knows")
    await pair.turn()

    assert pair.holds(Reason.AUTOMATIC_DISABLED)


async def test_another_way_to_look_begins_every_count_anew() -> None:
    pair = await concluded_down()

    pair.change(detection=pair.store.spec.detection.model_copy(update={"misses_needed": 4}))
    await pair.turn()

    assert not pair.holds(Reason.AUTOMATIC_DISABLED)
    await pair.hold(Reason.AUTOMATIC_DISABLED)


async def test_a_node_that_was_doubted_long_ago_is_not_sick_the_moment_it_is_moved_to() -> None:
    pair, told = Pair(), set[str]()
    # The episode that brings a up looks at b as well, which serves nothing; then nobody does for a while.
    await pair.settle()
    pair.clock.pass_seconds(120.0)
    await pair.settle()

    pair.order("b")
    while pair.status.active_node != "b" or pair.status.episode is not None:
        await pair.turn()
        told |= {item.reason for item in pair.status.conditions if item.type == "Available"}

    assert Reason.CONNECTION_REFUSED.value not in told
