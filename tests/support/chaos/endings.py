"""What ends by itself after a while, beside whatever strikes next, and at once when everything is healed."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from support.bed import clock
from support.bed.wire import HolderFailedError
from support.controlplane.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_SECONDS = 60.0
TROUBLES = (ControlPlaneError, HolderFailedError, clock.TimedOutError)


class _Ending:
    """One fault that is to end; its action is done once, or again where it failed the first time."""

    def __init__(self, seconds: float, action: Callable[[], object]) -> None:
        self._action = action
        self._seconds = seconds
        self._hurried = threading.Event()
        self._is_done = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._hurried.wait(self._seconds)
        with contextlib.suppress(*TROUBLES):
            self._action()
            self._is_done = True

    def wait(self) -> None:
        """Wait until it is over by itself."""
        self._thread.join(LONGEST_SECONDS)

    def hurry(self) -> None:
        """End it now; where nobody could be reached before, try once more."""
        self._hurried.set()
        self._thread.join(LONGEST_SECONDS)
        if not self._is_done:
            with contextlib.suppress(*TROUBLES):
                self._action()


class Endings:
    """Every fault that is still to end."""

    def __init__(self) -> None:
        """Begin without any."""
        self._endings: list[_Ending] = []

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after so many seconds."""
        self._endings.append(_Ending(seconds, action))

    def wait(self) -> None:
        """Wait until all are over by themselves."""
        for ending in self._endings:
            ending.wait()

    def hurry(self) -> None:
        """End all of them now."""
        for ending in self._endings:
            ending.hurry()
        self._endings.clear()
