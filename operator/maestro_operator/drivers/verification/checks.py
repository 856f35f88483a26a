"""Checks after a start: HTTP from outside, and the log on the node from the moment of the start.

The law of this file: a check that could not be made has failed. What is kept of a log is one line,
cut short; nothing else of it leaves the operator.
"""

from __future__ import annotations

import asyncio
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.drivers.ports import CheckResult
from maestro_operator.drivers.probes.network import probe
from maestro_operator.drivers.verification.logs import (
    MARGIN_SECONDS,
    NO_LOG,
    READ_LOG,
    TAIL_BYTES,
    Verdict,
    judge_log,
    lines_since,
    parsed,
    shown,
)
from maestro_operator.model.pair import Probe
from maestro_operator.model.seen import Unknown, Vote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.model.pair import Check, HttpProbe, LogScan
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions

POLL_SECONDS = 0.2
READ_SECONDS = 10.0
HTTP_SECONDS = 3.0
SHORTEST_SECONDS = 0.5
"""What the last look before a deadline still gets."""


class NodeVerification:
    """The verification port over the network and the pair's SSH sessions."""

    def __init__(self, sessions: Sessions, *, clock: Clock) -> None:
        """Keep the way to the nodes."""
        self._sessions = sessions
        self._clock = clock

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Run every check in parallel, each until it passes, cannot pass any more or is out of time."""
        runs = (self._until_passed(node, check, since=since, deadline_seconds=deadline_seconds) for check in checks)
        return tuple(await asyncio.gather(*runs))

    async def _until_passed(
        self, node: FrozenNode, check: Check, *, since: str, deadline_seconds: float
    ) -> CheckResult:
        ends = self._clock.monotonic_seconds() + min(check.deadline_seconds, deadline_seconds)
        while True:
            left = max(SHORTEST_SECONDS, ends - self._clock.monotonic_seconds())
            verdict = await self._once(node, check, since=since, left_seconds=left)
            if verdict.is_final or self._clock.monotonic_seconds() + POLL_SECONDS >= ends:
                return CheckResult(check.name, passed=verdict.passed, message=verdict.message)
            await self._clock.sleep(POLL_SECONDS)

    async def _once(self, node: FrozenNode, check: Check, *, since: str, left_seconds: float) -> Verdict:
        if check.http is not None:
            return await _http(node, check.http, min(HTTP_SECONDS, left_seconds))
        if check.log is not None:
            return await self._log(node, check.log, since=since, seconds=min(READ_SECONDS, left_seconds))
        return Verdict(passed=False, is_final=True, message="the check names no kind")

    async def _log(self, node: FrozenNode, scan: LogScan, *, since: str, seconds: float) -> Verdict:
        try:
            ago = self._seconds_since(since)
        except ValueError:
            return Verdict(passed=False, is_final=True, message=f"{since!r} is no moment in the past")
        words = ("sh", "-c", READ_LOG, "read-log", str(ago), scan.path, str(MARGIN_SECONDS), str(TAIL_BYTES))
        answer = await self._sessions.run(node, words, deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            return _not_yet(answer.message)
        if answer.exit_status == NO_LOG:
            return _not_yet(f"there is no log {scan.path}")
        if answer.exit_status != 0:
            return _not_yet(f"the log could not be read: {shown(answer.stderr)}")
        try:
            found = parsed(answer.stdout)
            # On the node's own clock, and no later than the start, however long the answer took.
            moment = datetime.fromtimestamp(found.now_seconds, found.zone) - timedelta(
                seconds=self._seconds_since(since)
            )
        except (ValueError, OverflowError):
            return _not_yet("the node's answer about the log cannot be understood")
        lines = lines_since(found.files, moment)
        return _not_yet(lines) if isinstance(lines, str) else judge_log(scan, lines)

    def _seconds_since(self, since: str) -> int:
        """Return how long ago a moment was, rounded up.

        Raises:
            ValueError: it is none, or lies in the future.

        """
        past = datetime.fromisoformat(self._clock.now()) - datetime.fromisoformat(since)
        if past < timedelta(seconds=-1):
            raise ValueError(since)
        return max(0, math.ceil(past.total_seconds()))


def _not_yet(message: str) -> Verdict:
    return Verdict(passed=False, is_final=False, message=message)


async def _http(node: FrozenNode, item: HttpProbe, seconds: float) -> Verdict:
    vote, _, message = await probe(node.address, Probe(http=item), seconds)
    passed = vote is Vote.ALIVE
    return Verdict(passed=passed, is_final=passed, message=message)
