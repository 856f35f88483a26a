"""What is said to a service over one connection, and what its answer means; wherever it is asked from.

The law of this file: whatever answers lives. Too many connections, a full disk and wrong credentials are
words of a living service, and each keeps its own reason.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from maestro_operator.drivers.probes.streams import everything
from maestro_operator.drivers.probes.tls import Tls, context_of, reason_of, trusting_nobody
from maestro_operator.drivers.services.readiness import STATUS_LINE, http_request
from maestro_operator.drivers.verification.listserv import converse
from maestro_operator.model.pair import HttpProbe
from maestro_operator.model.printable import printable
from maestro_operator.model.probes import Certificate
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Vote

if TYPE_CHECKING:
    from maestro_operator.drivers.probes.streams import Answer, Asking, Opens
    from maestro_operator.model.probes import HttpsProbe, SmtpProbe, TcpguiProbe

BODY_LIMIT_BYTES = 64 * 1024
"""How much of a body is looked at; a pattern has to stand in it."""
LINE_BYTES = 512
SAID_CHARACTERS = 80
OF_STATUS = {
    401: Reason.WRONG_CREDENTIALS,
    403: Reason.WRONG_CREDENTIALS,
    407: Reason.WRONG_CREDENTIALS,
    429: Reason.TOO_MANY_CONNECTIONS,
    507: Reason.DISK_FULL,
}
OF_REPLY = {b"421": Reason.TOO_MANY_CONNECTIONS, b"431": Reason.DISK_FULL, b"452": Reason.DISK_FULL}
_END = b"\r\n\r\n"


def judged_http(path: str, answer: bytes, *, status: int, pattern: str | None) -> Answer:
    """Return what a whole HTTP answer means."""
    line = STATUS_LINE.match(answer)
    if line is None:
        return Vote.SICK, Reason.BAD_ANSWER, f"{path}: no HTTP answer"
    if int(line[1]) != status:
        return Vote.SICK, reason_of_status(int(line[1])), f"{path} answers {int(line[1])}, not {status}"
    body = answer.partition(_END)[2]
    if pattern is not None and not re.search(pattern, body.decode("utf-8", errors="replace")):
        return Vote.SICK, Reason.WRONG_STATUS, f"{path} does not show {pattern!r}"
    return Vote.ALIVE, Reason.ANSWERS, f"{path} answers {status}"


def reason_of_status(status: int) -> Reason:
    """Return what a status says that was not expected."""
    return OF_STATUS.get(status, Reason.WRONG_STATUS)


async def http(opens: Opens, address: str, item: HttpProbe, *, asking: Asking) -> Answer:
    """Ask over one plain connection."""
    async with opens(address, item.port) as (reader, writer):
        asking.was_made = True
        writer.write(http_request(item, address))
        answer = b"".join([chunk async for chunk in everything(reader, limit=BODY_LIMIT_BYTES)])
    return judged_http(item.path, answer, status=item.status, pattern=item.pattern)


async def https(
    opens: Opens, address: str, item: HttpsProbe, *, asking: Asking, authority: bytes | None = None
) -> Answer:
    """Ask over TLS; a certificate that nobody should trust is said, and the page is asked for all the same."""
    plain = HttpProbe(port=item.port, path=item.path, host=item.host, status=item.status, pattern=item.pattern)
    name = item.host or address
    fault: tuple[Reason, str] | None = None
    try:
        answer = await _over_tls(opens, address, plain, context=context_of(authority), name=name, asking=asking)
    except ssl.SSLCertVerificationError as error:
        fault = reason_of(error), error.verify_message
        if item.certificate is Certificate.REQUIRE:
            return Vote.SICK, fault[0], f"{address}:{item.port}: {fault[1]}"
        answer = await _over_tls(opens, address, plain, context=trusting_nobody(), name=name, asking=asking)
    except ssl.SSLError as error:
        return Vote.SICK, Reason.BAD_ANSWER, f"{address}:{item.port} speaks no TLS: {error.reason or 'no handshake'}"
    vote, reason, said = judged_http(item.path, answer, status=item.status, pattern=item.pattern)
    if fault is not None and vote is Vote.ALIVE:
        return vote, fault[0], f"{said}; its certificate: {fault[1]}"
    return vote, reason, said


async def _over_tls(
    opens: Opens, address: str, item: HttpProbe, *, context: ssl.SSLContext, name: str, asking: Asking
) -> bytes:
    async with opens(address, item.port) as (reader, writer):
        asking.was_made = True
        tls = Tls(reader, writer, context=context, server_name=name)
        await tls.handshake()
        return await tls.exchange(http_request(item, address), limit=BODY_LIMIT_BYTES)


async def smtp(opens: Opens, address: str, item: SmtpProbe, *, asking: Asking) -> Answer:
    """Read the greeting and take leave."""
    async with opens(address, item.port) as (reader, writer):
        asking.was_made = True
        try:
            line = (await reader.readline())[:LINE_BYTES].strip()
        except ValueError:
            return Vote.SICK, Reason.BAD_ANSWER, f"{address}:{item.port} sends no line"
        writer.write(b"QUIT\r\n")
        await writer.drain()
    said = printable(line.decode("latin-1"), longest=SAID_CHARACTERS)
    if not line:
        return Vote.SICK, Reason.CONNECTION_LOST, f"{address}:{item.port} closes without a greeting"
    if not line.startswith(b"220"):
        return Vote.SICK, OF_REPLY.get(line[:3], Reason.BAD_ANSWER), f"{address}:{item.port} says {said}"
    if item.pattern is not None and not re.search(item.pattern, line.decode("latin-1")):
        return Vote.SICK, Reason.WRONG_STATUS, f"{address}:{item.port} greets otherwise: {said}"
    return Vote.ALIVE, Reason.ANSWERS, f"{address}:{item.port} greets"


async def tcpgui(opens: Opens, address: str, item: TcpguiProbe, *, asking: Asking) -> Answer:
    """Ask LISTSERV for its thanks."""
    async with opens(address, item.port) as (reader, writer):
        asking.was_made = True
        try:
            said = await converse(reader, writer)
        except ValueError:
            return Vote.SICK, Reason.BAD_ANSWER, f"{address}:{item.port} does not speak TCPGUI"
    if said.passed:
        return Vote.ALIVE, Reason.ANSWERS, f"{address}:{item.port}: {said.message}"
    return Vote.SICK, Reason.BAD_ANSWER, f"{address}:{item.port}: {said.message}"
