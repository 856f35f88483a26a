"""Pairs in memory brought to where a test begins; what takes long is done once and forked."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from support.worlds import NAME, Pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.model.steps import StepName

P = TypeVar("P", bound=Pair)

_MADE: dict[str, Pair] = {}


async def once(name: str, make: Callable[[], Awaitable[Pair]]) -> Pair:
    """Returns a fork of the pair of that name, which is made at the first call."""
    if name not in _MADE:
        _MADE[name] = await make()
    return _MADE[name].forked()


async def fresh() -> Pair:
    """Returns a pair whose nodes never ran under a guard."""
    return Pair()


async def found_running() -> Pair:
    """Returns a pair of which a runs, and nobody knows of it."""
    return run_unknown(Pair())


async def serving() -> Pair:
    """Returns a pair that is served by a, b its standby with a young copy."""
    return await once("serving", lambda: settled(Pair()))


async def ordered() -> Pair:
    """Returns a pair served by a that was ordered to b just now."""
    pair = await serving()
    pair.order("b")
    return pair


async def owner_dead() -> Pair:
    """Returns a pair whose owner a lost its power just now."""
    pair = await serving()
    pair.world.power_cut("a")
    return pair


async def old_side_back() -> Pair:
    """Returns a pair that failed over to b, and a just got power again, its pins gone."""

    async def make() -> Pair:
        return await failed_over_and_back(await owner_dead())

    return await once("old side back", make)


async def mid_switchover(step: StepName) -> Pair:
    """Returns a pair on its way from a to b, right after the effect of a step."""

    async def make() -> Pair:
        pair = await ordered()
        await pair.run_until(lambda it: is_at(it, step))
        return pair

    return await once(f"switchover at {step}", make)


async def rebooted_alone() -> Pair:
    """Returns a pair whose owner a rebooted and cannot ask its peer; names and pins are not right either."""
    pair = await serving()
    pair.world.cut("a", "b")
    pair.world.reboot("a")
    lead_astray(pair)
    return pair


async def astray() -> Pair:
    """Returns a pair served by a, whose names and pins point elsewhere."""
    pair = await serving()
    lead_astray(pair)
    return pair


# ---------------------------------------------------------------- what is done to a pair of any kind


def run_unknown(pair: P) -> P:
    """Lets a of two nodes that never ran under a guard run, the names at it."""
    node = pair.world.nodes["a"]
    node.running |= set(node.units)
    pair.world.names = {NAME: node.address}
    return pair


async def settled(pair: P) -> P:
    """Takes turns until a pair is at rest."""
    await pair.settle()
    return pair


async def failed_over_and_back(pair: P) -> P:
    """Lets b of a pair whose owner a is dead take over, and gives a its power again, its pins gone."""
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    pair.world.power_on("a")
    pair.world.nodes["a"].pins.clear()
    return pair


def lead_astray(pair: Pair) -> None:
    """Points the public names at b, and takes a's pins away."""
    pair.world.names = {NAME: pair.world.nodes["b"].address}
    pair.world.nodes["a"].pins.clear()


def is_at(pair: Pair, step: StepName) -> bool:
    """Tells whether the journal has this step as the current one, with its intent written."""
    episode = pair.status.episode
    return episode is not None and episode.step is step and episode.record(step) is not None
