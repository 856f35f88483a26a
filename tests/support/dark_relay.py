"""A cable that can go dark: it carries bytes to a port until it is told not to, and then says nothing to anybody."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class DarkRelay:
    """Carries connections to a port of this machine, as long as there is power."""

    def __init__(self, to: int) -> None:
        """Keep where they go."""
        self._to = to
        self._is_dark = False
        self.port = 0

    def cut_power(self) -> None:
        """Carry nothing any more: whoever waits is told nothing, and whoever connects is accepted and told nothing."""
        self._is_dark = True

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection, both ways, until an end closes it."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        with contextlib.closing(writer), contextlib.closing(there_writer):
            await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(65536):
                if not self._is_dark:
                    sink.write(chunk)
                    await sink.drain()


@contextlib.asynccontextmanager
async def dark_relay(to: int) -> AsyncIterator[DarkRelay]:
    """Give a relay to a port that listens while the block lasts."""
    relay, carried = DarkRelay(to), set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        carried.add(task)
        with contextlib.suppress(ConnectionError):
            await relay.carry(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)
