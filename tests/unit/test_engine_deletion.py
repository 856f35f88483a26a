"""A pair that is deleted: at rest it goes at once, in mid-episode at the end of it; its nodes run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import StepName
from maestro_operator.model.surroundings import FINALIZER, Resource
from support.beginnings import mid_switchover, serving
from support.worlds import Pair

if TYPE_CHECKING:
    import pytest


async def test_a_pair_that_is_deleted_at_rest_goes_at_once_and_its_loop_with_it() -> None:
    pair = await serving()
    pair.store.delete()
    pair.loop.wake()

    await pair.hold(Reason.DELETING, max_turns=2)

    assert pair.store.is_gone
    assert await pair.loop.turn() is None
    assert pair.world.writers() == ["a"]
    assert all(node.is_equipped for node in pair.world.nodes.values())


async def test_a_deletion_in_mid_switchover_waits_for_its_end_and_says_how_to_do_without() -> None:
    pair = await mid_switchover(StepName.QUIESCE)
    pair.store.delete()

    await pair.turn()
    reconciling = next(item for item in pair.status.conditions if item.type == "Reconciling")
    assert not pair.store.is_gone
    await pair.run_until(lambda it: it.store.is_gone)

    assert (pair.status.active_node, pair.world.writers()) == ("b", ["b"])
    assert "kubectl -n default patch mp pair --type=merge -p" in reconciling.message
    assert pair.world.nodes["a"].is_equipped


async def test_a_deletion_is_held_back_again_where_somebody_took_the_finalizer_away() -> None:
    pair = await serving()
    pair.store.finalizers = ()
    pair.loop.wake()

    await pair.turn()

    assert list(pair.store.finalizers) == [FINALIZER]


async def test_an_operator_without_the_lease_lets_no_deleted_pair_go() -> None:
    pair = await serving()
    pair.leader.lose()
    pair.store.delete()
    pair.loop.wake()

    await pair.hold(Reason.NOT_LEADER)

    assert not pair.store.is_gone


async def test_a_pair_that_cannot_be_held_is_looked_after_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair()

    async def forbidden(resource: Resource, *, held: bool) -> Resource:
        raise OSError(f"403 Forbidden: {resource.key} held={held}")

    pair.store.hold = forbidden  # type: ignore[method-assign]
    await pair.settle()

    assert pair.world.writers() == ["a"]
    assert "could not be held back: 403 Forbidden" in caplog.text
