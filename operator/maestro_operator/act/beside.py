"""What is tried beside a pair at rest: in the background, given up when anything else begins.

The law of this file: no turn waits for it, and it touches nothing but the place apart on the standby. It goes on only
while this operator leads and finds the pair at rest; one that was given up ends by itself on the node, at its time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from maestro_operator.drivers.ports import Trial
from maestro_operator.model.decision import Steady
from maestro_operator.model.outcome import Done
from maestro_operator.model.rehearsal import RehearsalKind, StartTest, beside
from maestro_operator.model.seen import Rehearsed
from maestro_operator.model.status import FrozenNode

if TYPE_CHECKING:
    from maestro_operator.drivers.ports import Drivers
    from maestro_operator.model.decision import Decided
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import Check, PairSpec
    from maestro_operator.model.rehearsal import Rehearsal
    from maestro_operator.model.seen import Seen

log = logging.getLogger(__name__)

BEGIN_SECONDS = 120.0
VERIFY_SECONDS = 120.0
END_SECONDS = 60.0
MARGIN_SECONDS = 60.0


class Beside:
    """The one test beside a pair."""

    def __init__(self, drivers: Drivers) -> None:
        """Keep the drivers; nothing is tried yet."""
        self._drivers = drivers
        self._task: asyncio.Task[Rehearsed] | None = None
        self._id: str | None = None
        self.last: Rehearsed | None = None
        """How the last one ended that this operator saw to its end."""

    def go_on(self, seen: Seen, decided: Decided) -> None:
        """Begin or go on with the test that status has under way, at rest alone; else end it."""
        test = beside(seen.status.rehearsals)
        task = self._task
        if task is not None and task.done():
            self._task = None
            self.last = self._result(task)
        if test is None or not isinstance(decided.decision, Steady):
            self.close()
        elif self._task is None and (self.last is None or self.last.id != test.id):
            self._id, node = test.id, seen.spec.other(seen.status.active_node or "")
            frozen = FrozenNode(name=node.name, address=node.address, ssh=node.ssh, fencing=node.fencing)
            self._task = asyncio.ensure_future(self._try(frozen, test, seen.spec))

    def _result(self, task: asyncio.Task[Rehearsed]) -> Rehearsed | None:
        """Return how a test ended; a surprise is a result too, or it would be made again without end."""
        if task.cancelled():
            return self.last
        error = task.exception()
        if error is None:
            return task.result()
        log.error("a test beside the pair ended in a surprise", exc_info=error)
        return Rehearsed(self._id or "", passed=False, message=f"a surprise: {type(error).__name__}; the log has it")

    def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _try(self, node: FrozenNode, test: Rehearsal, spec: PairSpec) -> Rehearsed:
        if test.kind is RehearsalKind.RESTORE_TEST:
            limit = spec.backup.restore_test.timeout_seconds if spec.backup and spec.backup.restore_test else 0
            outcome = await self._drivers.rehearsals.test_restore(node, deadline_seconds=limit + MARGIN_SECONDS)
            return _told(test, outcome, well=_restored(outcome))
        wanted = spec.rehearsals.start_test if spec.rehearsals and spec.rehearsals.start_test else StartTest()
        try:
            return await self._start(node, test, spec=spec, wanted=wanted)
        finally:
            # Also where it is given up: the node would end it at its time, and it need not wait for that.
            await self._drivers.rehearsals.end(node, test.id, deadline_seconds=END_SECONDS)

    async def _start(self, node: FrozenNode, test: Rehearsal, *, spec: PairSpec, wanted: StartTest) -> Rehearsed:
        port, limit = self._drivers.rehearsals, float(wanted.timeout_seconds)
        trial = Trial(id=test.id, seconds=wanted.timeout_seconds, bounces=wanted.bounces, names=wanted.names)
        begun = await port.begin(node, trial, deadline_seconds=min(BEGIN_SECONDS, limit))
        if not isinstance(begun, Done):
            return _told(test, begun, well="")
        started = await port.start(node, spec.services, deadline_seconds=limit)
        if not isinstance(started, Done):
            return _told(test, started, well="")
        checks = checks_of(spec)
        results = await port.verify(node, checks, since=test.started_at, deadline_seconds=min(VERIFY_SECONDS, limit))
        failed = sorted((item for item in results if not item.passed), key=lambda item: item.waits_for is not None)
        if failed:
            return Rehearsed(test.id, passed=False, message="; ".join(f"{it.name}: {it.message}" for it in failed))
        generation = begun.facts.get("generation", "a copy")
        text = f"every service started on {node.name} with {generation}, and {len(results)} checks passed"
        return Rehearsed(test.id, passed=True, message=text)


def checks_of(spec: PairSpec) -> tuple[Check, ...]:
    """Return the checks that mean something in a place apart: those of names and addresses are of the world outside."""
    return tuple(check for check in spec.verification if check.names is None and check.old_address is None)


def _restored(outcome: Outcome) -> str:
    named = outcome.facts.get("tested", "a backup") if isinstance(outcome, Done) else ""
    return f"backup {named} was restored and checked"


def _told(test: Rehearsal, outcome: Outcome, *, well: str) -> Rehearsed:
    if isinstance(outcome, Done):
        return Rehearsed(test.id, passed=True, message=well)
    return Rehearsed(test.id, passed=False, message=outcome.message)
