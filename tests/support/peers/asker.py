"""Gives a service numbers to keep, at a steady pace, each over a new connection; run in the bed's network.

Arguments: address, port, file. The pace does not wait for answers: a request that hangs holds up none behind it. What
is written of each: its number, which is the moment it was made, when it ended, and who answered; nobody, where none
came in time.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TextIO

PERIOD_SECONDS = 0.02
PATIENCE_SECONDS = 0.2


async def answered(address: str, port: int, number: int) -> str:
    """Return who kept a number, or nothing."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(f"GET /{number} HTTP/1.0\r\n\r\n".encode())
                answer = await reader.read()
            finally:
                writer.close()
    except OSError:
        return ""
    head, _, body = answer.partition(b"\r\n\r\n")
    return body.decode(errors="replace") if head.startswith(b"HTTP/1.0 200 ") else ""


async def _one(address: str, port: int, records: TextIO) -> None:
    sent = time.monotonic_ns()
    by = await answered(address, port, sent)
    records.write(json.dumps({"sent_ns": sent, "ended_ns": time.monotonic_ns(), "by": by}) + "\n")
    records.flush()


async def ask_for_ever(address: str, port: int, path: Path) -> None:
    """Ask until told to end."""
    under_way: set[asyncio.Task[None]] = set()
    due = time.monotonic()
    with path.open("a", encoding="utf-8") as records:
        while True:
            task = asyncio.create_task(_one(address, port, records))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due = max(due + PERIOD_SECONDS, time.monotonic() - PATIENCE_SECONDS)
            await asyncio.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    asyncio.run(ask_for_ever(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
