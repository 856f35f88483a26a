"""Services under systemd: started through the guard, ready one by one, stopped in reverse order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.services.readiness import Readiness
from maestro_operator.model.outcome import Done, Failed, Outcome
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import shortened
from maestro_operator.transport.bundle import scripted
from maestro_operator.transport.guard import guard_outcome, guard_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.model.pair import Service
    from maestro_operator.model.seen import NodeSeen
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions


async def start_services(
    sessions: Sessions,
    node: FrozenNode,
    services: Sequence[Service],
    *,
    clock: Clock,
    deadline_seconds: float,
) -> Outcome:
    """Start each service through the guard and await its probes before the next one."""
    ends = clock.monotonic_seconds() + deadline_seconds
    readiness = Readiness(sessions, node, clock=clock)
    took: dict[str, str] = {}
    for service in services:
        began = clock.monotonic_seconds()
        allowed = min(service.start_timeout_seconds, max(0.0, ends - began))
        what = f"{node.name}: starting {service.unit}"
        answer = await sessions.run(node, guard_words("start", "--only", service.unit), deadline_seconds=allowed)
        outcome = guard_outcome(answer, what=what)
        if not isinstance(outcome, Done):
            return outcome
        left = allowed - (clock.monotonic_seconds() - began)
        unready = await readiness.wait(service.readiness, timeout_seconds=left)
        if unready is not None:
            return Failed(Reason.TIMED_OUT, f"{what}: not ready after {allowed:.0f} s: {unready}")
        took[service.name] = f"{clock.monotonic_seconds() - began:.2f}"
    return Done(took)


async def stop_units(
    sessions: Sessions, node: FrozenNode, units: Sequence[str], *, deadline_seconds: float
) -> Failed | None:
    """Stop the units in reverse order; what became of them is for a reading to say."""
    answer = await sessions.run(node, scripted("stop", *units), deadline_seconds=deadline_seconds)
    if isinstance(answer, Unknown):
        return Failed(answer.reason, f"stopping the services: {answer.message}")
    if answer.exit_status != 0:
        return Failed(Reason.COMMAND_FAILED, f"{node.name}: stopping the services: {shortened(answer)}")
    return None


def read_back_stopped(reading: NodeSeen | Unknown) -> Outcome:
    """Return Done only where a reading shows nothing of the services left."""
    if isinstance(reading, Unknown):
        return Failed(reading.reason, f"reading back the stop: {reading.message}")
    left = [f"{unit.name} is {unit.active}" for unit in reading.units if not unit.is_stopped]
    if reading.holders:
        left.append(f"{reading.holders} processes hold the data")
    left += [f"port {port} is open" for port in reading.listeners]
    if left:
        return Failed(Reason.COMMAND_FAILED, f"{reading.name} is not stopped: {', '.join(left)}")
    return Done({"stopped": " ".join(unit.name for unit in reading.units)})
