"""What is said of a pair that is being deleted in the middle of an episode, or taken off its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.pair import Management
from maestro_operator.model.seen import GuardState, NodeSeen

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen


def waits(seen: Seen) -> str:
    """Return what to add to a message about an episode: that a deletion waits for it, and the way out."""
    if not seen.is_deleting:
        return ""
    key = seen.key
    patch = f"""kubectl -n {key.namespace} patch mp {key.name} --type=merge -p '{{"metadata":{{"finalizers":null}}}}'"""
    return f"; the deletion waits for its end; to end it without: {patch}"


def is_released(seen: Seen) -> bool:
    """Tell whether a release that somebody wants has left nothing on either node: nobody can tell what runs there."""
    is_wanted = seen.spec.management is Management.RELEASE
    return is_wanted and all(
        isinstance(node, NodeSeen) and node.guard.state is GuardState.ABSENT for node in seen.nodes.values()
    )
