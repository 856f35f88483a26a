"""What a node's program says of a product that replicates itself, in the words of `maestro-command observe`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.seen import Product
from maestro_operator.transport.answers import BadAnswerError

if TYPE_CHECKING:
    from maestro_operator.transport.answers import Lines

ROLES = ("primary", "standby", "absent", "unknown")


def product_of(lines: Lines, *, prefix: str) -> Product:
    """Return one node's side of the product from its lines.

    Raises:
        BadAnswerError: a value is missing or cannot be understood.

    """
    key = f"{prefix}command_"
    role = lines.word(f"{key}role")
    if role not in ROLES:
        raise BadAnswerError(f"{key}role={role[:40]!r} is no role")
    return Product(
        role=role,
        is_running=lines.yes(f"{key}running"),
        is_connected=lines.yes(f"{key}connected"),
        behind_bytes=lines.whole(f"{key}behind_bytes"),
        behind_seconds=lines.whole(f"{key}behind_seconds"),
        trouble=lines.maybe_word(f"{key}trouble"),
    )
