"""Checks after a start: HTTP from outside, and the log on the node from the moment of the start.

The law of this file: a check that could not be made has failed. What is kept of a log is one line,
cut short; nothing else of it leaves the node.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import TYPE_CHECKING

from maestro_operator.drivers.ports import CheckResult
from maestro_operator.drivers.probes.network import probe
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
STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})")
SHOWN_CHARACTERS = 160
# Prints the start in the node's own time zone, then the last part of that day's file and today's.
READ_LOG = r"""
since=$(date -d "$1" '+%Y-%m-%d %H:%M:%S') || exit 3
printf '%s\n' "$since"
first=$(date -d "$1" '+%Y%m%d'); today=$(date '+%Y%m%d')
for day in $(printf '%s\n%s\n' "$first" "$today" | sort -u); do
  file=$(printf '%s' "$2" | sed "s/{yyyymmdd}/$day/")
  if [ -f "$file" ]; then found=1; tail -c 262144 -- "$file"; fi
done
[ "${found:-}" ] || exit 4
"""
NO_LOG = 4


class NodeVerification:
    """The verification port over the network and the pair's SSH sessions."""

    def __init__(self, sessions: Sessions, *, clock: Clock) -> None:
        """Keep the way to the nodes."""
        self._sessions = sessions
        self._clock = clock

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Run every check in parallel, each until it passes or its deadline is over."""
        runs = (self._until_passed(node, check, since, deadline_seconds) for check in checks)
        return tuple(await asyncio.gather(*runs))

    async def _until_passed(
        self, node: FrozenNode, check: Check, since: str, deadline_seconds: float
    ) -> CheckResult:
        ends = self._clock.monotonic_seconds() + min(check.deadline_seconds, deadline_seconds)
        result = await self._once(node, check, since)
        while not result.passed and self._clock.monotonic_seconds() < ends:
            await self._clock.sleep(POLL_SECONDS)
            result = await self._once(node, check, since)
        return result

    async def _once(self, node: FrozenNode, check: Check, since: str) -> CheckResult:
        if check.http is not None:
            return await _http(node, check.name, check.http)
        if check.log is not None:
            return await self._log(node, check.name, check.log, since)
        return CheckResult(check.name, passed=False, message="the check names no kind")

    async def _log(self, node: FrozenNode, name: str, scan: LogScan, since: str) -> CheckResult:
        answer = await self._sessions.run(
            node, ["sh", "-c", READ_LOG, "read-log", since, scan.path], deadline_seconds=READ_SECONDS
        )
        if isinstance(answer, Unknown):
            return CheckResult(name, passed=False, message=answer.message)
        if answer.exit_status == NO_LOG:
            return CheckResult(name, passed=False, message=f"there is no log {scan.path}")
        if answer.exit_status != 0:
            return CheckResult(name, passed=False, message=f"the log could not be read: {answer.stderr[:80]}")
        began, _, text = answer.stdout.partition("\n")
        return judge_log(name, scan, lines_since(text, began))


async def _http(node: FrozenNode, name: str, item: HttpProbe) -> CheckResult:
    vote, _, message = await probe(node.address, Probe(http=item), HTTP_SECONDS)
    return CheckResult(name, passed=vote is Vote.ALIVE, message=message)


def lines_since(text: str, began: str) -> list[str]:
    """Return the lines that were written at or after a moment; one without a stamp goes with the last."""
    moment = datetime.fromisoformat(began)
    kept, is_after = [], False
    for line in text.splitlines():
        stamp = STAMP.match(line)
        if stamp is not None:
            is_after = datetime.fromisoformat(f"{stamp[1]} {stamp[2]}") >= moment
        if is_after:
            kept.append(line)
    return kept


def judge_log(name: str, scan: LogScan, lines: Sequence[str]) -> CheckResult:
    """Fail on the first line that a `fail` pattern fits; pass when every `ok` pattern fits a line."""
    for pattern in scan.fail:
        bad = next((line for line in lines if re.search(pattern, line)), None)
        if bad is not None:
            return CheckResult(name, passed=False, message=f"the log says: {bad[:SHOWN_CHARACTERS]}")
    missing = [item for item in scan.ok if not any(re.search(item, line) for line in lines)]
    if missing:
        return CheckResult(name, passed=False, message=f"the log does not show {missing[0]!r} yet")
    return CheckResult(name, passed=True, message=f"{len(lines)} lines since the start")
