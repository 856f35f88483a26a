"""The operator is killed at every moment of every episode: a new one, which remembers nothing, finishes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from maestro_operator.decide.phases import PHASES
from maestro_operator.model.status import PairStatus
from maestro_operator.model.steps import STEPS, EpisodeKind, StepName
from support.beginnings import (
    astray,
    found_running,
    fresh,
    mid_switchover,
    old_side_back,
    ordered,
    owner_dead,
    rebooted_before_the_rejoin,
)
from support.worlds import Killed, Pair, is_settled

KINDS = tuple(EpisodeKind)
NEVER_INTENDED = {
    # Done by the time they are reached: the old side has its guard, and nothing was started there.
    (EpisodeKind.REJOIN, StepName.EQUIP),
    (EpisodeKind.REJOIN, StepName.STOP),
}
STEPS_OF_KINDS = [
    (kind, step)
    for kind in KINDS
    for step in STEPS[kind]
    if not PHASES[step].is_look and (kind, step) not in NEVER_INTENDED
]
PARTS = 16
"""The moments of an episode are dealt out to so many tests, each within its 2 seconds."""


async def taken_back() -> Pair:
    pair = await mid_switchover(StepName.RAISE)
    pair.order("a")
    return pair


async def ordered_to_an_unpinned_standby() -> Pair:
    pair = await ordered()
    pair.world.nodes["b"].pins.clear()
    return pair


async def owner_dead_beside_an_unpinned_standby() -> Pair:
    pair = await owner_dead()
    pair.world.nodes["b"].pins.clear()
    return pair


WORLDS: Mapping[EpisodeKind, tuple[Callable[[], Awaitable[Pair]], str]] = {
    EpisodeKind.ADOPT: (found_running, "a"),
    EpisodeKind.ACTIVATE: (fresh, "a"),
    EpisodeKind.SWITCHOVER: (ordered_to_an_unpinned_standby, "b"),
    EpisodeKind.FAILOVER: (owner_dead_beside_an_unpinned_standby, "b"),
    EpisodeKind.REJOIN: (old_side_back, "b"),
    EpisodeKind.RENEW: (taken_back, "a"),
    EpisodeKind.RESTART: (rebooted_before_the_rejoin, "b"),
    EpisodeKind.REPAIR: (astray, "a"),
}


def intends(status: Mapping[str, Any], kind: EpisodeKind, step: StepName) -> bool:
    episode = PairStatus.model_validate(status).episode
    if episode is None or (episode.kind, episode.step) != (kind, step):
        return False
    record = episode.record(step)
    return record is not None and record.state == "Running"


async def finish(pair: Pair, owner: str) -> None:
    def done(it: Pair) -> bool:
        return it.status.episode is None and it.world.writers() == [owner] and is_resting(it)

    await pair.run_until(done, max_turns=400)
    assert pair.status.active_node == owner
    assert pair.world.moments_with_two_writers == []


def is_resting(pair: Pair) -> bool:
    return is_settled(pair) or bool(pair.recorder.decided and pair.recorder.decided[-1].rule == "standby_absent")


AFTER_A_FAILOVER = (EpisodeKind.FAILOVER, EpisodeKind.REJOIN, EpisodeKind.RESTART)


def lost_by(kind: EpisodeKind, pair: Pair) -> bool:
    return kind in AFTER_A_FAILOVER or pair.world.lost_records() == 0


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("kind", "step"), STEPS_OF_KINDS)
async def test_an_operator_killed_around_the_intent_of_a_step_is_continued(
    kind: EpisodeKind, step: StepName, moment: str
) -> None:
    begin, owner = WORLDS[kind]
    pair = await begin()

    def kill(status: Mapping[str, Any]) -> None:
        if not pair.kills and intends(status, kind, step):
            raise Killed

    setattr(pair.store, f"{moment}_write", kill)
    await finish(pair, owner)

    assert pair.kills == 1
    assert lost_by(kind, pair)


@pytest.mark.parametrize(("kind", "step"), STEPS_OF_KINDS)
async def test_an_operator_killed_after_the_effect_of_a_step_is_continued(kind: EpisodeKind, step: StepName) -> None:
    begin, owner = WORLDS[kind]
    pair = await begin()

    await pair.run_until(lambda it: intends(it.store.status, kind, step))
    pair.restart_operator()
    await finish(pair, owner)

    assert lost_by(kind, pair)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
async def test_an_operator_killed_between_any_two_verbs_of_an_effect_is_continued(kind: EpisodeKind, part: int) -> None:
    begin, owner = WORLDS[kind]
    for nth in range(part, 100, PARTS):
        pair = await begin()
        left = iter(range(nth, -1, -1))

        def kill(_verb: str, left: Iterator[int] = left) -> None:
            if next(left, -1) == 0:
                raise Killed

        pair.after_effect = kill
        await finish(pair, owner)
        assert lost_by(kind, pair)
        if not pair.kills:
            return
    raise AssertionError("the episode has no end")
