"""What is said of a pair that is being deleted in the middle of an episode."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen


def waits(seen: Seen) -> str:
    """Return what to add to a message about an episode: that a deletion waits for it, and the way out."""
    if not seen.is_deleting:
        return ""
    key = seen.key
    patch = f"""kubectl -n {key.namespace} patch mp {key.name} --type=merge -p '{{"metadata":{{"finalizers":null}}}}'"""
    return f"; the deletion waits for its end; to end it without: {patch}"
