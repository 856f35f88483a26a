"""SSH sessions to the nodes: kept open, healed, and held to one pinned host key each.

The law of this file: a session exists only to the machine whose key stands in the spec, with the
key from the named Secret and nothing else: no agent, no password, no configuration file. A command
has a deadline here and on the node, so that nothing it began outlives it.
"""

from __future__ import annotations

import asyncio
import shlex
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.asking import Asking
from maestro_operator.transport.completed import KILLED_BY_DEADLINE
from maestro_operator.transport.completed import Completed as Completed  # noqa: PLC0414 - what a session gives
from maestro_operator.transport.failures import EXPECTED, unknown_from
from maestro_operator.transport.links import Links
from maestro_operator.transport.together import decoded
from maestro_operator.transport.words import OUTPUT_LIMIT_BYTES as OUTPUT_LIMIT_BYTES  # noqa: PLC0414
from maestro_operator.transport.words import as_root, bounded, collected, short

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret
    from maestro_operator.transport.links import Link


class Sessions:
    """One pair's sessions, a connection for each way to reach a node."""

    def __init__(
        self, *, secrets: ReadSecret, namespace: str, clock: Clock, policy: AddressPolicy | None = None
    ) -> None:
        """Keep where the Secrets are read from, and where may be connected to; without a policy, anywhere."""
        self._clock = clock
        self._links = Links(secrets=secrets, namespace=namespace, clock=clock, policy=policy)
        self._commands: Counter[str] = Counter()
        alone = partial(self._run_once, stdin=b"", needs_root=True)
        self._asking = Asking(self._links, alone=alone, count=self._sent)

    def commands_run(self, node: str) -> int:
        """Return how many commands were sent to the node since the start."""
        return self._commands[node]

    def _sent(self, node: str) -> None:
        self._commands[node] += 1

    async def run(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        *,
        deadline_seconds: float,
        stdin: bytes = b"",
        needs_root: bool = True,
        ends_itself: bool = False,
    ) -> Completed | Unknown:
        """Run a command on the node, as root unless told otherwise, and return what it printed; each word is quoted.

        One that ends itself at its deadline is sent as it is. A cut connection says nothing about whether the command
        ran, so only idempotent ones are sent.
        """
        ends = self._clock.monotonic_seconds() + deadline_seconds
        once = partial(
            self._run_once, node, argv, stdin=stdin, ends=ends, needs_root=needs_root, ends_itself=ends_itself
        )
        return await self._once_more(node, argv, once, ends=ends)

    async def ask(self, node: FrozenNode, argv: Sequence[str], *, deadline_seconds: float) -> Completed | Unknown:
        """Run as root a command that only looks; those asked of a node at the same moment travel as one."""
        ends = self._clock.monotonic_seconds() + deadline_seconds
        return await self._once_more(node, argv, partial(self._asking.once, node, argv, ends=ends), ends=ends)

    async def _once_more(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        once: Callable[[], Coroutine[None, None, tuple[Completed | Unknown, bool]]],
        *,
        ends: float,
    ) -> Completed | Unknown:
        if any("\0" in word for word in argv):
            # No argument of a program can hold one; where it would be cut is for the shell there to say.
            return Unknown(Reason.INVALID_SPEC, f"{node.name}: a value with a NUL character was not sent")
        answer, was_fresh = await once()
        is_lost = isinstance(answer, Unknown) and answer.reason is Reason.CONNECTION_LOST
        if is_lost and not was_fresh and self._clock.monotonic_seconds() < ends:
            # The session had died unseen, as after a reboot of the node: once more, on a new one.
            answer, _ = await once()
        return answer

    async def talk_tcp(
        self, node: FrozenNode, address: tuple[str, int], *, send: bytes, deadline_seconds: float
    ) -> bytes | Unknown:
        """Connect to an address from the node, send, and return what came until the other end closed.

        With nothing to send, a connection that is accepted gives nothing and is enough. The answer is
        cut at the output limit. An sshd that forbids forwarding gives NOT_CONFIGURED.
        """
        ends = self._clock.monotonic_seconds() + deadline_seconds
        link, _ = await self._links.to(node, ends=ends)
        if isinstance(link, Unknown):
            return link
        what = f"{node.name}: connecting from there to {address[0]}:{address[1]}"
        link.use()
        try:
            async with asyncio.timeout(self._links.left_seconds(ends)):
                return await _talk(link.connection, address, send=send)
        except asyncssh.ChannelOpenError as error:
            is_forbidden = error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
            reason = Reason.NOT_CONFIGURED if is_forbidden else Reason.CONNECTION_REFUSED
            return Unknown(reason, f"{what}: {error.reason or 'refused'}")
        except TimeoutError:
            return Unknown(Reason.TIMED_OUT, f"{what}: no answer in time")
        except EXPECTED as error:
            return unknown_from(error, what=what)
        finally:
            link.release()

    async def reached(self, node: FrozenNode, *, deadline_seconds: float) -> Unknown | None:
        """Return why a machine cannot be used now, or None where a session to it is open."""
        link, _ = await self._links.to(node, ends=self._clock.monotonic_seconds() + deadline_seconds)
        return link if isinstance(link, Unknown) else None

    @asynccontextmanager
    async def tcp(
        self, node: FrozenNode, address: tuple[str, int], *, deadline_seconds: float
    ) -> AsyncIterator[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]] | Unknown]:
        """Give a connection that the node's SSH server opens, or why there is no session; it ends with the block.

        Raises:
            asyncssh.ChannelOpenError: what the server says of a connection that did not come about.

        """
        link, _ = await self._links.to(node, ends=self._clock.monotonic_seconds() + deadline_seconds)
        if isinstance(link, Unknown):
            yield link
            return
        link.use()
        try:
            reader, writer = await link.connection.open_connection(*address, encoding=None)
        except BaseException:
            link.release()
            raise
        try:
            yield reader, writer
        finally:
            writer.close()
            link.release()

    @asynccontextmanager
    async def stream(
        self, node: FrozenNode, argv: Sequence[str], *, for_seconds: float
    ) -> AsyncIterator[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]] | Unknown]:
        """Give what a root's command on the node prints and reads, or why there is no session; it ends with the block.

        Raises:
            asyncssh.ChannelOpenError: what the server says of a session that did not come about.

        """
        link, _ = await self._links.to(node, ends=self._clock.monotonic_seconds() + for_seconds)
        if isinstance(link, Unknown):
            yield link
            return
        link.in_flight += 1
        try:
            command = shlex.join(as_root(argv, left_seconds=for_seconds))
            self._sent(node.name)
            process = await link.connection.create_process(command, encoding=None)
        except BaseException:
            link.release()
            raise
        try:
            yield process.stdout, process.stdin
        finally:
            process.close()
            link.release()

    async def close(self) -> None:
        """Close every session."""
        self._asking.close()
        await self._links.close()

    async def _run_once(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        *,
        stdin: bytes,
        ends: float,
        needs_root: bool,
        ends_itself: bool = False,
    ) -> tuple[Completed | Unknown, bool]:
        """Return the answer, and whether the link was new."""
        link, was_fresh = await self._links.to(node, ends=ends)
        if isinstance(link, Unknown):
            return link, True
        link.use()
        try:
            async with asyncio.timeout(self._links.left_seconds(ends)):
                left, words = self._links.left_seconds(ends), tuple(argv)
                if not ends_itself:
                    words = as_root(words, left_seconds=left) if needs_root else bounded(words, left_seconds=left)
                return await self._exchange(node, link, argv=words, stdin=stdin, what=short(argv)), was_fresh
        except TimeoutError:
            self._links.give_up(node.ssh, link, was_fresh=was_fresh)
            return Unknown(Reason.TIMED_OUT, f"{node.name}: no answer to {short(argv)} in time"), was_fresh
        except asyncio.CancelledError:
            # Whoever waited lost patience, which is how a dark node looks: the next one tries a new session.
            self._links.give_up(node.ssh, link, was_fresh=was_fresh)
            raise
        except EXPECTED as error:
            self._links.forget(node.ssh, link, fell_silent=True)
            return unknown_from(error, what=f"{node.name}: {short(argv)}"), was_fresh
        finally:
            link.release()

    async def _exchange(
        self, node: FrozenNode, link: Link, *, argv: Sequence[str], stdin: bytes, what: str
    ) -> Completed | Unknown:
        command = shlex.join(argv)
        self._sent(node.name)
        process = await link.connection.create_process(command, encoding=None)
        try:
            stdout, stderr, _ = await asyncio.gather(
                collected(process, process.stdout), collected(process, process.stderr), _feed(process.stdin, stdin)
            )
            if stdout is None or stderr is None:
                return Unknown(Reason.BAD_ANSWER, f"{node.name}: {what} printed more than 1 MiB")
            await process.wait_closed()
            status = process.exit_status
        finally:
            # Never waited for: a node without power does not say goodbye.
            process.close()
        if status is None:
            return Unknown(Reason.CONNECTION_LOST, f"{node.name}: {what} ended without a status")
        if status in KILLED_BY_DEADLINE:
            return Unknown(Reason.TIMED_OUT, f"{node.name}: {what} was ended at its deadline")
        return Completed(status, decoded(stdout), decoded(stderr))


async def _talk(connection: asyncssh.SSHClientConnection, address: tuple[str, int], *, send: bytes) -> bytes:
    reader, writer = await connection.open_connection(*address, encoding=None)
    try:
        collected = bytearray()
        if send:
            writer.write(send)
            while len(collected) < OUTPUT_LIMIT_BYTES and (chunk := await reader.read(65536)):
                collected += chunk
        return bytes(collected)
    finally:
        writer.close()


async def _feed(writer: asyncssh.SSHWriter[bytes], content: bytes) -> None:
    try:
        writer.write(content)
        await writer.drain()
        writer.write_eof()
    except BrokenPipeError:
        # The command did not want all of it; its status says what that means.
        return
