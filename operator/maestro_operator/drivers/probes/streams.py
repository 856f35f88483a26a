"""One connection to a service, opened from here or through a witness, and what its failure says of the machine."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import asyncssh
from typing_extensions import override

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Vote
from maestro_operator.transport.failures import unknown_from

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Answer = tuple[Vote, Reason, str]
"""A vote, its reason and a few words."""

SILENT = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})
"""What the network says in place of a machine that does not answer."""
FROM_THERE = frozenset({Reason.CONNECTION_REFUSED, Reason.CONNECTION_LOST})


class Reads(Protocol):
    """The reading half of a connection."""

    async def read(self, n: int = -1, /) -> bytes:
        """Return at most so many bytes, none at the end."""

    async def readline(self) -> bytes:
        """Return one line with its end."""

    async def readexactly(self, n: int, /) -> bytes:
        """Return exactly so many bytes."""


class Writes(Protocol):
    """The writing half of a connection."""

    def write(self, data: bytes) -> None:
        """Send."""

    async def drain(self) -> None:
        """Wait until what was sent is on its way."""

    def close(self) -> None:
        """End the connection."""


@dataclass(slots=True)
class Asking:
    """One question under way: whether a connection came about before something went wrong."""

    was_made: bool = False
    words: list[str] = field(default_factory=list)
    """What the answer has to say beside its vote, such as a certificate that is over."""


Opened = tuple[Reads, Writes]
Opens = Callable[[str, int], AbstractAsyncContextManager[Opened]]
"""Opens a connection to an address and a port, and ends it with the block; raises what the network says."""


class NotPermitted(Exception):
    """The place that is asked from may not ask so; the message says what to allow."""


class NotReached(Exception):
    """The place that should be asked from cannot be used; nothing is known of the service."""

    def __init__(self, reason: Reason, message: str) -> None:
        """Carry the reason."""
        super().__init__(message)
        self.reason = reason


class Directly:
    """Opens connections from where the operator runs."""

    def __call__(self, address: str, port: int) -> Directly._Connection:
        """Return a connection for the length of a block."""
        return Directly._Connection(address, port)

    class _Connection(AbstractAsyncContextManager[Opened]):
        def __init__(self, address: str, port: int) -> None:
            self._address = address
            self._port = port
            self._writer: asyncio.StreamWriter | None = None

        @override
        async def __aenter__(self) -> Opened:
            reader, self._writer = await asyncio.open_connection(self._address, self._port)
            return reader, self._writer

        @override
        async def __aexit__(self, *_: object) -> None:
            if self._writer is not None:
                self._writer.close()


def failed(address: str, error: OSError | asyncssh.Error, *, was_made: bool) -> Answer:
    """Return what a failed connection says of the machine at the other end."""
    if isinstance(error, asyncssh.ChannelOpenError):
        return _through_a_witness(address, error)
    found = unknown_from(error, what=address)
    if was_made or found.reason in FROM_THERE:
        return Vote.SICK, found.reason if found.reason in FROM_THERE else Reason.CONNECTION_LOST, found.message
    if isinstance(error, OSError) and error.errno in SILENT:
        return Vote.DEAD, found.reason, found.message
    # No route, no name, no free descriptor: that is about here.
    return Vote.UNKNOWN, found.reason, found.message


def _through_a_witness(address: str, error: asyncssh.ChannelOpenError) -> Answer:
    """Return what an SSH server's word for a failed connection says of the machine behind it."""
    said = error.reason or "it gave no reason"
    text = f"{address}, from the witness: {said}"
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        remedy = "let its sshd forward to both nodes (AllowTcpForwarding, permitopen)"
        return Vote.UNKNOWN, Reason.NOT_PERMITTED, f"the witness may not connect to {address}: {remedy}"
    if "refused" in said.lower() or f"[Errno {errno.ECONNREFUSED}]" in said:
        return Vote.SICK, Reason.CONNECTION_REFUSED, text
    if any(word in said.lower() for word in ("timed out", "no route", "host is down", "host is unreachable")):
        return Vote.DEAD, Reason.TIMED_OUT, text
    return Vote.UNKNOWN, Reason.CONNECTION_LOST, text


async def everything(reader: Reads, *, limit: int) -> AsyncIterator[bytes]:
    """Give what comes until the end, or until so many bytes."""
    left = limit
    while left > 0 and (chunk := await reader.read(min(left, 65536))):
        left -= len(chunk)
        yield chunk
