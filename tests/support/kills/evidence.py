"""Puts together what one cell leaves to its judge: plain values, a file each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.kills.stories import STORIES

if TYPE_CHECKING:
    from support.kills.batch import Cell
    from support.kills.worlds_apart import Living


def evidence_of(cell: Cell, living: Living) -> dict[str, Any]:
    """Returns everything that was seen of one cell."""
    world, story = living.world, STORIES[cell.story]
    return {
        "story": cell.story,
        "kind": story.kind.value,
        "boundary": cell.boundary.name,
        "wanted": {"owner": story.owner, "standby": story.standby},
        "death": cell.death,
        "reached": living.reached,
        "lines": living.diary.lines,
        "acks": living.diary.acks,
        "lost": world.lost_records(),
        "lostBefore": cell.lost_before,
        "writes": cell.writes,
        "final": {"metadata": {"name": cell.name}, "status": cell.final.get("status", {})},
    }
