"""Where a virtual machine runs, as its hosts were read; pure.

The law of this file: a host that cannot be read is one of which nothing is known. Only a host that was read and has
the machine shut off, or not at all, is one on which it is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.model.decision import Hold
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen


def runs(seen: Seen, name: str) -> bool:
    """Tell whether a host was read to run the machine."""
    node = facts.readable(seen, name)
    return node is not None and seen.runs_everything(node)


def is_off(seen: Seen, name: str) -> bool:
    """Tell whether a host was read to have the machine shut off, or not at all."""
    node = facts.readable(seen, name)
    return node is not None and node.is_stopped


def in_words(seen: Seen) -> str:
    """Return what both hosts say of the machine, in one line."""
    said = []
    for name, node in seen.nodes.items():
        if isinstance(node, Unknown):
            said.append(f"{name} cannot be read ({node.reason}: {node.message})")
        else:
            said += [f"{unit.name} is {unit.sub or unit.active} on {name}" for unit in node.units]
    return "; ".join(said)


def may_come(seen: Seen, name: str) -> Hold | None:
    """Return why the machine could not move to a host now, or None where it could."""
    node = seen.node(name)
    if isinstance(node, Unknown):
        return Hold(Reason.TARGET_UNREADABLE, f"{name} cannot be read: {node.message}")
    if not node.is_stopped:
        return Hold(Reason.TARGET_NOT_ABLE, f"{name} has something of the machine already: {in_words(seen)}")
    return None
