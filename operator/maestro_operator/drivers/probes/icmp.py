"""An echo request from where the operator runs, without a right of root where the kernel allows it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct

from maestro_operator.drivers.probes.streams import Answer, NotPermitted, failed
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Vote

REMEDY = "set net.ipv4.ping_group_range for the operator, or take icmp out of detection.probes"
TOKEN_BYTES = 16
LARGEST_BYTES = 1024
HEADER = struct.Struct(">BBHHH")
ECHO, ECHO_6 = (8, 0), (128, 129)
"""Request and reply, of IPv4 and of IPv6."""


async def echo(address: str, *, timeout_seconds: float) -> Answer:
    """Send one echo request and wait for its reply."""
    is_6 = ":" in address
    token = secrets.token_bytes(TOKEN_BYTES)
    try:
        found = _socket(is_6=is_6)
    except NotPermitted as error:
        return Vote.UNKNOWN, Reason.NOT_PERMITTED, str(error)
    try:
        async with asyncio.timeout(timeout_seconds):
            await asyncio.get_running_loop().sock_sendto(found, _packet(token, is_6=is_6), (address, 0))
            await _reply(found, token, is_6=is_6)
    except TimeoutError:
        return Vote.DEAD, Reason.TIMED_OUT, f"{address} does not answer an echo request"
    except OSError as error:
        return failed(address, error, was_made=False)
    finally:
        found.close()
    return Vote.ALIVE, Reason.ANSWERS, f"{address} answers an echo request"


def _socket(*, is_6: bool) -> socket.socket:
    """Return a socket for echo requests.

    Raises:
        NotPermitted: the kernel gives this process none.

    """
    family = socket.AF_INET6 if is_6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if is_6 else socket.IPPROTO_ICMP
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            found = socket.socket(family, kind, protocol)
        except PermissionError:
            continue
        found.setblocking(False)  # noqa: FBT003 - the library's own argument
        return found
    raise NotPermitted(f"this process may send no echo request: {REMEDY}")


def _packet(token: bytes, *, is_6: bool) -> bytes:
    kind = (ECHO_6 if is_6 else ECHO)[0]
    number = int.from_bytes(token[:2], "big")
    bare = HEADER.pack(kind, 0, 0, number, 1) + token
    # The kernel makes the checksum of IPv6 itself.
    return HEADER.pack(kind, 0, 0 if is_6 else _checksum(bare), number, 1) + token


async def _reply(found: socket.socket, token: bytes, *, is_6: bool) -> None:
    """Wait for the reply to exactly this request; a raw socket hears everybody's, its own request included."""
    wanted = (ECHO_6 if is_6 else ECHO)[1]
    while True:
        data = await asyncio.get_running_loop().sock_recv(found, LARGEST_BYTES)
        at = data.find(token)
        if at >= HEADER.size and data[at - HEADER.size] == wanted:
            return


def _checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
