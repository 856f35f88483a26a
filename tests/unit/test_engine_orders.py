"""What becomes of an order that was not carried out, and what the printed columns say meanwhile."""

import pytest

from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import mid_switchover
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
