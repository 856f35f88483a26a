"""The operator is killed at every moment of every episode: a new one, which remembers nothing, finishes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from maestro_operator.decide.phases import PHASES
from maestro_operator.model.status import PairStatus
from maestro_operator.model.steps import STEPS, EpisodeKind, StepName
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
PARTS = 8
"""The moments of an episode are dealt out to so many tests, each within its 2 seconds."""
SAID_ONCE: dict[str, Pair] = {}
"""Pairs brought to a state once, and forked by every test that begins there."""


async def known(name: str, make: Callable[[], Awaitable[Pair]]) -> Pair:
    if name not in SAID_ONCE:
        SAID_ONCE[name] = await make()
    return SAID_ONCE[name].forked()


async def fresh() -> Pair:
    return Pair()


async def found_running() -> Pair:
    pair = Pair()
    node = pair.world.nodes["a"]
    node.running |= set(node.units)
    pair.world.names = dict.fromkeys(["maestro.example.org"], node.address)
    return pair


async def serving() -> Pair:
    async def make() -> Pair:
        pair = Pair()
        await pair.settle()
        return pair

    return await known("serving", make)


async def ordered() -> Pair:
    pair = await serving()
    pair.order("b")
    return pair


async def owner_dead() -> Pair:
    pair = await serving()
    pair.world.power_cut("a")
    return pair


async def old_side_back() -> Pair:
    async def make() -> Pair:
        pair = await owner_dead()
        await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
        pair.world.power_on("a")
        return pair

    return await known("old side back", make)


async def taken_back() -> Pair:
    async def make() -> Pair:
        pair = await ordered()
        await pair.run_until(lambda it: at(it, StepName.RAISE))
        pair.order("a")
        return pair

    return await known("taken back", make)


async def rebooted_alone() -> Pair:
    pair = await serving()
    pair.world.cut("a", "b")
    pair.world.reboot("a")
    lead_astray(pair)
    return pair


async def names_astray() -> Pair:
    pair = await serving()
    lead_astray(pair)
    return pair


def lead_astray(pair: Pair) -> None:
    pair.world.names = dict.fromkeys(pair.world.names, pair.world.nodes["b"].address)
    pair.world.nodes["a"].pins.clear()


def at(pair: Pair, step: StepName) -> bool:
    return pair.status.episode is not None and pair.status.episode.step is step


WORLDS: Mapping[EpisodeKind, tuple[Callable[[], Awaitable[Pair]], str]] = {
    EpisodeKind.ADOPT: (found_running, "a"),
    EpisodeKind.ACTIVATE: (fresh, "a"),
    EpisodeKind.SWITCHOVER: (ordered, "b"),
    EpisodeKind.FAILOVER: (owner_dead, "b"),
    EpisodeKind.REJOIN: (old_side_back, "b"),
    EpisodeKind.RENEW: (taken_back, "a"),
    EpisodeKind.RESTART: (rebooted_alone, "a"),
    EpisodeKind.REPAIR: (names_astray, "a"),
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


def lost_by(kind: EpisodeKind, pair: Pair) -> bool:
    return kind in (EpisodeKind.FAILOVER, EpisodeKind.REJOIN) or pair.world.lost_records() == 0


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
async def test_an_operator_killed_between_any_two_verbs_of_an_effect_is_continued(
    kind: EpisodeKind, part: int
) -> None:
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
