"""A program on the node itself that says how the service is, as monitoring plugins do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote

if TYPE_CHECKING:
    from maestro_operator.drivers.probes.streams import Answer
    from maestro_operator.model.checks import NodeCommand
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Completed, Sessions

WELL, KNOWS_NOTHING = 0, 3
WORDS = {
    reason.value: reason
    for reason in (Reason.TOO_MANY_CONNECTIONS, Reason.WRONG_CREDENTIALS, Reason.DISK_FULL, Reason.SLOW)
}
"""What the first word may be, to say why the service is sick."""
SAID_CHARACTERS = 80


async def asked_on_the_node(
    sessions: Sessions | None, node: FrozenNode, command: NodeCommand, *, timeout_seconds: float
) -> Answer:
    """Run the command on the node and return what it says."""
    if sessions is None:
        return Vote.UNKNOWN, Reason.NOT_CONFIGURED, f"{node.name}: there is no way to run a command"
    ran = await sessions.ask(node, command.argv, deadline_seconds=timeout_seconds)
    if isinstance(ran, Unknown):
        return Vote.UNKNOWN, ran.reason, ran.message
    return judged(node.name, ran)


def judged(name: str, ran: Completed) -> Answer:
    """Return what a command that ran to its end says."""
    said = printable(ran.stdout or ran.stderr, longest=SAID_CHARACTERS) or f"status {ran.exit_status}"
    if ran.exit_status == WELL:
        return Vote.ALIVE, Reason.ANSWERS, f"{name}: {said}"
    if ran.exit_status == KNOWS_NOTHING:
        return Vote.UNKNOWN, Reason.COMMAND_FAILED, f"{name}: {said}"
    first = ran.stdout.split(maxsplit=1)[:1]
    return Vote.SICK, WORDS.get(first[0].rstrip(":"), Reason.COMMAND_FAILED) if first else Reason.COMMAND_FAILED, said
