"""Questions to one node that are asked at the same moment: they travel there as one command.

The law of this file: a question that travels with others is answered as if it had been asked alone. Each has
its own deadline on the node, its own bound on what may be printed, and its answer the moment it is complete;
what one of them does, or leaves undone, says nothing of the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.transport.bundle import scripted
from maestro_operator.transport.completed import KILLED_BY_DEADLINE, Completed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_operator.model.seen import Unknown


GATHER_SECONDS = 0.005
"""How long the first question waits for others of the same moment."""
GATHER_STEPS = 8
"""How many steps of the event loop it waits at least: on a busy machine one may take longer than all that time."""
MOST_TOGETHER = 16
KILL_AFTER_SECONDS = 2.0
"""How long a command on the node has between its TERM and its KILL; both fall inside its deadline."""


@dataclass(slots=True)
class Question:
    """One command that somebody waits for; the answer comes with whether its session was new."""

    argv: tuple[str, ...]
    ends: float
    """When nobody waits any longer, on the monotonic clock."""
    answer: asyncio.Future[tuple[Completed | Unknown, bool]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, answer: Completed | Unknown, *, was_fresh: bool) -> None:
        """Give the answer to whoever still waits."""
        if not self.answer.done():
            self.answer.set_result((answer, was_fresh))


@dataclass(slots=True)
class _Said:
    """What came of one question so far."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    is_too_much: bool = False


class Sorter:
    """Sorts the lines that come from a node to the questions they belong to, as `together.sh` writes them."""

    def __init__(self, count: int) -> None:
        """Begin with nothing said of so many questions."""
        self._said = [_Said() for _ in range(count)]
        self._rest = b""

    def feed(self, chunk: bytes) -> list[tuple[int, Completed | None]]:
        """Take what came and return the answers that are complete by it; None is one that was too long."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = (self._line(line) for line in lines)
        return [item for item in found if item is not None]

    def _line(self, line: bytes) -> tuple[int, Completed | None] | None:
        digits, letter, text = _parted(line)
        if digits is None or digits >= len(self._said):
            return None
        said = self._said[digits]
        match letter:
            case b"o" | b"e":
                into = said.stdout if letter == b"o" else said.stderr
                into += text[1:] + (b"\n" if text[:1] == b" " else b"")
            case b"!":
                said.is_too_much = True
            case b"=" if text.isdigit():
                status = int(text)
                answer = Completed(status, decoded(said.stdout), decoded(said.stderr))
                # One that was ended at its deadline may have been ended in the middle of too much.
                return digits, None if said.is_too_much and status not in KILLED_BY_DEADLINE else answer
        return None


def _parted(line: bytes) -> tuple[int | None, bytes, bytes]:
    """Return number, letter and text of a line; no number where it is none of the script's."""
    digits = line[: len(line) - len(line.lstrip(b"0123456789"))]
    if not 1 <= len(digits) <= len(str(MOST_TOGETHER)):
        return None, b"", b""
    return int(digits), line[len(digits) : len(digits) + 1], line[len(digits) + 1 :]


def decoded(raw: bytes | bytearray) -> str:
    """Return what a node printed as text."""
    return raw.decode("utf-8", errors="replace")


def together_words(questions: Sequence[Question], *, left_seconds: Callable[[float], float]) -> tuple[str, ...]:
    """Return the one command that carries these questions; `left_seconds` says how long each has."""
    words: list[str] = []
    for question in questions:
        term, kill = term_and_kill(left_seconds(question.ends))
        words += [f"{term:.2f}", f"{kill:.2f}", str(len(question.argv)), *question.argv]
    return scripted("together", *words)


def term_and_kill(left_seconds: float) -> tuple[float, float]:
    """Return after how long a command gets its TERM, and how long after that its KILL."""
    kill_after = min(KILL_AFTER_SECONDS, left_seconds / 4)
    return max(0.05, left_seconds - kill_after), kill_after
