"""TCP and HTTP probes, each failure with its own reason.

The law of this file: refused, unreachable, timed out and a wrong answer are four different things.
A refusal, an accepted connection or an answer of any kind comes from a living machine; only
silence counts as dead; and what went wrong on this side of the wire says nothing of the other.
"""

from __future__ import annotations

import asyncio
import errno
import re
from typing import TYPE_CHECKING

import aiohttp

from maestro_operator.drivers.probes.connection import Connection
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.transport.failures import unknown_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.model.pair import HttpProbe, Probe, TcpProbe
    from maestro_operator.model.status import FrozenNode

BODY_LIMIT_BYTES = 64 * 1024
"""How much of a body is looked at; a pattern has to stand in it."""

Answer = tuple[Vote, Reason, str]

_SILENT = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT})
"""What the network says in place of a machine that does not answer."""
_FROM_THERE = frozenset({Reason.CONNECTION_REFUSED, Reason.CONNECTION_LOST})


class NetworkProbes:
    """The probe port from where the operator runs."""

    async def vote(self, node: FrozenNode, probes: Sequence[Probe], *, timeout_seconds: float) -> VoteSeen | Unknown:
        """Probe the services of a node, all at once, and give one vote with its reason."""
        if not probes:
            return Unknown(Reason.NOT_CONFIGURED, "no probes: set detection.probes or a readiness")
        answers = await asyncio.gather(*(probe(node.address, item, timeout_seconds) for item in probes))
        vote, reason, message = summed(answers)
        return VoteSeen(
            vantage_point="operator",
            node=node.name,
            vote=vote,
            reason=reason,
            message=message,
            for_seconds=0.0,
        )


def summed(answers: Sequence[Answer]) -> Answer:
    """Return one answer for several probes of one machine.

    Any sign of life is one of the machine; alive needs that every probe passed, dead that every
    one was met by silence, and a probe that could not be made leaves it open.
    """
    for vote in (Vote.SICK, Vote.UNKNOWN, Vote.DEAD):
        found = next((item for item in answers if item[0] is vote), None)
        if found is None:
            continue
        if vote is not Vote.SICK and any(item[0] is Vote.ALIVE for item in answers):
            return Vote.SICK, found[1], found[2]
        return found
    return answers[0]


async def probe(address: str, item: Probe, timeout_seconds: float) -> Answer:
    """Ask once and give the answer with its reason."""
    connection = Connection()
    try:
        async with asyncio.timeout(timeout_seconds):
            if item.tcp is not None:
                return await _tcp(address, item.tcp)
            if item.http is not None:
                return await _http(address, item.http, connection)
    except TimeoutError:
        if connection.was_made:
            text = f"{address} accepts the connection and did not answer in {timeout_seconds:.0f} s"
            return Vote.SICK, Reason.TIMED_OUT, text
        return Vote.DEAD, Reason.TIMED_OUT, f"{address} did not answer in {timeout_seconds:.0f} s"
    except OSError as error:
        # aiohttp's own errors about connections are among them.
        return _failed(address, error, was_made=connection.was_made)
    except (aiohttp.InvalidURL, re.error) as error:
        return Vote.UNKNOWN, Reason.INVALID_SPEC, f"{address} was not asked: {error}"
    except aiohttp.ClientError as error:
        return Vote.SICK, Reason.BAD_ANSWER, f"{address}: {error}"
    except ValueError as error:
        return Vote.UNKNOWN, Reason.INVALID_SPEC, f"{address} was not asked: {error}"
    return Vote.UNKNOWN, Reason.NOT_CONFIGURED, "the probe names no kind"


def _failed(address: str, error: OSError, *, was_made: bool) -> Answer:
    """Return what a failed connection says of the machine at the other end."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    found = unknown_from(cause, what=address)
    if was_made or found.reason in _FROM_THERE:
        return Vote.SICK, found.reason if found.reason in _FROM_THERE else Reason.CONNECTION_LOST, found.message
    if cause.errno in _SILENT:
        return Vote.DEAD, found.reason, found.message
    # No route, no name, no free descriptor: that is about here.
    return Vote.UNKNOWN, found.reason, found.message


async def _tcp(address: str, item: TcpProbe) -> Answer:
    _, writer = await asyncio.open_connection(address, item.port)
    writer.close()
    return Vote.ALIVE, Reason.ANSWERS, f"{address}:{item.port} accepts"


async def _http(address: str, item: HttpProbe, connection: Connection) -> Answer:
    pattern = re.compile(item.pattern) if item.pattern else None
    headers = {"Host": item.host} if item.host else {}
    host = f"[{address}]" if ":" in address else address
    async with (
        aiohttp.ClientSession(trace_configs=[connection.trace]) as session,
        session.get(f"http://{host}:{item.port}{item.path}", headers=headers, allow_redirects=False) as answer,
    ):
        if answer.status != item.status:
            return Vote.SICK, Reason.WRONG_STATUS, f"{item.path} answers {answer.status}, not {item.status}"
        body = await _beginning(answer.content) if pattern is not None else b""
    if pattern is not None and not pattern.search(body.decode(errors="replace")):
        return Vote.SICK, Reason.WRONG_STATUS, f"{item.path} does not show {item.pattern!r}"
    return Vote.ALIVE, Reason.ANSWERS, f"{item.path} answers {item.status}"


async def _beginning(reader: aiohttp.StreamReader) -> bytes:
    """Return the body, or as much of it as is looked at."""
    body = bytearray()
    while len(body) < BODY_LIMIT_BYTES and (chunk := await reader.read(BODY_LIMIT_BYTES - len(body))):
        body += chunk
    return bytes(body)
