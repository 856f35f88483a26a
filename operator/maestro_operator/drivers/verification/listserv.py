"""LISTSERV's command port: `THANKS` needs no account, and the answer shows that the program works."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

from maestro_operator.drivers.verification.verdict import Verdict, not_yet, well

if TYPE_CHECKING:
    from maestro_operator.drivers.probes.streams import Reads, Writes

TALK_SECONDS = 5.0
ORIGIN, COMMAND = b"@", b"THANKS PW=NONE"
"""No account is needed; the protocol wants an origin and a password all the same."""
THANKS = "welcome"
ANSWER_LIMIT_BYTES = 64 * 1024
LINE_LIMIT_BYTES = 512


async def thanks(address: str, port: int) -> Verdict:
    """Send the command and judge what comes back."""
    what = f"{address}:{port}"
    try:
        async with asyncio.timeout(TALK_SECONDS):
            reader, writer = await asyncio.open_connection(address, port, limit=LINE_LIMIT_BYTES)
            try:
                return await converse(reader, writer)
            finally:
                writer.close()
    except TimeoutError:
        return not_yet(f"{what} did not answer in {TALK_SECONDS:.0f} s")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return not_yet(f"{what} does not speak TCPGUI")
    except OSError as error:
        return not_yet(f"{what} could not be asked: {error.strerror or type(error).__name__}")


async def converse(reader: Reads, writer: Writes) -> Verdict:
    """Send the command over an open connection and judge what comes back.

    Raises:
        asyncio.IncompleteReadError: the other end closed in the middle of its answer.

    """
    writer.write(b"1B\r\n" + struct.pack(">HB", len(COMMAND) + len(ORIGIN) + 1, len(ORIGIN)) + ORIGIN)
    await writer.drain()
    greeting = await reader.readline()
    if not greeting.startswith(b"250"):
        return not_yet("TCPGUI refuses the command" if greeting else "TCPGUI closed the connection")
    writer.write(COMMAND)
    await writer.drain()
    code, length = struct.unpack(">II", await reader.readexactly(8))
    if length > ANSWER_LIMIT_BYTES:
        return not_yet("TCPGUI announces more than an answer can be")
    text = (await reader.readexactly(length)).decode("latin-1")
    if code != 0 or THANKS not in text.lower():
        return not_yet(f"TCPGUI answers THANKS with code {code}, and not with its thanks")
    return well("LISTSERV answers THANKS")
