"""An effect that goes on only while this operator leads, looked at again before each of its moves.

The law of this file: whenever the event loop is about to let an effect go on, the leadership is
asked for first. A task that waits for the end of the leadership comes too late: a process that was
frozen wakes with the node's last answer at hand, and the effect would go on to its next command in
the same breath in which the loss is noticed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

T = TypeVar("T")


class WhileLeading(Generic[T]):
    """Awaits an effect, and ends it as a cancellation does at its first move without the leadership."""

    def __init__(self, effect: Coroutine[Any, Any, T], *, leads: Callable[[], bool]) -> None:
        """Keep the effect, not yet begun, and how to ask for the leadership."""
        self._effect = effect
        self._leads = leads
        self.is_ending = False
        """Whether it was told to end; it may still be tidying up, and is not to be told once more."""

    def __await__(self) -> Generator[Any, Any, T]:
        """Move the effect on as often as it waits for something; what it waits for is handed on."""
        error: BaseException | None = None
        while True:
            if not self.is_ending and not self._leads():
                error, self.is_ending = asyncio.CancelledError(), True
            try:
                waits_for = self._effect.send(None) if error is None else self._effect.throw(error)
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            error = None
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - whatever it is, it is the effect's to deal with
                error = thrown
