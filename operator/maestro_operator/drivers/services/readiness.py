"""Whether a service is ready, asked on the node itself: a TCP connection, or an HTTP answer.

The connection is opened by the node's sshd inside the session, so that nothing need be installed
there and no firewall between operator and service matters. Where the sshd forbids that, the
operator asks over the network.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.failures import unknown_from
from maestro_operator.transport.session import OUTPUT_LIMIT_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.model.pair import HttpProbe, Probe
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.ways import NodeWay

POLL_SECONDS = 0.1
ATTEMPT_SECONDS = 5.0
LOOPBACK = "127.0.0.1"
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r?\n")


class Readiness:
    """Asks on one node whether probes pass."""

    def __init__(self, sessions: NodeWay, node: FrozenNode, *, clock: Clock) -> None:
        """Keep the way to the node."""
        self._sessions = sessions
        self._node = node
        self._clock = clock

    async def wait(self, probes: Sequence[Probe], *, timeout_seconds: float) -> str | None:
        """Return None once every probe passed, or what the last unready one said at the end."""
        ends = self._clock.monotonic_seconds() + timeout_seconds
        for probe in probes:
            while (said := await self.ask(probe, timeout_seconds=ends - self._clock.monotonic_seconds())) is not None:
                if self._clock.monotonic_seconds() + POLL_SECONDS >= ends:
                    return said
                await self._clock.sleep(POLL_SECONDS)
        return None

    async def ask(self, probe: Probe, *, timeout_seconds: float) -> str | None:
        """Return None where the probe passes now, else why not."""
        seconds = min(max(timeout_seconds, POLL_SECONDS), ATTEMPT_SECONDS)
        if probe.http is not None:
            answer = await self._talk(probe.http.port, http_request(probe.http, self._node.address), seconds)
            return answer.message if isinstance(answer, Unknown) else http_fault(probe.http, answer)
        if probe.tcp is not None:
            answer = await self._talk(probe.tcp.port, b"", seconds)
            return answer.message if isinstance(answer, Unknown) else None
        return None

    async def _talk(self, port: int, send: bytes, seconds: float) -> bytes | Unknown:
        answer: bytes | Unknown = Unknown(Reason.NOT_YET_KNOWN, f"port {port} was not asked")
        for host in (self._node.address, LOOPBACK):
            answer = await self._sessions.talk_tcp(self._node, (host, port), send=send, deadline_seconds=seconds)
            if isinstance(answer, bytes):
                return answer
            if answer.reason is Reason.NOT_CONFIGURED:
                return await talk_directly(self._node.address, port, send=send, timeout_seconds=seconds)
            if answer.reason is not Reason.CONNECTION_REFUSED:
                return answer
        return answer


async def talk_directly(host: str, port: int, *, send: bytes, timeout_seconds: float) -> bytes | Unknown:
    """Connect from here, send, and return what came until the other end closed."""
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                if not send:
                    return b""
                writer.write(send)
                collected = bytearray()
                while len(collected) < OUTPUT_LIMIT_BYTES and (chunk := await reader.read(65536)):
                    collected += chunk
                return bytes(collected)
            finally:
                writer.close()
    except OSError as error:
        return unknown_from(error, what=f"connecting to {host}:{port}")


def http_request(probe: HttpProbe, address: str) -> bytes:
    """Return the request; HTTP/1.0, so that the body comes in one piece and ends with the connection."""
    host = probe.host or address
    words = (f"GET {probe.path} HTTP/1.0", f"Host: {host}", "Accept: */*", "Connection: close", "", "")
    return "\r\n".join(words).encode("utf-8")


def http_fault(probe: HttpProbe, answer: bytes) -> str | None:
    """Return None where an HTTP answer is what the probe expects, else what is wrong with it."""
    what = f"http {probe.port}{probe.path}"
    line = STATUS_LINE.match(answer)
    if line is None:
        return f"{what}: no HTTP answer"
    status = int(line[1])
    if status != probe.status:
        return f"{what}: status {status}, not {probe.status}"
    _, _, body = answer.partition(b"\r\n\r\n")
    if probe.pattern is not None and re.search(probe.pattern, body.decode("utf-8", errors="replace")) is None:
        return f"{what}: the body does not match"
    return None
