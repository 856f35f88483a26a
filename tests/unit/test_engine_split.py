"""Both nodes run: the one that the epochs do not name is stopped, and nobody's data is touched but kept."""

from __future__ import annotations

import pytest

from maestro_operator.drivers.memory.guard_twin import NEVER
from maestro_operator.model.pair import Management
from maestro_operator.model.reasons import Reason
from maestro_operator.model.status import State
from maestro_operator.model.steps import EpisodeKind
from support.beginnings import found_running, serving
from support.worlds import Pair

UNSENT = 77


def condition(pair: Pair, name: str) -> str:
    return next(item.status for item in pair.status.conditions if item.type == name)


async def split() -> Pair:
    """Returns a pair served by a, on whose standby, its guard's daemon dead, somebody started the services."""
    pair = await serving()
    other = pair.world.nodes["b"]
    other.is_guarding = False
    other.records = UNSENT
    other.running |= set(other.units)
    pair.world.cut("a", "b")
    return pair


async def told(pair: Pair) -> None:
    """Takes turns until the split was said, and the episode that ends it has begun."""
    await pair.run_until(lambda it: it.status.episode is not None)
    assert pair.status.episode is not None
    assert pair.status.episode.kind is EpisodeKind.SEPARATE
    assert (condition(pair, "SplitBrainDetected"), pair.status.state) == ("True", State.SPLIT_BRAIN)


async def test_the_node_that_does_not_own_the_epoch_is_stopped_and_its_data_stays() -> None:
    pair = await split()

    await told(pair)
    await pair.run_until(lambda it: it.world.writers() == ["a"])

    other = pair.world.nodes["b"]
    assert (other.records, other.quarantine) == (UNSENT, {})
    pair.world.heal()
    await pair.settle()
    assert condition(pair, "SplitBrainDetected") == "False"
    pair.order("b")
    await pair.settle()
    assert UNSENT in other.quarantine.values()
    assert pair.world.lost_records() == 0


@pytest.mark.parametrize("state", ["lost", "never", "absent"])
async def test_a_node_that_runs_without_a_guards_state_has_no_right_to_and_is_stopped(state: str) -> None:
    pair = await split()
    other = pair.world.nodes["b"]
    if state == "lost":
        pair.world.lose_guard_state("b")
    else:
        other.guard = NEVER
        other.is_equipped = state == "never"

    await told(pair)
    await pair.run_until(lambda it: it.world.writers() == ["a"])
    pair.world.heal()
    await pair.settle()

    assert UNSENT in other.quarantine.values()


async def test_the_owner_by_epoch_keeps_running_whatever_is_declared() -> None:
    pair = await split()
    pair.change(active_node="b")

    await told(pair)
    await pair.run_until(lambda it: it.status.episode is None)

    assert pair.world.nodes["a"].running
    assert not pair.world.nodes["b"].running


async def test_two_that_run_under_an_emptied_status_are_told_apart_by_their_epochs() -> None:
    pair = await split()
    pair.store.restore({})
    pair.restart_operator()

    await told(pair)
    await pair.run_until(lambda it: it.world.writers() == ["a"])
    pair.world.heal()
    await pair.settle()

    assert pair.status.active_node == "a"


async def test_two_that_run_and_have_no_known_owner_are_touched_by_nothing() -> None:
    pair = await found_running()
    other = pair.world.nodes["b"]
    other.records = UNSENT
    other.running |= set(other.units)
    effects: list[str] = []
    pair.after_effect = effects.append

    held = await pair.hold(Reason.SPLIT_BRAIN)
    for _ in range(20):
        await pair.turn()

    assert "nothing is touched" in held.message
    assert effects == []
    assert condition(pair, "SplitBrainDetected") == "True"
    assert other.records == UNSENT


async def test_a_pair_that_is_only_observed_says_that_it_would_part_them() -> None:
    pair = await split()
    pair.change(management=Management.OBSERVE)

    await pair.hold(Reason.OBSERVE_ONLY)

    assert pair.status.plan is not None
    assert pair.status.plan.startswith("would begin: both nodes run")
    assert pair.world.nodes["b"].running
