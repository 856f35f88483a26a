"""A virtual machine of libvirt between two hosts: read on each of them, moved by libvirt itself.

The law of this file: nothing is believed but what libvirt on the host itself says of the machine with that UUID, under
the host's pinned key. Off is `shut off`, or no such machine; every other word may be a machine that writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.nodes.reading import identity, needed_seconds
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState, NodeSeen, Unit, Unknown
from maestro_operator.transport.answers import BadAnswerError, Lines, outcome_of, shortened
from maestro_operator.transport.bundle import scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.machine import VirtualMachine
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions

READ_SECONDS = 8.0
ABSENT = "absent"
STATES: Mapping[str, str] = {
    "running": "active",
    "idle": "active",
    "paused": "activating",
    "shut off": "inactive",
    ABSENT: "inactive",
    "in shutdown": "deactivating",
    "crashed": "deactivating",
    "dying": "deactivating",
    "pmsuspended": "deactivating",
    "no state": "deactivating",
}
"""What libvirt says of a machine, as the state of a unit; where it moves to it is paused until it has come."""
_NONE = "spec.replication.virtualMachine.libvirt is not set"


class LibvirtHosts:
    """Both hosts of one pair's machine."""

    def __init__(self, sessions: Sessions, *, spec: Callable[[], PairSpec]) -> None:
        """Keep the way to the hosts, and how to ask for the spec as it is now."""
        self._sessions = sessions
        self._spec = spec

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read of a host how the machine stands there."""
        machine = self._spec().machine
        if machine is None or machine.libvirt is None:
            return Unknown(Reason.NOT_CONFIGURED, _NONE)
        words = scripted("machine", machine.libvirt.uuid)
        answer = await self._sessions.ask(node, words, deadline_seconds=READ_SECONDS)
        if isinstance(answer, Unknown):
            return answer
        if answer.exit_status != 0:
            return Unknown(Reason.COMMAND_FAILED, f"{node.name}: libvirt: {shortened(answer)}")
        try:
            return host_seen(node.name, answer.stdout, machine=machine)
        except BadAnswerError as error:
            return Unknown(Reason.BAD_ANSWER, f"{node.name}: {error}")

    async def migrate(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Move the machine from the host that was read to run it to the other one."""
        machine = self._spec().machine
        libvirt = machine.libvirt if machine is not None else None
        uri = libvirt.migration_uris.get(target.name) if libvirt is not None else None
        if machine is None or libvirt is None or uri is None:
            return Refused(Reason.NOT_CONFIGURED, f"{_NONE}, or its migrationUris do not name {target.name}")
        if await self._runs(target, but=source):
            return Done()
        words = scripted("migrate", libvirt.uuid, uri)
        answer = await self._sessions.run(source, words, deadline_seconds=deadline_seconds)
        what = f"{source.name}: moving {machine.name} to {target.name}"
        outcome = outcome_of(answer, what=what, refusals={}, otherwise=Reason.STEP_REFUSED)
        if not isinstance(outcome, Done):
            return outcome
        if "under_way" in outcome.facts:
            return InProgress(f"{what}: a move is under way")
        if await self._runs(target, but=source):
            return outcome
        return Failed(Reason.COMMAND_FAILED, f"{what}: libvirt says that it was moved, and the hosts do not")

    async def _runs(self, target: FrozenNode, *, but: FrozenNode) -> bool:
        """Tell whether the machine was read to run on one host, and to be off on the other."""
        there, here = await self.read(target), await self.read(but)
        if isinstance(there, Unknown) or isinstance(here, Unknown):
            return False
        return not there.is_stopped and there.units[0].active == "active" and here.is_stopped


def host_seen(name: str, text: str, *, machine: VirtualMachine) -> NodeSeen:
    """Return the reading of a host.

    Raises:
        BadAnswerError: the answer cannot be understood.

    """
    lines = Lines(text)
    word = lines.text("machine")
    if word not in STATES:
        raise BadAnswerError(f"machine={word[:40]!r} is no state of a machine")
    return NodeSeen(
        name=name,
        machine_id=identity(lines, "machine_id"),
        boot_id=identity(lines, "boot_id"),
        uptime_seconds=needed_seconds(lines, "uptime_seconds"),
        guard=Guard(GuardState.ABSENT),
        units=(Unit(name=machine.name, active=STATES[word], sub=word),),
    )
