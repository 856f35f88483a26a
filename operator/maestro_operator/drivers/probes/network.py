"""Probes from where the operator runs, each failure with its own reason.

The law of this file: refused, unreachable, timed out and a wrong answer are four different things.
A refusal, an accepted connection or an answer of any kind comes from a living machine; only
silence counts as dead; and what went wrong on this side of the wire says nothing of the other.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import aiohttp
import asyncssh

from maestro_operator.drivers.probes import conversations
from maestro_operator.drivers.probes.command import asked_on_the_node
from maestro_operator.drivers.probes.connection import Connection
from maestro_operator.drivers.probes.conversations import BODY_LIMIT_BYTES as BODY_LIMIT_BYTES  # noqa: PLC0414
from maestro_operator.drivers.probes.conversations import reason_of_status
from maestro_operator.drivers.probes.icmp import echo
from maestro_operator.drivers.probes.prometheus import Prometheus
from maestro_operator.drivers.probes.streams import Answer, Asking, Directly, NotReached, failed
from maestro_operator.drivers.probes.summing import summed
from maestro_operator.drivers.probes.witness import through_the_witness
from maestro_operator.model.pair import DetectionProbe
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from maestro_operator.drivers.probes.streams import Opens
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.detection import PrometheusQuery, Witness
    from maestro_operator.model.pair import HttpProbe, Probe
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret
    from maestro_operator.transport.session import Sessions


class NetworkProbes:
    """The probe port: what the operator itself sees, and what witnesses and Prometheus servers do."""

    def __init__(
        self,
        *,
        sessions: Sessions | None = None,
        secrets: ReadSecret | None = None,
        namespace: str = "",
        policy: AddressPolicy | None = None,
    ) -> None:
        """Keep the ways to nodes and witnesses, and where Secrets are read from; without them both say nothing."""
        self._sessions = sessions
        self._secrets = secrets
        self._namespace = namespace
        self._prometheus = Prometheus(secrets=secrets, namespace=namespace, policy=policy)

    async def vote(
        self, node: FrozenNode, probes: Sequence[Probe], *, timeout_seconds: float, slow_seconds: float
    ) -> VoteSeen | Unknown:
        """Probe the services of a node, all at once, and give one vote with its reason."""

        async def ask(item: Probe, asking: Asking) -> Answer:
            return await self._ask(node, item, asking=asking, timeout_seconds=timeout_seconds)

        return await self._voted(
            "operator", node, probes, ask=ask, timeout_seconds=timeout_seconds, slow_seconds=slow_seconds
        )

    async def witness_vote(
        self,
        witness: Witness,
        node: FrozenNode,
        probes: Sequence[Probe],
        *,
        timeout_seconds: float,
        slow_seconds: float,
    ) -> VoteSeen | Unknown:
        """Probe the services of a node through a witness; what the witness does not do says nothing of the node."""
        if self._sessions is None:
            return Unknown(Reason.NOT_CONFIGURED, f"{witness.name}: there is no way to a witness")
        async with through_the_witness(self._sessions, witness, timeout_seconds=timeout_seconds) as way:
            if isinstance(way, Unknown):
                return way

            async def ask(item: Probe, asking: Asking) -> Answer:
                if isinstance(item, DetectionProbe) and item.icmp is not None:
                    return await way.ping(node.address, timeout_seconds=timeout_seconds)
                if item.http is not None:
                    return await conversations.http(way.opens, node.address, item.http, asking=asking)
                return await self._converse(way.opens, node.address, item, asking=asking)

            own = [item for item in probes if not (isinstance(item, DetectionProbe) and item.command is not None)]
            return await self._voted(
                witness.name, node, own, ask=ask, timeout_seconds=timeout_seconds, slow_seconds=slow_seconds
            )

    async def prometheus_vote(
        self, query: PrometheusQuery, node: FrozenNode, *, timeout_seconds: float
    ) -> VoteSeen | Unknown:
        """Ask a Prometheus server what it knows of a node."""
        return await self._prometheus.vote(query, node, timeout_seconds=timeout_seconds)

    async def _voted(
        self,
        vantage_point: str,
        node: FrozenNode,
        probes: Sequence[Probe],
        *,
        ask: Callable[[Probe, Asking], Awaitable[Answer]],
        timeout_seconds: float,
        slow_seconds: float,
    ) -> VoteSeen | Unknown:
        if not probes:
            return Unknown(Reason.NOT_CONFIGURED, "no probes: set detection.probes or a readiness")

        async def one(item: Probe) -> Answer:
            return await asked(
                node.address,
                lambda asking: ask(item, asking),
                timeout_seconds=timeout_seconds,
                slow_seconds=slow_seconds,
            )

        try:
            answers = await asyncio.gather(*(one(item) for item in probes))
        except NotReached as error:
            return Unknown(error.reason, str(error))
        vote, reason, message = summed(probes, answers)
        return VoteSeen(
            vantage_point=vantage_point, node=node.name, vote=vote, reason=reason, message=message, for_seconds=0.0
        )

    async def _ask(self, node: FrozenNode, item: Probe, *, asking: Asking, timeout_seconds: float) -> Answer:
        if item.http is not None:
            return await _http(node.address, item.http, asking)
        if isinstance(item, DetectionProbe) and item.icmp is not None:
            return await echo(node.address, timeout_seconds=timeout_seconds)
        if isinstance(item, DetectionProbe) and item.command is not None:
            return await asked_on_the_node(self._sessions, node, item.command, timeout_seconds=timeout_seconds)
        return await self._converse(Directly(), node.address, item, asking=asking)

    async def _converse(self, opens: Opens, address: str, item: Probe, *, asking: Asking) -> Answer:
        if item.tcp is not None:
            async with opens(address, item.tcp.port):
                return Vote.ALIVE, Reason.ANSWERS, f"{address}:{item.tcp.port} accepts"
        if isinstance(item, DetectionProbe):
            if item.https is not None:
                authority = await self._authority(item.https.ca_secret.name) if item.https.ca_secret else None
                return await conversations.https(opens, address, item.https, asking=asking, authority=authority)
            if item.smtp is not None:
                return await conversations.smtp(opens, address, item.smtp, asking=asking)
            if item.tcpgui is not None:
                return await conversations.tcpgui(opens, address, item.tcpgui, asking=asking)
        return Vote.UNKNOWN, Reason.NOT_CONFIGURED, "the probe names no kind"

    async def _authority(self, secret: str) -> bytes:
        """Return the certificate that a Secret names as the one to trust.

        Raises:
            ValueError: there is none.

        """
        try:
            content = await self._secrets(self._namespace, secret) if self._secrets is not None else {}
            return content["ca.crt"]
        except LookupError:
            raise ValueError(f"Secret {secret} has no ca.crt") from None


async def accepts(address: str, port: int, *, timeout_seconds: float) -> Answer:
    """Tell whether a port accepts a connection from here, and what it means where it does not."""

    async def ask(_: Asking) -> Answer:
        async with Directly()(address, port):
            return Vote.ALIVE, Reason.ANSWERS, f"{address}:{port} accepts"

    return await asked(address, ask, timeout_seconds=timeout_seconds, slow_seconds=timeout_seconds)


async def asked(
    address: str,
    ask: Callable[[Asking], Awaitable[Answer]],
    *,
    timeout_seconds: float,
    slow_seconds: float,
) -> Answer:
    """Ask once and give the answer with its reason."""
    asking, began = Asking(), asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(timeout_seconds):
            answer = await ask(asking)
    except TimeoutError:
        if asking.was_made:
            text = f"{address} accepts the connection and did not answer in {timeout_seconds:.0f} s"
            return Vote.SICK, Reason.TIMED_OUT, text
        return Vote.DEAD, Reason.TIMED_OUT, f"{address} did not answer in {timeout_seconds:.0f} s"
    except (OSError, asyncssh.Error) as error:
        # aiohttp's own errors about connections are among them.
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
        return failed(address, cause, was_made=asking.was_made)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        return Vote.SICK, Reason.BAD_ANSWER, f"{address}: {error}"
    except (aiohttp.InvalidURL, re.error) as error:
        return Vote.UNKNOWN, Reason.INVALID_SPEC, f"{address} was not asked: {error}"
    except aiohttp.ClientError as error:
        return Vote.SICK, Reason.BAD_ANSWER, f"{address}: {error}"
    except ValueError as error:
        return Vote.UNKNOWN, Reason.INVALID_SPEC, f"{address} was not asked: {error}"
    if answer[0] is Vote.ALIVE and asyncio.get_running_loop().time() - began > slow_seconds:
        return Vote.SICK, Reason.SLOW, f"{address} answers later than {slow_seconds:.2f} s"
    return answer


async def _http(address: str, item: HttpProbe, asking: Asking) -> Answer:
    connection = Connection(asking)
    pattern = re.compile(item.pattern) if item.pattern else None
    headers = {"Host": item.host} if item.host else {}
    host = f"[{address}]" if ":" in address else address
    async with (
        aiohttp.ClientSession(trace_configs=[connection.trace]) as session,
        session.get(f"http://{host}:{item.port}{item.path}", headers=headers, allow_redirects=False) as answer,
    ):
        if answer.status != item.status:
            reason = reason_of_status(answer.status)
            return Vote.SICK, reason, f"{item.path} answers {answer.status}, not {item.status}"
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
