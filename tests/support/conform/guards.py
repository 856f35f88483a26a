"""The guard's twin beside the real script: every order of the traces, from the state that the twin had then.

Each is given once as it was, and in every simple way turned wrong: an epoch or a term lower or higher, another owner,
another episode, another boot.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory import guard_twin
from maestro_operator.drivers.memory.guard_twin import Answer
from support.conform.traces import Given
from support.guard_root import GuardRoot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def turned_wrong(given: Given) -> Iterator[Given]:
    """Gives an order as it was, and turned wrong in every simple way."""
    state, order, boot = given
    yield given
    yield Given(state, order, f"{boot}-later")
    if order.term > 1:
        yield Given(state, replace(order, term=order.term - 1), boot)
    yield Given(state, replace(order, episode=f"{order.episode}-other"), boot)
    if order.epoch is not None:
        near = (order.epoch - 1, order.epoch + 1)
        yield from (Given(state, replace(order, epoch=epoch), boot) for epoch in near if epoch)
    if order.owner is not None:
        yield Given(state, replace(order, owner="b" if order.owner == "a" else "a"), boot)


def differing(folder: Path, given: Iterable[Given]) -> list[str]:
    """Returns every case in which the real guard answers or stores something else than its twin."""
    root, found = GuardRoot(folder), []
    for state, order, boot in given:
        root.put(state)
        root.reboot(boot)
        after, answer = guard_twin.apply(state, order, boot=boot)
        reply = root.order(order)
        is_changed = reply.lines.get("changed") == "yes"
        real = Answer(reply.code, reply.word, reply.lines.get("message", ""), is_changed=is_changed)
        stored = root.stored()
        if (real, stored) != (answer, after):
            found.append(f"{order.verb} {boot}: real {real} {stored}; twin {answer} {after}; from {state}")
    return found
