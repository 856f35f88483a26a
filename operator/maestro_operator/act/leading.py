"""An effect that goes on only while this operator leads, looked at again before each of its moves.

The law of this file: whenever the event loop is about to let an effect go on, the leadership is
asked for first. A task that waits for the end of the leadership comes too late: a process that was
frozen wakes with the node's last answer at hand, and the effect would go on to its next command in
the same breath in which the loss is noticed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from maestro_operator.model.outcome import Failed, Outcome
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from maestro_operator.model.surroundings import Leader

LEAST_SURE_SECONDS = 2.0
"""A step begins only while the leadership surely lasts this much longer."""

T = TypeVar("T")


async def while_leading(effect: Callable[[], Coroutine[Any, Any, Outcome]], *, leader: Leader, what: str) -> Outcome:
    """Let an effect go on while its operator leads, and cut it off at the moment the leadership ends.

    The write of the intent may have taken long, so the leadership is looked at once more here,
    right before the effect, and again whenever the effect goes on.
    """
    if leader.sure_for_seconds < LEAST_SURE_SECONDS:
        return Failed(Reason.NOT_LEADER, f"{what} was not begun: the leadership might not outlast it")
    leading = WhileLeading(effect(), leads=lambda: leader.sure_for_seconds > 0)
    under_way, lost = asyncio.ensure_future(leading), asyncio.ensure_future(leader.lost())
    try:
        await asyncio.wait({under_way, lost}, return_when=asyncio.FIRST_COMPLETED)
        if under_way.done() and not under_way.cancelled():
            return under_way.result()
        return Failed(Reason.NOT_LEADER, f"{what} was cut off: the leadership ended")
    finally:
        lost.cancel()
        if not leading.is_ending:
            under_way.cancel()
        await asyncio.gather(under_way, lost, return_exceptions=True)


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
