"""Files of a memory node: those in which some values are its own, and those of a queue of mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.files import edited_file
from maestro_operator.drivers.localise.firewall import wanted_elements
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from maestro_operator.drivers.memory.world import MemoryNode
    from maestro_operator.model.pair import Localise
    from maestro_operator.model.status import FrozenNode


def settle_files(
    files: MutableMapping[str, bytes], items: Sequence[Localise], *, node: FrozenNode, peer: FrozenNode
) -> Outcome:
    """Edit every file, up to the first that cannot be; a set of the packet filter is a file of its elements."""
    facts: dict[str, str] = {}
    for item in items:
        if item.firewall_set is not None:
            held = item.firewall_set
            elements = wanted_elements(held, node=node, peer=peer)
            files[f"nft {held.table} {held.set}"] = "\n".join(elements).encode()
        path = item.file
        if path is None:
            continue
        if path not in files:
            return Failed(Reason.COMMAND_FAILED, f"{node.name}: {path}: there is no such file")
        edit = edited_file(item, files[path], node=node, peer=peer)
        if isinstance(edit, Refused):
            return edit
        files[path], facts[path] = edit.content, edit.said
    return Done(facts)


def hold_queue(node: MemoryNode, episode: str) -> Outcome:
    """Count what lies in a stopped node's queue, once an episode, and hold it where its program works."""
    if node.held is not None and node.held[0] == episode:
        return Done({"queued": str(node.held[1])})
    if node.records is None:
        return Refused(Reason.COPY_NOT_WHOLE, f"{node.name} has no live data", "LiveAbsent")
    if node.running:
        return Refused(Reason.STEP_REFUSED, f"{node.name} runs services on its live data", "HoldersPresent")
    if not node.can_hold:
        return Failed(Reason.COMMAND_FAILED, f"{node.name}: the queue is not held")
    node.held = episode, node.queued
    return Done({"queued": str(node.queued)})
