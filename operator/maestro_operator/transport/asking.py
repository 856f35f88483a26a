"""Asks nodes what changes nothing: the questions of one moment leave as one command, and each gets its own answer.

The law of this file: nobody waits longer for an answer because of another question, and a session that let one
question down takes no new ones.
"""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.completed import KILLED_BY_DEADLINE, Completed
from maestro_operator.transport.failures import EXPECTED, unknown_from
from maestro_operator.transport.together import (
    GATHER_SECONDS,
    GATHER_STEPS,
    MOST_TOGETHER,
    Question,
    Sorter,
    decoded,
    together_words,
)
from maestro_operator.transport.words import OUTPUT_LIMIT_BYTES, as_root, collected, short

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Protocol

    from maestro_operator.model.pair import Ssh
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.links import Link, Links

    class RunsAlone(Protocol):
        """Runs one command by itself."""

        def __call__(
            self, node: FrozenNode, argv: Sequence[str], *, ends: float
        ) -> Awaitable[tuple[Completed | Unknown, bool]]:
            """Return the answer, and whether its session was new."""


SAID_CHARACTERS = 400


@dataclass(slots=True)
class _Batch:
    """Questions to one node that leave together, and who carries them."""

    questions: list[Question] = field(default_factory=list)
    carrier: asyncio.Task[None] | None = None
    link: Link | None = None
    was_fresh: bool = False
    is_closed: bool = False
    """Nothing may be added: it has left, or nobody waits for it."""

    def drop(self) -> None:
        """End the carrying where nobody waits for any answer."""
        if self.carrier is not None and all(question.answer.done() for question in self.questions):
            self.is_closed = True
            self.carrier.cancel()


class Asking:
    """The questions to the nodes of one pair."""

    def __init__(self, links: Links, *, alone: RunsAlone, count: Callable[[str], None]) -> None:
        """Keep the connections, how one question is asked alone, and whom to tell of each command that is sent."""
        self._links = links
        self._alone = alone
        self._count = count
        self._gathering: dict[Ssh, _Batch] = {}

    async def once(self, node: FrozenNode, argv: Sequence[str], *, ends: float) -> tuple[Completed | Unknown, bool]:
        """Put the question with those of the same moment, and return its answer and whether the link was new."""
        batch = self._gathering.get(node.ssh)
        if batch is None or batch.is_closed or len(batch.questions) == MOST_TOGETHER:
            batch = self._gathering[node.ssh] = _Batch()
            batch.carrier = asyncio.create_task(self._carry(node, batch))
        question = Question(tuple(argv), ends)
        batch.questions.append(question)
        try:
            async with asyncio.timeout(self._links.left_seconds(ends)):
                return await question.answer
        except TimeoutError:
            if batch.link is not None:
                self._links.give_up(node.ssh, batch.link, was_fresh=batch.was_fresh)
            return Unknown(Reason.TIMED_OUT, f"{node.name}: no answer to {short(argv)} in time"), False
        except asyncio.CancelledError:
            if batch.link is not None:
                self._links.give_up(node.ssh, batch.link, was_fresh=batch.was_fresh)
            raise
        finally:
            batch.drop()

    async def _carry(self, node: FrozenNode, batch: _Batch) -> None:
        """Wait for the others of the moment, take all questions to the node as one command, and bring the answers."""
        await asyncio.sleep(GATHER_SECONDS)
        for _ in range(GATHER_STEPS):
            await asyncio.sleep(0)
        batch.is_closed, questions = True, batch.questions
        if len(questions) == 1:
            (only,) = questions
            answer, was_fresh = await self._alone(node, only.argv, ends=only.ends)
            only.settle(answer, was_fresh=was_fresh)
            return
        ends = max(question.ends for question in questions)
        link, was_fresh = await self._links.to(node, ends=ends)
        if isinstance(link, Unknown):
            left: Unknown = link
        else:
            batch.link, batch.was_fresh = link, was_fresh
            left = await self._carry_over(node, batch, link, ends=ends, was_fresh=was_fresh)
        for question in questions:
            question.settle(left, was_fresh=was_fresh)

    async def _carry_over(
        self, node: FrozenNode, batch: _Batch, link: Link, *, ends: float, was_fresh: bool
    ) -> Unknown:
        """Settle every question that is answered; return what is to be said of those that are not."""
        what = f"{node.name}: {len(batch.questions)} questions"
        link.use()
        try:
            async with asyncio.timeout(self._links.left_seconds(ends)):
                return await self._exchange_all(node, batch.questions, link, ends=ends, was_fresh=was_fresh)
        except TimeoutError:
            self._links.give_up(node.ssh, link, was_fresh=was_fresh)
            return Unknown(Reason.TIMED_OUT, f"{what}: no answer in time")
        except EXPECTED as error:
            self._links.forget(node.ssh, link, fell_silent=True)
            return unknown_from(error, what=what)
        finally:
            link.release()

    async def _exchange_all(
        self, node: FrozenNode, questions: Sequence[Question], link: Link, *, ends: float, was_fresh: bool
    ) -> Unknown:
        words = together_words(questions, left_seconds=self._links.left_seconds)
        self._count(node.name)
        process = await link.connection.create_process(
            shlex.join(as_root(words, left_seconds=self._links.left_seconds(ends))), encoding=None
        )
        sorter, complaint = Sorter(len(questions)), asyncio.ensure_future(collected(process, process.stderr))
        left = OUTPUT_LIMIT_BYTES * len(questions)
        try:
            process.stdin.write_eof()
            while left > 0 and (chunk := await process.stdout.read(65536)):
                left -= len(chunk)
                for number, answer in sorter.feed(chunk):
                    questions[number].settle(self._sorted(node, questions[number], answer), was_fresh=was_fresh)
            if left <= 0:
                return Unknown(Reason.BAD_ANSWER, f"{node.name}: printed more than may be believed")
            await process.wait_closed()
            status, said = process.exit_status, decoded(await complaint or b"")
        finally:
            complaint.cancel()
            # Never waited for: a node without power does not say goodbye.
            process.close()
        if status is None:
            return Unknown(Reason.CONNECTION_LOST, f"{node.name}: ended without a status")
        if status in KILLED_BY_DEADLINE:
            return Unknown(Reason.TIMED_OUT, f"{node.name}: was ended at its deadline")
        # It never came to the questions: sudo or the shell says why.
        text = printable(said, longest=SAID_CHARACTERS) or "nothing was said of it"
        return Unknown(Reason.COMMAND_FAILED, f"{node.name}: {text} (status {status})")

    def _sorted(self, node: FrozenNode, question: Question, answer: Completed | None) -> Completed | Unknown:
        what = f"{node.name}: {short(question.argv)}"
        if answer is None:
            return Unknown(Reason.BAD_ANSWER, f"{what} printed more than may be believed")
        if answer.exit_status in KILLED_BY_DEADLINE:
            return Unknown(Reason.TIMED_OUT, f"{what} was ended at its deadline")
        return answer

    def close(self) -> None:
        """End the questions that nobody waits for any more."""
        for batch in self._gathering.values():
            batch.drop()
