"""Tests beside a pair in memory: a copy of the newest whole generation, and services on it that nobody else sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.drivers.ports import CheckResult
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.drivers.memory.world import MemoryNode
    from maestro_operator.drivers.ports import Trial
    from maestro_operator.model.pair import Check, Service
    from maestro_operator.model.status import FrozenNode


def _may_serve(node: MemoryNode) -> bool:
    return node.guard.may_send(node.boot_id)


class MemoryRehearsals(Reaching):
    """The rehearsal port."""

    async def begin(self, node: FrozenNode, trial: Trial, *, deadline_seconds: float) -> Outcome:
        """Have a place apart with a copy of the newest whole generation."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if _may_serve(there):
            return Refused(Reason.STEP_REFUSED, f"{node.name} may run or send", "NotBeside")
        copy = there.newest()
        if copy is None:
            return Refused(Reason.COPY_NOT_WHOLE, f"{node.name} has no whole generation", "NotWhole")
        if there.trial != trial.id:
            there.trial, there.tried = trial.id, set()
        return Done({"generation": str(copy.generation)})

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services there."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if there.trial is None:
            return Refused(Reason.STEP_REFUSED, f"{node.name}: no services are on trial there", "NotRunning")
        broken = next((item.unit for item in services if item.unit in there.breaks), None)
        if broken is not None:
            return Failed(Reason.COMMAND_FAILED, f"{node.name}: starting {broken} on trial: it ended")
        there.tried = {item.unit for item in services}
        return Done()

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Check what runs there."""
        del since, deadline_seconds
        there = self._node(node)
        is_seen = self._silent(node) is None and bool(there.tried)
        failing = {name for at, name in self._world.failing_checks if at == node.name}
        word = "it serves, apart" if is_seen else "it does not serve"
        return tuple(
            CheckResult(check.name, passed=is_seen and check.name not in failing, message=word) for check in checks
        )

    async def end(self, node: FrozenNode, trial_id: str, *, deadline_seconds: float) -> Outcome:
        """Throw it away."""
        del trial_id, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).end_trial()
        return Done()

    async def test_restore(self, node: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Restore the newest backup beside everything else."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there, now = self._node(node), self._world.clock.monotonic_seconds()
        if _may_serve(there):
            return Refused(Reason.STEP_REFUSED, f"{node.name} may run or send", "NotBeside")
        newest = max(there.backups, key=lambda name: there.backups[name][1], default=None)
        if newest is None:
            return Refused(Reason.BACKUP_ABSENT, f"{node.name} keeps no backup", "NoSuchItem")
        result = "BackupDamaged" if newest in there.damaged else "passed"
        there.tested = (newest, now, result)
        if result == "passed":
            return Done({"tested": newest, "result": result})
        return Failed(Reason.RESTORE_TEST_FAILED, f"{node.name}: the restore of {newest} ended with {result}")
