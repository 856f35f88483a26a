"""Where the time of a running process goes: its main thread's stack, looked at a hundred times a second.

A look costs the process little, so that a profile is of what runs and not of being watched. SIGUSR1 begins, SIGUSR2
ends and writes the file: the share of each function itself, and with all that it calls. While it lasts threads change
places more often: else a look would wait for the moment at which the main thread waits, and see nothing but that.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

EVERY_SECONDS = 0.01
SWITCH_SECONDS = 0.0002
MOST = 40
WAITS = ("select", "poll")
"""Functions in which a process waits for something to happen."""


class Sampler:
    """Looks at the main thread while it is told to."""

    def __init__(self, path: Path) -> None:
        """Keep where to write."""
        self._path = path
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()
        self._usual_seconds = sys.getswitchinterval()
        self._own: Counter[str] = Counter()
        self._whole: Counter[str] = Counter()

    def obey(self) -> None:
        """Begin and end when the signals come; called in the event loop."""
        running = asyncio.get_running_loop()
        running.add_signal_handler(signal.SIGUSR1, self.begin)
        running.add_signal_handler(signal.SIGUSR2, self.end)

    def begin(self) -> None:
        """Begin to look."""
        self._ends.clear()
        self._own.clear()
        self._whole.clear()
        self._usual_seconds = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._look, name="sampler", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more, and write what was seen."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
            sys.setswitchinterval(self._usual_seconds)
        partial = self._path.with_suffix(".partial")
        partial.write_text(told(self._own, self._whole))
        partial.rename(self._path)

    def _look(self) -> None:
        main = threading.main_thread().ident
        while not self._ends.wait(EVERY_SECONDS):
            frame = sys._current_frames().get(main or 0)  # noqa: SLF001 - there is no other way to see another thread
            stack = _stack(frame)
            if stack:
                self._own[stack[0]] += 1
                self._whole.update(set(stack))


def _stack(frame: FrameType | None) -> list[str]:
    """Returns the functions of a stack, the innermost first."""
    found = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        found.append(f"{path.parent.name}/{path.name}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return found


def told(own: Counter[str], whole: Counter[str]) -> str:
    """Returns a profile as text: the shares of the time in which the process did not wait."""
    waited = sum(count for name, count in own.items() if name.rpartition(".")[2] in WAITS)
    busy = max(1, own.total() - waited)
    lines = [f"{own.total()} looks, {busy} of them at work; shares of those", "", "by itself:"]
    working = {name: count for name, count in own.items() if name.rpartition(".")[2] not in WAITS}
    lines += [f"{count / busy:7.1%}  {name}" for name, count in Counter(working).most_common(MOST)]
    lines += ["", "with all that it calls:"]
    lines += [f"{count / busy:7.1%}  {name}" for name, count in whole.most_common(2 * MOST) if count <= busy]
    return "\n".join(lines) + "\n"
