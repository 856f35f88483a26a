"""The shared disk as a fence: the survivor takes it from a node that runs on, and reads back that it alone holds it.

The law of this file: the survivor's own guard must have promised it the next epoch, which the program on it checks: an
order that arrives late finds the promise gone. What is read back is handed on as an agent's answer is; `preempted` is
not `off`, and what that proves is decided elsewhere. A storage that forgets, or was never met refusing, proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.agent import AgentRun
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.answers import BadAnswerError, Lines, shortened
from maestro_operator.transport.bundle import REPLICA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.pair import PairSpec
    from maestro_operator.transport.session import Sessions

FAILED = 1
OFF, ON = 2, 0
ALONE = 1
_VERBS: Mapping[str, str] = {"off": "cut", "status": "held"}


def accept_reservation(told: Mapping[str, str]) -> None:
    """Hold a reservation's parameters to what it needs, which is nothing.

    Raises:
        ValueError: it was given something.

    """
    if told:
        text = "remove parameters and Secret of the reservation: the disk is reached by the other node"
        raise ValueError(text)


class DiskReservation:
    """Takes one pair's shared disk from a node, through the other one."""

    def __init__(self, sessions: Sessions, *, spec: Callable[[], PairSpec]) -> None:
        """Keep the way to the nodes."""
        self._sessions = sessions
        self._spec = spec

    async def run(self, action: str, *, of: str, identity: str, seconds: float) -> AgentRun:
        """Take the disk from a node, or ask who holds it; the answer has the form of an agent's."""
        survivor = self._spec().other(of)
        asked = FrozenNode(name=survivor.name, address=survivor.address, ssh=survivor.ssh)
        words = (REPLICA, _VERBS[action], "--identity", identity)
        answer = await self._sessions.run(asked, words, deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            status = None if answer.reason is Reason.TIMED_OUT else FAILED
            return AgentRun(0, status, f"ERROR: {survivor.name}: {answer.message}")
        if answer.exit_status != 0:
            return AgentRun(0, FAILED, f"ERROR: {survivor.name}: {shortened(answer)}")
        try:
            return _read(Lines(answer.stdout), survivor=survivor.name)
        except BadAnswerError as error:
            return AgentRun(0, FAILED, f"ERROR: {survivor.name}: {error}")

    async def names(self, *, of: str, identity: str, seconds: float) -> tuple[str, ...] | Unknown:
        """Return the name that the disk itself gave to the survivor."""
        run = await self.run("status", of=of, identity=identity, seconds=seconds)
        named = [line.removeprefix("identity=") for line in run.output.splitlines() if line.startswith("identity=")]
        if named:
            return (named[-1],)
        reason = Reason.TIMED_OUT if run.exit_status is None else Reason.DEVICE_FAILED
        return Unknown(reason, run.output.removeprefix("ERROR: "))


def _read(lines: Lines, *, survivor: str) -> AgentRun:
    """Return what the disk says as an agent would say it."""
    process, identity = lines.whole("process") or 0, f"identity={lines.word('identity')}\n"
    why = _worthless(lines)
    if why is not None:
        return AgentRun(process, FAILED, f"{identity}ERROR: {why}")
    is_taken = lines.maybe_word("holder") == survivor and lines.whole("keys") == ALONE and lines.yes("exclusive")
    if is_taken and lines.word("enforces") == "yes":
        return AgentRun(process, OFF, f"{identity}Status: PREEMPTED")
    return AgentRun(process, ON, f"{identity}Status: HELD")


def _worthless(lines: Lines) -> str | None:
    """Return why this disk's reservation could keep nobody out for long."""
    if lines.word("enforces") == "no":
        return "the storage lets a node read a disk that another one holds"
    if lines.maybe_word("holder") is not None and not lines.yes("persists"):
        return "the storage forgets the reservation when its power goes (no APTPL)"
    return None
