"""Fence drills: which devices were seen to switch the node that the resource says they do.

The law of this file: pure, and nothing is ordered. A device that cannot tell which machine it serves is believed only
after its word and the node's own life were seen to go together: on while the node answered, off while it was silent,
on again when it answered from another boot. A device that says off of a node that has been up all along has lied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.seen import DeviceSeen, NodeSeen, Unknown
from maestro_operator.model.status import Drill

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen

CLOCKS_APART_SECONDS = 5.0
"""How much the node's uptime and the operator's own clock may differ about one span."""


def drills(seen: Seen) -> tuple[Drill, ...]:
    """Return what is known of every device that needs a drill, after this look."""
    known = {(item.node, item.rung, item.device): item for item in seen.status.drills}
    found = [
        _next(seen, Drill(node=node.name, rung=rung.name, identity=device.identity, device=device.mark), known)
        for node in seen.spec.nodes
        for rung in node.fencing
        for device in rung.devices
    ]
    return tuple(item for item in found if item is not None)


def why_not_ready(seen: Seen) -> tuple[str, ...]:
    """Return what is wrong with each device that could not serve now, in words that say what to do."""
    proven = {(item.node, item.rung, item.identity) for item in seen.status.drills if item.proven_at is not None}
    found = []
    for item in seen.devices:
        if isinstance(item, Unknown):
            found.append(item.message)
        elif not item.tells_identity and (item.node, item.rung, item.identity) not in proven:
            what = f"{item.node}, rung {item.rung}, {item.device} cannot tell which machine it serves"
            found.append(f"{what}: switch {item.node} off and on by it once, as a fence drill")
    return tuple(found)


def _next(seen: Seen, fresh: Drill, known: dict[tuple[str, str, str], Drill]) -> Drill | None:
    before = known.get((fresh.node, fresh.rung, fresh.device))
    reading = _reading(seen, fresh)
    if reading is None:
        return before
    if reading.tells_identity:
        return None
    return _switched_on(seen, before, fresh) if reading.state == "on" else _switched_off(seen, before, reading)


def _reading(seen: Seen, of: Drill) -> DeviceSeen | None:
    for item in seen.devices:
        if isinstance(item, DeviceSeen) and (item.node, item.rung, item.identity) == (of.node, of.rung, of.identity):
            return item
    return None


def _switched_on(seen: Seen, before: Drill | None, fresh: Drill) -> Drill | None:
    node = seen.nodes[fresh.node]
    if not isinstance(node, NodeSeen) or (before is not None and before.proven_at is not None):
        return before
    if before is not None and before.cut_at is not None and node.boot_id != before.boot_id:
        return before.model_copy(update={"proven_at": seen.now})
    return fresh.model_copy(update={"boot_id": node.boot_id})


def _switched_off(seen: Seen, before: Drill | None, reading: DeviceSeen) -> Drill | None:
    node = seen.nodes[reading.node]
    if isinstance(node, NodeSeen):
        age = seen.monotonic_seconds - reading.at_seconds
        has_lied = node.uptime_seconds > age + CLOCKS_APART_SECONDS
        return None if has_lied else before
    if before is None or before.boot_id is None or before.cut_at is not None:
        return before
    return before.model_copy(update={"cut_at": seen.now})
