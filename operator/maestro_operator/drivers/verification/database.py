"""A database, asked on the node itself in its own protocol: whether it lets somebody begin to log in.

The law of this file: no account is used and no password is sent. A port that accepts connections is no database; one
that starts up, shuts down, recovers or has too many clients says so, and does not serve.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.drivers.probes.streams import Directly
from maestro_operator.drivers.services.readiness import LOOPBACK
from maestro_operator.drivers.verification.logs import shown
from maestro_operator.drivers.verification.verdict import Verdict, not_yet, well
from maestro_operator.model.checks import DatabaseProtocol
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from maestro_operator.drivers.probes.streams import Reads, Writes
    from maestro_operator.model.checks import Database
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.ways import NodeWay

LONGEST_BYTES = 16 * 1024
POSTGRES_VERSION = 196608
"""3.0, the one protocol that there is (PostgreSQL documentation, 55.7)."""
LENGTH_BYTES = 4
"""A message's length counts itself."""
TERMINATE = b"X\0\0\0\4"
SERVES_ALL_THE_SAME = ("28", "3D000")
"""Who is let in is another question: invalid authorization (class 28), and a database that is not there."""
MYSQL_GREETING, MYSQL_ERROR = 0x0A, 0xFF
_BROKEN = (OSError, asyncssh.Error, asyncio.IncompleteReadError)


async def asked(sessions: NodeWay, node: FrozenNode, item: Database, *, seconds: float) -> Verdict:
    """Ask at the node's address, then at its loopback; over the network where the node's sshd forwards nothing."""
    verdict = not_yet(f"port {item.port} was not asked")
    for host in (node.address, LOOPBACK):
        try:
            async with (
                asyncio.timeout(seconds),
                sessions.tcp(node, (host, item.port), deadline_seconds=seconds) as opened,
            ):
                return not_yet(opened.message) if isinstance(opened, Unknown) else await _talk(item, *opened)
        except asyncssh.ChannelOpenError as error:
            if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                return await _directly(node.address, item, seconds=seconds)
            verdict = not_yet(f"port {item.port}: {shown(error.reason or 'the connection was refused')}")
        except TimeoutError:
            return _silent(item)
        except _BROKEN:
            return _no_answer(item)
    return verdict


async def _directly(address: str, item: Database, *, seconds: float) -> Verdict:
    try:
        async with asyncio.timeout(seconds), Directly()(address, item.port) as opened:
            return await _talk(item, *opened)
    except TimeoutError:
        return _silent(item)
    except _BROKEN:
        return _no_answer(item)


async def _talk(item: Database, reader: Reads, writer: Writes) -> Verdict:
    if item.protocol is DatabaseProtocol.POSTGRESQL:
        return await _postgres(item, reader, writer)
    return await _mysql(item, reader)


async def _postgres(item: Database, reader: Reads, writer: Writes) -> Verdict:
    words = b"user\0maestro-operator\0database\0postgres\0application_name\0maestro-operator\0\0"
    writer.write(struct.pack("!II", 8 + len(words), POSTGRES_VERSION) + words)
    await writer.drain()
    kind, length = struct.unpack("!cI", await reader.readexactly(5))
    if kind not in (b"R", b"E") or not LENGTH_BYTES <= length <= LONGEST_BYTES:
        return not_yet(f"port {item.port} does not speak PostgreSQL")
    body = await reader.readexactly(length - LENGTH_BYTES)
    writer.write(TERMINATE)
    if kind == b"R":
        return well("PostgreSQL asks who is there")
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    code, text = fields.get(b"C", ""), shown(fields.get(b"M", ""))
    if code.startswith(SERVES_ALL_THE_SAME):
        return well("PostgreSQL says who may come in")
    return not_yet(f"PostgreSQL: {text} ({shown(code)})")


async def _mysql(item: Database, reader: Reads) -> Verdict:
    """Read the server's greeting, which it sends by itself."""
    size, _ = struct.unpack("<HB", (await reader.readexactly(4))[:3])
    if not 1 <= size <= LONGEST_BYTES:
        return not_yet(f"port {item.port} does not speak MySQL's protocol")
    body = await reader.readexactly(size)
    if body[0] == MYSQL_GREETING:
        return well(f"{shown(body[1:].partition(bytes(1))[0].decode(errors='replace'))} greets")
    if body[0] == MYSQL_ERROR and len(body) > 2:  # noqa: PLR2004 - a kind and a code
        (code,) = struct.unpack("<H", body[1:3])
        return not_yet(f"the database says: {shown(body[3:].decode(errors='replace'))} ({code})")
    return not_yet(f"port {item.port} does not speak MySQL's protocol")


def _silent(item: Database) -> Verdict:
    return not_yet(f"port {item.port} accepts connections, if any, and says nothing")


def _no_answer(item: Database) -> Verdict:
    return not_yet(f"port {item.port} gave no whole answer of {item.protocol}")
