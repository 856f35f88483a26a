"""TCP and HTTP probes, each failure with its own reason.

The law of this file: refused, unreachable, timed out and a wrong answer are four different things.
A refusal or an answer of any kind comes from a living machine; only silence counts as dead.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import aiohttp

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.model.pair import HttpProbe, Probe, TcpProbe
    from maestro_operator.model.status import FrozenNode

BODY_LIMIT_BYTES = 64 * 1024

Answer = tuple[Vote, Reason, str]


class NetworkProbes:
    """The probe port from where the operator runs."""

    async def vote(
        self, node: FrozenNode, probes: Sequence[Probe], *, timeout_seconds: float
    ) -> VoteSeen | Unknown:
        """Probe a node and give one vote: alive needs all, sick is any sign of life, dead is none."""
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
    """Return one answer for several probes of one machine."""
    bad = [item for item in answers if item[0] is not Vote.ALIVE]
    if not bad:
        return answers[0]
    living = [item for item in answers if item[0] in (Vote.ALIVE, Vote.SICK)]
    sick = next((item for item in bad if item[0] is Vote.SICK), bad[0])
    return (Vote.SICK, sick[1], sick[2]) if living else bad[0]


async def probe(address: str, item: Probe, timeout_seconds: float) -> Answer:
    """Ask once and give the answer with its reason."""
    try:
        async with asyncio.timeout(timeout_seconds):
            if item.tcp is not None:
                return await _tcp(address, item.tcp)
            if item.http is not None:
                return await _http(address, item.http)
    except TimeoutError:
        return Vote.DEAD, Reason.TIMED_OUT, f"{address} did not answer in {timeout_seconds:.0f} s"
    except ConnectionRefusedError:
        return Vote.SICK, Reason.CONNECTION_REFUSED, f"{address} refuses the connection"
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, ConnectionRefusedError):
            return Vote.SICK, Reason.CONNECTION_REFUSED, f"{address} refuses the connection"
        return Vote.DEAD, Reason.HOST_UNREACHABLE, f"{address}: {error.os_error}"
    except ConnectionResetError:
        return Vote.SICK, Reason.CONNECTION_LOST, f"{address} ended the connection"
    except aiohttp.ClientError as error:
        return Vote.SICK, Reason.BAD_ANSWER, f"{address}: {error}"
    except OSError as error:
        return Vote.DEAD, Reason.HOST_UNREACHABLE, f"{address}: {error.strerror or error}"
    return Vote.UNKNOWN, Reason.NOT_CONFIGURED, "the probe names no kind"


async def _tcp(address: str, item: TcpProbe) -> Answer:
    _, writer = await asyncio.open_connection(address, item.port)
    writer.close()
    return Vote.ALIVE, Reason.ANSWERS, f"{address}:{item.port} accepts"


async def _http(address: str, item: HttpProbe) -> Answer:
    headers = {"Host": item.host} if item.host else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"http://{address}:{item.port}{item.path}", headers=headers, allow_redirects=False
        ) as answer,
    ):
        body = await answer.content.read(BODY_LIMIT_BYTES)
        if answer.status != item.status:
            text = f"{item.path} answers {answer.status}, not {item.status}"
            return Vote.SICK, Reason.WRONG_STATUS, text
    if item.pattern and not re.search(item.pattern, body.decode(errors="replace")):
        return Vote.SICK, Reason.WRONG_STATUS, f"{item.path} does not show {item.pattern!r}"
    return Vote.ALIVE, Reason.ANSWERS, f"{item.path} answers {item.status}"
