"""How checks reach what they check: a node as its clients do, or services that are kept apart on it.

The law of this file: one way for all checks of a verification. Nothing that is kept apart is checked half from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.transport.ways import NodeWay


class Box(Protocol):
    """Where a test mailing is found again."""

    async def next_number(self) -> int:
        """Return the number that the next message gets."""

    async def message_from(self, *, number: int, subject: str) -> str | None:
        """Return the text of the first message from that number on with the subject, None where there is none yet."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The way to services that are kept apart."""

    way: NodeWay
    """Commands and connections where they run."""
    door: Callable[[int], Awaitable[tuple[str, int]]]
    """Where to connect to from here to reach one of their ports."""
    sink: Box
    """What they sent by mail, whomever to."""
