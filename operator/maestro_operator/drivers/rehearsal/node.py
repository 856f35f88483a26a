"""Rehearsals on a standby: its own program keeps them apart; from here they are begun, looked at and ended.

The law of this file: nothing is started but in the place that the node's program made for it, and nothing is believed
of it but what was read there. A test that this operator loses sight of ends by itself, on the node, at its time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.files import settle_files
from maestro_operator.drivers.rehearsal.inside import Doors, Inside, Sink
from maestro_operator.drivers.services.readiness import Readiness
from maestro_operator.drivers.verification.checks import NodeVerification
from maestro_operator.drivers.verification.reach import Reach
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import lines_or_none, outcome_of, shortened
from maestro_operator.transport.bundle import REPLICA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import CheckResult, Trial
    from maestro_operator.model.pair import Check, PairSpec, Service
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret
    from maestro_operator.transport.session import Sessions

POLL_SECONDS = 0.5
CALL_SECONDS = 30.0
_REFUSALS = {"NotWhole": Reason.COPY_NOT_WHOLE, "NoSuchItem": Reason.BACKUP_ABSENT}


class NodeRehearsals:
    """The rehearsal port over the pair's SSH sessions."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        clock: Clock,
        spec: Callable[[], PairSpec],
        secrets: ReadSecret,
        namespace: str,
    ) -> None:
        """Keep the way to the nodes, how to ask for the spec as it is now, and where Secrets are read."""
        self._sessions = sessions
        self._clock = clock
        self._spec = spec
        self._secrets = secrets
        self._namespace = namespace

    async def begin(self, node: FrozenNode, trial: Trial, *, deadline_seconds: float) -> Outcome:
        """Have a place apart on the node with a copy of its newest whole generation, where services can be started."""
        ends = self._clock.monotonic_seconds() + deadline_seconds
        words = ["start-test", "begin", "--id", trial.id, "--seconds", str(trial.seconds)]
        words += ["--bounces", " ".join(trial.bounces), "--names", " ".join(trial.names)]
        begun = await self._call(node, *words, deadline_seconds=deadline_seconds)
        while isinstance(begun, Done):
            state = await self._call(node, "start-test", "state", deadline_seconds=CALL_SECONDS)
            if not isinstance(state, Done):
                return state
            if state.facts.get("ready") == "yes":
                return begun
            if state.facts.get("running") != "yes":
                return Failed(Reason.COMMAND_FAILED, f"{node.name}: the place for the start test ended at once")
            if self._clock.monotonic_seconds() + POLL_SECONDS >= ends:
                return Failed(Reason.TIMED_OUT, f"{node.name}: the place for the start test is not ready")
            await self._clock.sleep(POLL_SECONDS)
        return begun

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Give the copy the node's own values, then start each service there, ready before the next."""
        inside, spec = Inside(self._sessions), self._spec()
        items = [item for item in spec.localise if item.is_settled and item.firewall_set is None]
        peer = next(it for it in spec.nodes if it.name != node.name)
        settled = await settle_files(
            inside,
            node,
            items,
            peer=node.model_copy(update={"name": peer.name, "address": peer.address}),
            deadline_seconds=deadline_seconds,
        )
        if not isinstance(settled, Done):
            return settled
        ends = self._clock.monotonic_seconds() + deadline_seconds
        readiness = Readiness(inside, node, clock=self._clock)
        took: dict[str, str] = {}
        for service in services:
            began = self._clock.monotonic_seconds()
            allowed = min(float(service.start_timeout_seconds), max(1.0, ends - began))
            what = f"{node.name}: starting {service.unit} on trial"
            answer = await inside.run(node, ("systemctl", "start", service.unit), deadline_seconds=allowed)
            if isinstance(answer, Unknown):
                return Failed(answer.reason, f"{what}: {answer.message}")
            if answer.exit_status != 0:
                return Failed(Reason.COMMAND_FAILED, f"{what}: {shortened(answer)}")
            left = allowed - (self._clock.monotonic_seconds() - began)
            unready = await readiness.wait(service.readiness, timeout_seconds=left)
            if unready is not None:
                return Failed(Reason.TIMED_OUT, f"{what}: not ready after {allowed:.0f} s: {unready}")
            took[service.name] = f"{self._clock.monotonic_seconds() - began:.2f}"
        return Done(took)

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Run the checks through the place apart; mail is looked for among what was sent there."""
        inside = Inside(self._sessions)
        doors = Doors(inside, node)
        verification = NodeVerification(
            self._sessions,
            clock=self._clock,
            spec=self._spec,
            secrets=self._secrets,
            namespace=self._namespace,
            reach=Reach(way=inside, door=doors.to, sink=Sink(inside, node)),
        )
        try:
            return await verification.verify(node, checks, since=since, deadline_seconds=deadline_seconds)
        finally:
            await doors.close()

    async def end(self, node: FrozenNode, trial_id: str, *, deadline_seconds: float) -> Outcome:
        """End everything that was started, and throw its copy away; what is gone is done."""
        return await self._call(node, "start-test", "end", "--id", trial_id, deadline_seconds=deadline_seconds)

    async def test_restore(self, node: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Have the node restore its newest backup beside everything else, check it and throw it away, now."""
        answer = await self._sessions.run(node, (REPLICA, "test-restore"), deadline_seconds=deadline_seconds)
        if isinstance(answer, Unknown) or answer.exit_status != 1:
            return outcome_of(
                answer, what=f"{node.name}: test-restore", refusals=_REFUSALS, otherwise=Reason.STEP_REFUSED
            )
        lines = lines_or_none(answer.stdout)
        word = (lines.maybe_word("result") if lines is not None else None) or "no result"
        name = (lines.maybe_word("tested") if lines is not None else None) or "a backup"
        return Failed(Reason.RESTORE_TEST_FAILED, f"{node.name}: the restore of {name} ended with {word}")

    async def _call(self, node: FrozenNode, *words: str, deadline_seconds: float) -> Outcome:
        answer = await self._sessions.run(node, (REPLICA, *words), deadline_seconds=deadline_seconds)
        outcome = outcome_of(
            answer, what=f"{node.name}: {' '.join(words[:2])}", refusals=_REFUSALS, otherwise=Reason.STEP_REFUSED
        )
        if isinstance(outcome, Refused) and outcome.remote_reason == "Busy":
            return Failed(Reason.STEP_FAILED, outcome.message)
        return outcome
