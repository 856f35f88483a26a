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
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.connect import open_connection
from maestro_operator.transport.failures import EXPECTED, unknown_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.pair import Ssh
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret

OUTPUT_LIMIT_BYTES = 1024 * 1024
CONNECT_SECONDS = 10.0
"""The most that one attempt to connect may take, whatever the command's own deadline."""
KILL_AFTER_SECONDS = 2.0
"""How long a command on the node has between its TERM and its KILL; both fall inside its deadline."""
SHORT_CHARACTERS = 80
_KILLED_BY_DEADLINE = (124, 137)


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran to its end on the node; what its status means is for the caller to say."""

    exit_status: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class _Link:
    """One open connection and how many commands are on it."""

    connection: asyncssh.SSHClientConnection
    in_flight: int = 0
    is_retired: bool = False

    def retire(self) -> None:
        """Take no new command; end when the last one has."""
        self.is_retired = True
        if not self.in_flight:
            self.connection.abort()

    def release(self) -> None:
        """End one use of the link."""
        self.in_flight -= 1
        if self.is_retired and not self.in_flight:
            self.connection.abort()


class Sessions:
    """One pair's sessions, a connection for each way to reach a node."""

    def __init__(
        self, *, secrets: ReadSecret, namespace: str, clock: Clock, policy: AddressPolicy | None = None
    ) -> None:
        """Keep where the Secrets are read from, and where may be connected to; without a policy, anywhere."""
        self._secrets = secrets
        self._namespace = namespace
        self._clock = clock
        self._policy = policy
        self._links: dict[Ssh, _Link] = {}
        self._connecting: dict[Ssh, asyncio.Lock] = {}
        self._commands: Counter[str] = Counter()

    def commands_run(self, node: str) -> int:
        """Return how many commands were sent to the node since the start."""
        return self._commands[node]

    async def run(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        *,
        deadline_seconds: float,
        stdin: bytes = b"",
        needs_root: bool = True,
    ) -> Completed | Unknown:
        """Run a command on the node, as root unless told otherwise, and return what it printed; each word is quoted.

        A cut connection says nothing about whether the command ran, so only idempotent ones are sent.
        """
        ends = self._clock.monotonic_seconds() + deadline_seconds
        if any("\0" in word for word in argv):
            # No argument of a program can hold one; where it would be cut is for the shell there to say.
            return Unknown(Reason.INVALID_SPEC, f"{node.name}: a value with a NUL character was not sent")
        once = partial(self._run_once, node, stdin=stdin, ends=ends, needs_root=needs_root)
        answer, was_fresh = await once(argv)
        is_lost = isinstance(answer, Unknown) and answer.reason is Reason.CONNECTION_LOST
        if is_lost and not was_fresh and self._clock.monotonic_seconds() < ends:
            # The session had died unseen, as after a reboot of the node: once more, on a new one.
            answer, _ = await once(argv)
        return answer

    async def talk_tcp(
        self, node: FrozenNode, address: tuple[str, int], *, send: bytes, deadline_seconds: float
    ) -> bytes | Unknown:
        """Connect to an address from the node, send, and return what came until the other end closed.

        With nothing to send, a connection that is accepted gives nothing and is enough. The answer is
        cut at the output limit. An sshd that forbids forwarding gives NOT_CONFIGURED.
        """
        ends = self._clock.monotonic_seconds() + deadline_seconds
        link, _ = await self._link(node, ends=ends)
        if isinstance(link, Unknown):
            return link
        what = f"{node.name}: connecting from there to {address[0]}:{address[1]}"
        link.in_flight += 1
        try:
            async with asyncio.timeout(self._left(ends)):
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
        link, _ = await self._link(node, ends=self._clock.monotonic_seconds() + deadline_seconds)
        return link if isinstance(link, Unknown) else None

    @asynccontextmanager
    async def tcp(
        self, node: FrozenNode, address: tuple[str, int], *, deadline_seconds: float
    ) -> AsyncIterator[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]] | Unknown]:
        """Give a connection that the node's SSH server opens, or why there is no session; it ends with the block.

        Raises:
            asyncssh.ChannelOpenError: what the server says of a connection that did not come about.

        """
        link, _ = await self._link(node, ends=self._clock.monotonic_seconds() + deadline_seconds)
        if isinstance(link, Unknown):
            yield link
            return
        link.in_flight += 1
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

    async def close(self) -> None:
        """Close every session."""
        links, self._links = list(self._links.values()), {}
        for link in links:
            link.connection.close()
        for link in links:
            try:
                async with asyncio.timeout(1):
                    await link.connection.wait_closed()
            except TimeoutError:
                link.connection.abort()

    async def _run_once(
        self, node: FrozenNode, argv: Sequence[str], *, stdin: bytes, ends: float, needs_root: bool
    ) -> tuple[Completed | Unknown, bool]:
        """Return the answer, and whether the link was new."""
        link, was_fresh = await self._link(node, ends=ends)
        if isinstance(link, Unknown):
            return link, True
        link.in_flight += 1
        try:
            async with asyncio.timeout(self._left(ends)):
                left, words = self._left(ends), tuple(argv)
                words = as_root(words, left_seconds=left) if needs_root else bounded(words, left_seconds=left)
                return await self._exchange(node, link, argv=words, stdin=stdin, what=_short(argv)), was_fresh
        except TimeoutError:
            self._forget(node.ssh, link)
            return Unknown(Reason.TIMED_OUT, f"{node.name}: no answer to {_short(argv)} in time"), was_fresh
        except asyncio.CancelledError:
            # Whoever waited lost patience, which is how a dark node looks: the next one tries a new session.
            self._forget(node.ssh, link)
            raise
        except EXPECTED as error:
            self._forget(node.ssh, link)
            return unknown_from(error, what=f"{node.name}: {_short(argv)}"), was_fresh
        finally:
            link.release()

    async def _exchange(
        self, node: FrozenNode, link: _Link, *, argv: Sequence[str], stdin: bytes, what: str
    ) -> Completed | Unknown:
        command = shlex.join(argv)
        self._commands[node.name] += 1
        process = await link.connection.create_process(command, encoding=None)
        try:
            stdout, stderr, _ = await asyncio.gather(
                _collect(process, process.stdout), _collect(process, process.stderr), _feed(process.stdin, stdin)
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
        if status in _KILLED_BY_DEADLINE:
            return Unknown(Reason.TIMED_OUT, f"{node.name}: {what} was ended at its deadline")
        return Completed(status, _text(stdout), _text(stderr))

    async def _link(self, node: FrozenNode, *, ends: float) -> tuple[_Link | Unknown, bool]:
        """Return an open link, and whether it was opened just now."""
        lock = self._connecting.setdefault(node.ssh, asyncio.Lock())
        try:
            async with asyncio.timeout(min(self._left(ends), CONNECT_SECONDS)), lock:
                link = self._links.get(node.ssh)
                if link is not None and not link.connection.is_closed():
                    return link, False
                opened = await open_connection(
                    node, secrets=self._secrets, namespace=self._namespace, policy=self._policy
                )
                if isinstance(opened, Unknown):
                    return opened, True
                link = self._links[node.ssh] = _Link(opened)
                return link, True
        except TimeoutError:
            return Unknown(Reason.TIMED_OUT, f"{node.name}: {node.ssh.host} did not let us in in time"), True

    def _forget(self, ssh: Ssh, link: _Link) -> None:
        """Let the next command open a new session: this one gave no answer."""
        if self._links.get(ssh) is link:
            del self._links[ssh]
        link.retire()

    def _left(self, ends: float) -> float:
        return max(0.0, ends - self._clock.monotonic_seconds())


def as_root(argv: Sequence[str], *, left_seconds: float) -> tuple[str, ...]:
    """Return the command as root, killed on the node before `left_seconds` are over.

    `timeout` runs below sudo: a user's own could not signal what runs as root.
    """
    return ("sudo", "-n", *bounded(argv, left_seconds=left_seconds))


def bounded(argv: Sequence[str], *, left_seconds: float) -> tuple[str, ...]:
    """Return the command, killed where it runs before `left_seconds` are over."""
    kill_after = min(KILL_AFTER_SECONDS, left_seconds / 4)
    term_after = max(0.05, left_seconds - kill_after)
    return ("timeout", "-k", f"{kill_after:.2f}", f"{term_after:.2f}", *argv)


async def _collect(process: asyncssh.SSHClientProcess[bytes], reader: asyncssh.SSHReader[bytes]) -> bytes | None:
    """Return all that comes, or None, with the channel closed, where it is more than may be believed."""
    collected = bytearray()
    while chunk := await reader.read(65536):
        collected += chunk
        if len(collected) > OUTPUT_LIMIT_BYTES:
            process.close()
            return None
    return bytes(collected)


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


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", errors="replace")


def _short(argv: Sequence[str]) -> str:
    """Return a command's first words: the rest may be a script."""
    text = " ".join(word for word in argv[:4] if "\n" not in word)
    return text if len(text) <= SHORT_CHARACTERS else f"{text[:SHORT_CHARACTERS]}..."
