"""What the standby lacks to take over by itself right now, asked all the time and not only when it is needed.

The law of this file: what is not known of the standby lacks; what could only be learnt from the active
side is asked while it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.model.decision import Hold
from maestro_operator.model.detection import VersionsRule
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.model.seen import NodeSeen, Seen

MEBIBYTE = 1024 * 1024


def lacks(seen: Seen, node: NodeSeen) -> Hold | None:
    """Return the first thing that a standby lacks, or None where a failover to it would work now."""
    return next((hold for ask in ASKED if (hold := ask(seen, node)) is not None), None)


def _is_quarantined(seen: Seen, node: NodeSeen) -> Hold | None:
    if node.name not in (*seen.quarantined, *seen.flapping):
        return None
    text = f"{node.name} fell silent and came back too often and is quarantined; order it if it is well"
    return Hold(Reason.NODE_FLAPPING, text)


def _disk(seen: Seen, node: NodeSeen) -> Hold | None:
    wanted = seen.spec.standby.minimum_free_disk_mebibytes
    if node.disk_free_bytes is not None and node.disk_free_bytes >= wanted * MEBIBYTE:
        return None
    return _not_ready(f"{node.name} does not have {wanted} MiB of disk free")


def _memory(seen: Seen, node: NodeSeen) -> Hold | None:
    wanted = seen.spec.standby.minimum_free_memory_mebibytes
    if node.memory_available_bytes is not None and node.memory_available_bytes >= wanted * MEBIBYTE:
        return None
    return _not_ready(f"{node.name} does not have {wanted} MiB of memory available")


def _files(seen: Seen, node: NodeSeen) -> Hold | None:
    missing = next((path for path in seen.spec.standby.files if not node.files.get(path)), None)
    return _not_ready(f"{node.name} has no {missing}, or nothing in it") if missing is not None else None


def _versions(seen: Seen, node: NodeSeen) -> Hold | None:
    """Where both nodes say their versions; while the active one is silent, what it said last was judged then."""
    if seen.spec.standby.versions is VersionsRule.WARN:
        return None
    unsaid = next((item.name for item in seen.spec.versions if item.name not in node.versions), None)
    if unsaid is not None:
        return Hold(Reason.VERSIONS_DIFFER, f"{node.name} does not say its version of {unsaid}")
    active = facts.readable(seen, seen.status.active_node or "")
    said = active.versions if active is not None else {}
    for name, version in node.versions.items():
        other = said.get(name)
        if other is not None and other != version:
            return Hold(Reason.VERSIONS_DIFFER, f"{name} is {version} on {node.name} and {other} on the active node")
    return None


def _traffic(seen: Seen, node: NodeSeen) -> Hold | None:
    """A reading resolves every name at every server, and asks whether a change signed with the pair's key is taken."""
    del node
    unread = next((item for item in seen.traffic if isinstance(item, Unknown)), None)
    return Hold(Reason.TRAFFIC_UNPROVEN, f"traffic could not be moved: {unread.message}") if unread else None


def _not_ready(message: str) -> Hold:
    return Hold(Reason.PEER_NOT_READY, message)


ASKED: tuple[Callable[[Seen, NodeSeen], Hold | None], ...] = (
    _is_quarantined,
    _disk,
    _memory,
    _files,
    _versions,
    _traffic,
)
