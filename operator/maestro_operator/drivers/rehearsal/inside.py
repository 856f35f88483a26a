"""The way into a start test: commands in its namespaces, connections in its network, and the mail that it was sent.

The law of this file: everything goes through one session to the node and the node's own program. No wire is laid and no
port is opened on the node; what is opened here is on the loopback, and ends with the test.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.drivers.verification.mail import MailFailedError, subject_of, text_of
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.bundle import REPLICA
from maestro_operator.transport.session import OUTPUT_LIMIT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.completed import Completed
    from maestro_operator.transport.session import Sessions

INSIDE = (REPLICA, "start-test", "in")
LOOPBACK = "127.0.0.1"
CONNECTION_SECONDS = 60.0
MAIL_SECONDS = 10.0
CHUNK_BYTES = 65536
# Prints the number of messages with which a test began to look, then each later one, as base64, a line each.
# Arguments: how many to pass over, the most bytes of each.
READ_MAIL = r"""
cd /run/start-test/mail || exit 4
set -- "$1" "$2" $(ls | grep '[.]eml$' | sort)
passed=$1 most=$2
shift 2
echo $#
[ "$#" -gt "$passed" ] || exit 0
shift "$passed"
for one; do head -c "$most" "$one" | base64 -w 0; echo; done
"""


class Inside:
    """The place apart on one node, spoken to as if it were the node."""

    def __init__(self, sessions: Sessions) -> None:
        """Keep the way to the node."""
        self._sessions = sessions

    async def run(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        *,
        deadline_seconds: float,
        stdin: bytes = b"",
        needs_root: bool = True,
    ) -> Completed | Unknown:
        """Run a command inside, as root there."""
        del needs_root  # nobody else can enter
        return await self._sessions.run(node, (*INSIDE, *argv), deadline_seconds=deadline_seconds, stdin=stdin)

    async def talk_tcp(
        self, node: FrozenNode, address: tuple[str, int], *, send: bytes, deadline_seconds: float
    ) -> bytes | Unknown:
        """Connect to a port inside, send, and return what came; nothing came from a port that nobody listens at."""
        what = f"{node.name}: connecting inside to port {address[1]}"
        if not send:
            answer = await self.run(node, _connect(address), deadline_seconds=deadline_seconds)
            if isinstance(answer, Unknown):
                return answer
            return b"" if answer.exit_status == 0 else Unknown(Reason.CONNECTION_REFUSED, f"{what}: refused")
        try:
            async with (
                asyncio.timeout(deadline_seconds),
                self.tcp(node, address, deadline_seconds=deadline_seconds) as way,
            ):
                return way if isinstance(way, Unknown) else await _exchange(*way, send=send, what=what)
        except TimeoutError:
            return Unknown(Reason.TIMED_OUT, f"{what}: no answer in time")
        except (OSError, asyncssh.Error) as error:
            return Unknown(Reason.CONNECTION_LOST, f"{what}: {type(error).__name__}")

    @asynccontextmanager
    async def tcp(
        self, node: FrozenNode, address: tuple[str, int], *, deadline_seconds: float
    ) -> AsyncIterator[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]] | Unknown]:
        """Give a connection to a port inside; one that was refused ends at once."""
        words = (REPLICA, "start-test", "talk", str(address[1]))
        async with self._sessions.stream(node, words, for_seconds=max(deadline_seconds, CONNECTION_SECONDS)) as way:
            yield way


def _connect(address: tuple[str, int]) -> tuple[str, ...]:
    return ("bash", "-c", 'exec 3<>"/dev/tcp/$1/$2"', "connect", address[0], str(address[1]))


async def _exchange(
    reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes], *, send: bytes, what: str
) -> bytes | Unknown:
    writer.write(send)
    found = bytearray()
    while len(found) < OUTPUT_LIMIT_BYTES and (chunk := await reader.read(CHUNK_BYTES)):
        found += chunk
    return bytes(found) if found else Unknown(Reason.CONNECTION_REFUSED, f"{what}: nothing came")


class Doors:
    """Ports of the loopback here, each of which leads to a port inside."""

    def __init__(self, inside: Inside, node: FrozenNode) -> None:
        """Keep where they lead; none is open yet."""
        self._inside = inside
        self._node = node
        self._open: dict[int, asyncio.Server] = {}
        self._lock = asyncio.Lock()
        self._talks: set[asyncio.Task[None]] = set()

    async def to(self, port: int) -> tuple[str, int]:
        """Return where to connect to here to reach a port inside."""
        async with self._lock:
            if port not in self._open:
                self._open[port] = await asyncio.start_server(
                    lambda reader, writer: self._accept(port, reader, writer), host=LOOPBACK, port=0
                )
        return LOOPBACK, int(self._open[port].sockets[0].getsockname()[1])

    def _accept(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.ensure_future(self._talk(port, reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = (self._node.address, port)
        try:
            async with self._inside.tcp(self._node, address, deadline_seconds=CONNECTION_SECONDS) as far:
                if not isinstance(far, Unknown):
                    sent = asyncio.ensure_future(_pumped(reader, far[1]))
                    try:
                        await _pumped(far[0], writer)
                    finally:
                        sent.cancel()
        except (OSError, asyncssh.Error):
            # Whoever knocked here sees a connection that closes, as at a port that nobody listens at.
            return
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def close(self) -> None:
        """Close every door and end what goes through one."""
        for server in self._open.values():
            server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self._open.clear()


async def _pumped(
    reader: asyncio.StreamReader | asyncssh.SSHReader[bytes], writer: asyncio.StreamWriter | asyncssh.SSHWriter[bytes]
) -> None:
    with suppress(OSError, asyncssh.Error):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()


class Sink:
    """The mail that was sent inside, in the order in which it came."""

    def __init__(self, inside: Inside, node: FrozenNode) -> None:
        """Keep the way to it."""
        self._inside = inside
        self._node = node

    async def next_number(self) -> int:
        """Return the number that the next message gets.

        Raises:
            MailFailedError: it could not be asked.

        """
        found, _ = await self._read(passed=10**9)
        return found

    async def message_from(self, *, number: int, subject: str) -> str | None:
        """Return the text of the first message from that number on with the subject, None where there is none yet.

        Raises:
            MailFailedError: it could not be asked.

        """
        _, messages = await self._read(passed=number)
        return next((text_of(raw) for raw in messages if subject in subject_of(raw)), None)

    async def _read(self, *, passed: int) -> tuple[int, list[bytes]]:
        words = ("sh", "-c", READ_MAIL, "read-mail", str(passed), str(CHUNK_BYTES))
        answer = await self._inside.run(self._node, words, deadline_seconds=MAIL_SECONDS)
        if isinstance(answer, Unknown):
            raise MailFailedError(answer.message)
        count, _, rest = answer.stdout.partition("\n")
        if answer.exit_status != 0 or not count.isdigit():
            raise MailFailedError("the mail of the start test could not be read")
        try:
            return int(count), [base64.b64decode(line, validate=True) for line in rest.split("\n") if line]
        except binascii.Error:
            raise MailFailedError("the mail of the start test cannot be understood") from None
