"""Doing something in an event loop that runs in another thread, so that what it touches needs no lock."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

T = TypeVar("T")


def done_in(loop: asyncio.AbstractEventLoop, act: Callable[[], T], *, within_seconds: float) -> T:
    """Does something in the loop at one moment and returns what came of it, or raises what it raised."""
    came: Future[T] = Future()

    def answer() -> None:
        try:
            came.set_result(act())
        except Exception as error:  # noqa: BLE001 - the one who asked gets it
            came.set_exception(error)

    loop.call_soon_threadsafe(answer)
    return came.result(within_seconds)
