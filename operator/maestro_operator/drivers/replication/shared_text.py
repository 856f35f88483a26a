"""What a node's program says of the disk that both nodes reach, in the words of `maestro-disk observe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.seen import SharedSide

if TYPE_CHECKING:
    from maestro_operator.transport.answers import Lines


def shared_side_of(lines: Lines, *, prefix: str) -> SharedSide:
    """Return one node's look at the disk from its lines.

    Raises:
        BadAnswerError: a value is missing or cannot be understood.

    """
    key = f"{prefix}disk_"
    problem = lines.maybe(f"{key}problem")
    tried = lines.word(f"{key}enforces")
    return SharedSide(
        problem=problem or None,
        holder=lines.maybe_word(f"{key}holder"),
        holder_epoch=lines.whole(f"{key}holder_epoch"),
        keys=lines.whole(f"{key}keys") or 0,
        is_exclusive=lines.yes(f"{key}exclusive"),
        persists=lines.yes(f"{key}persists"),
        enforces=None if tried == "unknown" else lines.yes(f"{key}enforces"),
        is_mounted=lines.yes(f"{key}mounted"),
        holds=lines.yes(f"{key}obeys"),
    )
