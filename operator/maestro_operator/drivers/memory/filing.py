"""Files of a memory node in which some values are the node's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.files import edited_file
from maestro_operator.drivers.localise.firewall import wanted_elements
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

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
