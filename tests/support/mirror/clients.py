"""Clients of the service on each node: they write numbered lines and keep what they were told, and when."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Self

from support.bed import clock
from support.mirror.appender import PORT

if TYPE_CHECKING:
    from support.bed import Bed
    from support.bed.evidence import Journal

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 90.0
PAUSE_SECONDS = 0.1
AWAY_SECONDS = 0.5


class Clients:
    """One client for each node; it writes where the service answers, and asks again where it does not."""

    def __init__(self, bed: Bed, journal: Journal) -> None:
        """Keep where the nodes are and where to write down."""
        self._bed = bed
        self._journal = journal
        self._tasks: list[asyncio.Task[None]] = []
        self.told = dict.fromkeys(bed.nodes, 0)
        """How many lines of each node were acknowledged."""

    async def __aenter__(self) -> Self:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._write(name)) for name in self._bed.nodes]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop writing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def more(self, name: str, *, count: int = 3, seconds: float = 120.0) -> None:
        """Wait until a node's service acknowledged so many more lines."""
        wanted = self.told[name] + count
        ends = clock.monotonic_seconds() + seconds
        while self.told[name] < wanted:
            if clock.monotonic_seconds() > ends:
                raise clock.TimedOutError(f"waited {seconds:g} s in vain for {count} more lines of {name}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _write(self, name: str) -> None:
        number = 0
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    reader, writer = await asyncio.open_connection(self._bed.nodes[name].address, PORT)
                try:
                    while True:
                        number += 1
                        await self._one(name, f"{name}-{number:06}", (reader, writer))
                finally:
                    writer.close()
            await asyncio.sleep(AWAY_SECONDS)

    async def _one(self, name: str, line: str, stream: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        reader, writer = stream
        sent = clock.monotonic_nanoseconds()
        writer.write(f"{line}\n".encode())
        await writer.drain()
        # Longer than any freeze; a node whose power went never answers.
        async with asyncio.timeout(ANSWER_SECONDS):
            answer = await reader.readuntil(b"\n")
        if answer.decode() == f"ok {line}\n":
            self.told[name] += 1
            self._journal.write(node=name, line=line, sent_ns=sent, told_ns=clock.monotonic_nanoseconds())
        await asyncio.sleep(PAUSE_SECONDS)
