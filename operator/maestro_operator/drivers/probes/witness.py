"""A third machine through which services are asked: its SSH server opens the connections, nothing is installed there.

The law of this file: what goes wrong on the way to the witness says nothing of the node behind it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.probes.streams import NotReached
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote
from maestro_operator.model.status import FrozenNode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from maestro_operator.drivers.probes.streams import Answer, Opened
    from maestro_operator.model.detection import Witness
    from maestro_operator.transport.session import Sessions

MARGIN_SECONDS = 1.0
"""How much longer than the answer itself the way through the witness may take."""
SILENT = 1
"""What ping ends with where nothing came back."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way through one witness, for one round of questions."""

    sessions: Sessions
    witness: FrozenNode
    deadline_seconds: float

    @asynccontextmanager
    async def opens(self, address: str, port: int) -> AsyncIterator[Opened]:
        """Open a connection from the witness.

        Raises:
            asyncssh.ChannelOpenError: what the witness says of a connection that did not come about.
            NotReached: the witness itself is gone.

        """
        async with self.sessions.tcp(self.witness, (address, port), deadline_seconds=self.deadline_seconds) as opened:
            if isinstance(opened, Unknown):
                raise NotReached(opened.reason, opened.message)
            yield opened

    async def ping(self, address: str, *, timeout_seconds: float) -> Answer:
        """Send an echo request from the witness, by the ping that is there."""
        words = ("ping", "-n", "-q", "-c", "1", "-W", f"{timeout_seconds:.0f}", address)
        ran = await self.sessions.run(
            self.witness, words, deadline_seconds=timeout_seconds + MARGIN_SECONDS, needs_root=False
        )
        if isinstance(ran, Unknown):
            raise NotReached(ran.reason, ran.message)
        if ran.exit_status == 0:
            return Vote.ALIVE, Reason.ANSWERS, f"{address} answers an echo request of {self.witness.name}"
        if ran.exit_status == SILENT:
            return Vote.DEAD, Reason.TIMED_OUT, f"{address} does not answer an echo request of {self.witness.name}"
        return Vote.UNKNOWN, Reason.NOT_PERMITTED, f"{self.witness.name} has no ping, or may not use it"


@asynccontextmanager
async def through_the_witness(
    sessions: Sessions, witness: Witness, *, timeout_seconds: float
) -> AsyncIterator[Way | Unknown]:
    """Give the way through a witness, or why there is none now."""
    as_node = FrozenNode(name=witness.name, address=witness.host, ssh=witness.ssh)
    reached = await sessions.reached(as_node, deadline_seconds=timeout_seconds + MARGIN_SECONDS)
    yield reached if reached is not None else Way(sessions, as_node, timeout_seconds + MARGIN_SECONDS)
