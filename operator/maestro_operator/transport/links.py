"""Connections to nodes: one for each way to reach one, kept open, and opened anew where it gave no answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.connect import BUSY, IDLE, open_connection

if TYPE_CHECKING:
    import asyncssh

    from maestro_operator.clock import Clock
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.pair import Ssh
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret

CONNECT_SECONDS = 10.0
"""The most that one attempt to connect may take, whatever the command's own deadline."""
RECONNECT_SECONDS = 3.0
"""The same for the one that follows a silence: a node that rebooted lets in at once, and one that is off never."""


@dataclass(slots=True)
class Link:
    """One open connection and how many commands are on it."""

    connection: asyncssh.SSHClientConnection
    in_flight: int = 0
    is_retired: bool = False

    def use(self) -> None:
        """Begin one use of the link."""
        self.in_flight += 1
        if self.in_flight == 1:
            self.connection.set_keepalive(*BUSY)

    def retire(self) -> None:
        """Take no new command; end when the last one has."""
        self.is_retired = True
        if not self.in_flight:
            self.connection.abort()

    def release(self) -> None:
        """End one use of the link."""
        self.in_flight -= 1
        if self.in_flight:
            return
        if self.is_retired:
            self.connection.abort()
        elif not self.connection.is_closed():
            self.connection.set_keepalive(*IDLE)


class Links:
    """The open connections of one pair."""

    def __init__(self, *, secrets: ReadSecret, namespace: str, clock: Clock, policy: AddressPolicy | None) -> None:
        """Keep where the Secrets are read from, and where may be connected to; without a policy, anywhere."""
        self._secrets = secrets
        self._namespace = namespace
        self._clock = clock
        self._policy = policy
        self._links: dict[Ssh, Link] = {}
        self._opening: dict[Ssh, asyncio.Task[Link | Unknown]] = {}
        self._fell_silent: set[Ssh] = set()

    async def to(self, node: FrozenNode, *, ends: float) -> tuple[Link | Unknown, bool]:
        """Return an open link, and whether it was waited for."""
        link = self._links.get(node.ssh)
        if link is not None and not link.connection.is_closed():
            return link, False
        opening = self._opening.get(node.ssh)
        if opening is None or opening.done():
            opening = self._opening[node.ssh] = asyncio.create_task(self._open(node))
        try:
            async with asyncio.timeout(self.left_seconds(ends)):
                # It outlives whoever loses patience: a node that lets in slowly would else never be read.
                return await asyncio.shield(opening), True
        except TimeoutError:
            return _not_let_in(node), True

    async def _open(self, node: FrozenNode) -> Link | Unknown:
        try:
            async with asyncio.timeout(self._most_seconds(node.ssh)):
                opened = await open_connection(
                    node, secrets=self._secrets, namespace=self._namespace, policy=self._policy
                )
        except TimeoutError:
            return _not_let_in(node)
        if isinstance(opened, Unknown):
            return opened
        link = self._links[node.ssh] = Link(opened)
        return link

    def give_up(self, ssh: Ssh, link: Link, *, was_fresh: bool) -> None:
        """Take note that patience ran out: a link that just came about is alive, and worth another command."""
        if not was_fresh:
            self.forget(ssh, link)

    def _most_seconds(self, ssh: Ssh) -> float:
        """Return how long an attempt may take; one after a silence is short, those after it are not."""
        if ssh not in self._fell_silent:
            return CONNECT_SECONDS
        self._fell_silent.discard(ssh)
        return RECONNECT_SECONDS

    def forget(self, ssh: Ssh, link: Link, *, fell_silent: bool = False) -> None:
        """Let the next command open a new session: this one gave no answer."""
        if self._links.get(ssh) is link:
            del self._links[ssh]
            if fell_silent:
                self._fell_silent.add(ssh)
        link.retire()

    def left_seconds(self, ends: float) -> float:
        """Return how long it is until a moment on the monotonic clock, at least 0."""
        return max(0.0, ends - self._clock.monotonic_seconds())

    async def close(self) -> None:
        """Close every connection, and end every attempt at one."""
        opening, self._opening = list(self._opening.values()), {}
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        links, self._links = list(self._links.values()), {}
        for link in links:
            link.connection.close()
        for link in links:
            try:
                async with asyncio.timeout(1):
                    await link.connection.wait_closed()
            except TimeoutError:
                link.connection.abort()


def _not_let_in(node: FrozenNode) -> Unknown:
    return Unknown(Reason.TIMED_OUT, f"{node.name}: {node.ssh.host} did not let us in in time")
