"""The ways in which a fence device lies, as they were found in the field: each says that a running machine is off.

None of them is a proof. A device that says twice, 2 seconds apart, by two processes and of the right machine, that it
is off while it runs is the one lie that nobody can see through; `docs/explanation/safety.md` says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Outcome

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.world import MemoryWorld
    from maestro_operator.model.proof import PowerReading
    from maestro_operator.model.status import FrozenNode

Readings = tuple["PowerReading", ...]


def _once(readings: Readings) -> Readings:
    """Says off while it switches, and on again at the second look (in shutdown, crashed)."""
    return tuple(replace(item, state="off") if item.process == 1 else item for item in readings)


def _off(readings: Readings) -> Readings:
    return tuple(replace(item, state="off") for item in readings)


def _cached(readings: Readings) -> Readings:
    """Gives the first answer again, from the same process."""
    return tuple(replace(item, process=1) for item in _off(readings))


def _hasty(readings: Readings) -> Readings:
    """Is read twice in one moment."""
    return tuple(replace(item, at_seconds=readings[0].at_seconds) for item in _off(readings))


def _single(readings: Readings) -> Readings:
    """Answers once and then no more."""
    return _off(readings[: len(readings) // 2])


def _stranger(readings: Readings) -> Readings:
    """Answers for another machine."""
    return tuple(replace(item, identity="machine-of-somebody-else") for item in _off(readings))


def _nameless(readings: Readings) -> Readings:
    """Cannot tell which machine it serves, and no drill showed it."""
    return tuple(replace(item, tells_identity=False) for item in _off(readings))


def _unknown(readings: Readings) -> Readings:
    """Says that it does not know, as one does whose own wire is cut."""
    return tuple(replace(item, state="unknown") for item in readings)


def _obeyed(readings: Readings) -> Readings:
    """Takes the order with a good return code, and does nothing."""
    return readings


LIES: Mapping[str, Callable[[Readings], Readings]] = {
    "once": _once,
    "cached": _cached,
    "hasty": _hasty,
    "single": _single,
    "stranger": _stranger,
    "nameless": _nameless,
    "unknown": _unknown,
    "obeyed": _obeyed,
    "neighbour": _stranger,
}
"""`neighbour` is the one that switches the wrong machine off: the survivor."""


async def fenced_by_a_liar(
    world: MemoryWorld, node: FrozenNode, *, lie: str, off: Callable[[], Awaitable[Outcome]]
) -> Outcome:
    """Returns what the device says; the node runs on."""
    honest = world.devices[node.name]
    world.devices[node.name] = "denying"
    outcome = await off()
    world.devices[node.name] = honest
    if lie == "neighbour":
        world.power_cut(world.other(node.name).name)
    if not isinstance(outcome, Done) or outcome.evidence is None:
        return outcome
    evidence = replace(outcome.evidence, readings=LIES[lie](outcome.evidence.readings))
    return replace(outcome, evidence=evidence)
