"""Copies, by value, of what changes in a memory world and of what an operator keeps between turns.

Copied is what is changed in place, whatever its class may gain: every dict, set and list of a node, of a world and of
an operator's observer. What is frozen is shared. A look in the background has ended when a turn has, so its task is a
value, too.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from maestro_operator.drivers.memory.world import MemoryClock, MemoryNode, MemoryWorld
from maestro_operator.observe.flaps import FlapMemory
from maestro_operator.observe.grace import BootMemory
from maestro_operator.observe.lookout import Lookout, Periodic
from maestro_operator.observe.vantage import VantagePoints
from maestro_operator.observe.votes import VoteMemory

if TYPE_CHECKING:
    from maestro_operator.loop import PairLoop
    from maestro_operator.observe.gather import Observer

T = TypeVar("T")
CHANGED_IN_PLACE = (dict, set, list, deque)
LOOKS = (Lookout, Periodic, VoteMemory, VantagePoints, BootMemory, FlapMemory)
"""What an observer keeps of one thing that it looks at."""


def copied_world(world: MemoryWorld) -> MemoryWorld:
    """Returns another world in the same state."""
    twin = _shallow(world)
    twin.clock = MemoryClock(seconds=world.clock.monotonic_seconds())
    twin.nodes = {name: copied_node(node) for name, node in world.nodes.items()}
    return twin


def copied_node(node: MemoryNode) -> MemoryNode:
    """Returns another node in the same state."""
    twin = copy.copy(node)
    for name in NODE_FIELDS:
        value = getattr(node, name)
        if isinstance(value, CHANGED_IN_PLACE):
            setattr(twin, name, value.copy())
    return twin


NODE_FIELDS = tuple(item.name for item in fields(MemoryNode))


def copied_loop(loop: PairLoop) -> PairLoop:
    """Returns another loop with the same memory, beside the same store, drivers, clock and leader."""
    twin = _shallow(loop)
    twin._memory = copy.copy(loop._memory)
    twin._census = _shallow(loop._census)
    if loop._observer is not None:
        spec, observer = loop._observer
        twin._observer = (spec, _copied_observer(observer))
    return twin


def _copied_observer(observer: Observer) -> Observer:
    """Returns another observer; what it looks at periodically asks the copy, not the first one, how often."""
    twin = _shallow(observer)
    twin._devices = {name: _gone_on(twin._device_lookout(name), item) for name, item in observer._devices.items()}
    vantage, points = twin._vantage, {point.name: point for point in observer._spec.detection.vantage_points}
    vantage._asked = {}
    for (point, about), item in observer._vantage._asked.items():
        _gone_on(vantage._periodic(points[point], about), item)
    return twin


def _gone_on(new: Periodic[T], old: Periodic[T]) -> Periodic[T]:
    new._last, new._task = old._last, old._task
    new._begun_seconds, new.answered_seconds = old._begun_seconds, old.answered_seconds
    return new


def moved_over(loop: PairLoop, seat: PairLoop) -> PairLoop:
    """Returns a loop that has the memory of one, its resource and what it saw last, and the surroundings of another."""
    seat._memory = loop._memory
    seat._spec, seat._key = loop._spec, loop._key
    return seat


def _shallow(value: T) -> T:
    """Returns a copy that shares everything but what is changed in place."""
    twin: Any = object.__new__(type(value))
    here: dict[str, Any] = value.__dict__
    twin.__dict__ = {name: _own(item) for name, item in here.items()}
    found: T = twin
    return found


def _own(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _own(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_own(item) for item in value]
    if isinstance(value, (set, deque)):
        return value.copy()
    return _shallow(value) if isinstance(value, LOOKS) else value
