"""Checks while the pair is at rest: a round in the background now and then, given up when something begins.

The law of this file: only looks. Nothing is moved because of a round, and no turn waits for one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from maestro_operator.model.seen import CheckSeen, RoundSeen

if TYPE_CHECKING:
    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import VerificationPort
    from maestro_operator.model.pair import Check, PairSpec
    from maestro_operator.model.status import FrozenNode

ROUND_SECONDS = 110.0


def checks_at_rest(spec: PairSpec) -> tuple[Check, ...]:
    """Return what is made at rest; a log that is read since the last round need not say again that it started."""
    chosen = [check for check in spec.verification if check.at_rest]
    names = {check.name for check in chosen}
    return tuple(
        check
        if check.log is None
        else check.model_copy(update={"log": check.log.model_copy(update={"ok": (), "settle_seconds": 0})})
        for check in chosen
        if check.of is None or check.of in names
    )


class AtRest:
    """The rounds of one pair."""

    def __init__(self, spec: PairSpec, port: VerificationPort, *, clock: Clock) -> None:
        """Keep what is checked and how."""
        self._checks = checks_at_rest(spec)
        self._port = port
        self._clock = clock
        self._task: asyncio.Task[RoundSeen] | None = None
        self._last: RoundSeen | None = None

    def look(self, node: FrozenNode | None, *, since: str) -> RoundSeen | None:
        """Return the last round, and begin one where a node is given; without a node end the one under way."""
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            if not task.cancelled():
                self._last = task.result()
        if node is None:
            self.close()
        elif self._task is None and self._checks and (self._last is None or self._last.at <= since):
            self._task = asyncio.ensure_future(self._round(node, since))
        return self._last

    async def _round(self, node: FrozenNode, since: str) -> RoundSeen:
        made = await self._port.verify(node, self._checks, since=since, deadline_seconds=ROUND_SECONDS)
        checks = tuple(CheckSeen(item.name, item.passed, item.message) for item in made)
        return RoundSeen(node.name, self._clock.now(), checks)

    def close(self) -> None:
        """End a round under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
