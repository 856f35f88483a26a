"""Nodes that are no Linux: read, equipped, ordered, started and stopped through a guard of their own.

The law of this file: the same verbs, and the same refusals. What has no counterpart on the platform is refused, never
left out: no replication runs there in this version, names are not pinned and files not settled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maestro_operator.drivers.nodes.configuration import configuration
from maestro_operator.drivers.nodes.orders import order_words
from maestro_operator.drivers.nodes.reading import node_seen
from maestro_operator.drivers.nodes.watched import watched
from maestro_operator.drivers.services.readiness import Readiness
from maestro_operator.drivers.services.systemd import read_back_stopped
from maestro_operator.model.errors import BadInput
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Platform
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown
from maestro_operator.transport.answers import BadAnswerError, outcome_of, shortened
from maestro_operator.transport.guard import guard_outcome
from maestro_operator.transport.platforms import DRIVE, guard_files, name_there, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Equipment, Order
    from maestro_operator.model.pair import PairSpec, Service
    from maestro_operator.model.seen import VoteSeen
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.completed import Completed
    from maestro_operator.transport.session import Sessions

READ_SECONDS = 12.0
"""A PowerShell takes its time to begin."""
_UNIT_LINE = re.compile(r"^unit\.([^=]+)=", re.MULTILINE)
_LOCAL_PATH = re.compile(r"^live=", re.MULTILINE)


class NodesElsewhere:
    """The nodes of one pair that are no Linux."""

    def __init__(self, sessions: Sessions, *, spec: Callable[[], PairSpec], clock: Clock) -> None:
        """Keep the way to the nodes, and how to ask for the spec as it is now."""
        self._sessions = sessions
        self._spec = spec
        self._clock = clock

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read everything about a node from the node itself, in one round trip."""
        try:
            view = watched(self._spec())
        except BadInput as error:
            return Unknown(Reason.INVALID_SPEC, str(error))
        units = [name_there(unit) for unit in view.units]
        words = units if self._platform(node) is Platform.WINDOWS else [view.live, "", "", "", *units]
        answer = await self._run(node, "observe", words, seconds=READ_SECONDS)
        if isinstance(answer, Unknown):
            return answer
        if answer.exit_status != 0:
            return Unknown(Reason.COMMAND_FAILED, f"{node.name}: reading: {shortened(answer)}")
        text = _UNIT_LINE.sub(r"unit.\1.service=", answer.stdout.replace("\r\n", "\n"))
        try:
            return node_seen(node.name, text, units=view.units, known_peer="")
        except BadAnswerError as error:
            return Unknown(Reason.BAD_ANSWER, f"{node.name}: {error}")

    async def equip(self, node: FrozenNode, equipment: Equipment, *, deadline_seconds: float) -> Outcome:
        """Install the guard and its configuration; nothing running is stopped."""
        platform = self._platform(node)
        try:
            text = configuration(equipment)
            units = [name_there(unit) for unit in watched(equipment.spec).units]
        except BadInput as error:
            return Refused(Reason.INVALID_SPEC, str(error))
        text = text.replace(".service", "")
        if platform is Platform.WINDOWS:
            text = _LOCAL_PATH.sub(f"live={DRIVE}", text)
        said = spoken(platform, "equip", units, seconds=deadline_seconds, nodefiles=guard_files(platform, text))
        answer = await self._sessions.run(
            node, said.argv, stdin=said.stdin, ends_itself=said.ends_itself, deadline_seconds=deadline_seconds
        )
        what = f"{node.name}: installing the guard"
        return outcome_of(answer, what=what, refusals={}, otherwise=Reason.STEP_REFUSED)

    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        """Give one order to the guard. `Refused` carries the guard's word."""
        answer = await self._run(node, "order", order_words(order), seconds=deadline_seconds)
        return guard_outcome(answer, what=f"{node.name}: {order.verb}")

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services in order, each ready before the next; needs a permit on the node."""
        ends = self._clock.monotonic_seconds() + deadline_seconds
        readiness = Readiness(self._sessions, node, clock=self._clock)
        for service in services:
            allowed = min(service.start_timeout_seconds, max(0.0, ends - self._clock.monotonic_seconds()))
            what = f"{node.name}: starting {name_there(service.unit)}"
            words = ("start", "--only", name_there(service.unit))
            outcome = guard_outcome(await self._run(node, "order", words, seconds=allowed), what=what)
            if not isinstance(outcome, Done):
                return outcome
            unready = await readiness.wait(service.readiness, timeout_seconds=allowed)
            if unready is not None:
                return Failed(Reason.TIMED_OUT, f"{what}: not ready after {allowed:.0f} s: {unready}")
        return Done()

    async def stop(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Stop the services in reverse order and read back that nothing of them is left."""
        del services  # the guard's own list, as it was installed
        outcome = guard_outcome(
            await self._run(node, "order", ("stop",), seconds=deadline_seconds),
            what=f"{node.name}: stopping the services",
        )
        return read_back_stopped(await self.read(node)) if isinstance(outcome, Done) else outcome

    def refused(self, node: FrozenNode, verb: str) -> Refused:
        """Return the refusal of a verb that has no counterpart on the node's platform."""
        text = f"{node.name}: {verb}: nothing of this version does that on {self._platform(node)}"
        return Refused(Reason.PLATFORM_UNVERIFIED, text)

    def unseen(self, node: FrozenNode) -> VoteSeen | Unknown:
        """Return what such a node says of its peer: nothing."""
        return Unknown(Reason.PLATFORM_UNVERIFIED, f"{node.name}: a guard on {self._platform(node)} asks no peer")

    async def _run(self, node: FrozenNode, script: str, words: Sequence[str], *, seconds: float) -> Completed | Unknown:
        said = spoken(self._platform(node), script, words, seconds=seconds)
        return await self._sessions.run(
            node, said.argv, stdin=said.stdin, ends_itself=said.ends_itself, deadline_seconds=seconds
        )

    def _platform(self, node: FrozenNode) -> Platform:
        return platform_of(self._spec(), node)


def platform_of(spec: PairSpec, node: FrozenNode) -> Platform:
    """Return what a node runs on; one that was taken out of the spec meanwhile is taken for a Linux."""
    return spec.node(node.name).platform if node.name in spec.names else Platform.LINUX
