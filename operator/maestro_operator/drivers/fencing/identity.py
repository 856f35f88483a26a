"""Which machine a Redfish service speaks for: its System's own UUID and serial number.

An address in a resource may point at the wrong controller, and `fence_redfish` would not notice.
So the System is read before the first order and before every reading that may become evidence.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.reply import ANSWER_LIMIT_BYTES, Reply, reply_of
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY_SECONDS = 8.0
HTTPS_PORT = 443
OK = 200
_NAMES = ("UUID", "SerialNumber")


async def redfish_names(parameters: Mapping[str, str]) -> tuple[str, ...] | Unknown:
    """Return the names that the System at `systems_uri` has for itself."""
    host, port = _host_and_port(parameters)
    where = f"{host}:{port}{parameters['systems_uri']}"
    try:
        async with asyncio.timeout(IDENTITY_SECONDS):
            reply = await _get(host, port, parameters=parameters)
    except TimeoutError:
        return Unknown(Reason.TIMED_OUT, f"{where} did not say in {IDENTITY_SECONDS:.0f} s which machine it is")
    except (OSError, ValueError) as error:
        return Unknown(Reason.DEVICE_FAILED, f"{where}: {str(error) or type(error).__name__}")
    if reply.status != OK:
        return Unknown(Reason.DEVICE_FAILED, f"{where} answers {reply.status}")
    return _names(where, reply.body)


def is_same(identity: str, names: tuple[str, ...]) -> bool:
    """Tell whether a machine that has these names is the one that the resource means."""
    return identity.strip().casefold() in {name.strip().casefold() for name in names}


def _host_and_port(parameters: Mapping[str, str]) -> tuple[str, int]:
    """Return where the agent would connect to: it takes `ip` with a port behind it, too."""
    host, port = parameters["ip"], parameters.get("ipport") or str(HTTPS_PORT)
    if host.count(":") == 1:
        host, _, port = host.partition(":")
    return host, int(port or HTTPS_PORT)


async def _get(host: str, port: int, *, parameters: Mapping[str, str]) -> Reply:
    reader, writer = await asyncio.open_connection(host.strip("[]"), port, ssl=_context(parameters))
    try:
        writer.write(_request(f"{host}:{port}", parameters))
        received = b""
        while (reply := reply_of(received, at_end=False)) is None:
            chunk = await reader.read(65536)
            received += chunk
            if len(received) > ANSWER_LIMIT_BYTES:
                raise ValueError("its answer is too long")
            if not chunk:
                return reply_of(received, at_end=True) or Reply(0, b"")
        return reply
    finally:
        # Without a farewell: a controller that hangs would not answer it.
        writer.transport.abort()


def _context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    if "ssl_insecure" not in parameters:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _request(authority: str, parameters: Mapping[str, str]) -> bytes:
    login = base64.b64encode(f"{parameters.get('username', '')}:{parameters.get('password', '')}".encode()).decode()
    lines = (
        f"GET {parameters['systems_uri']} HTTP/1.1",
        f"Host: {authority}",
        "Accept: application/json",
        "OData-Version: 4.0",
        f"Authorization: Basic {login}",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _names(where: str, body: bytes) -> tuple[str, ...] | Unknown:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    names = tuple(str(found[name]) for name in _NAMES if found.get(name)) if isinstance(found, dict) else ()
    if not names:
        return Unknown(Reason.DEVICE_FAILED, f"{where} shows neither UUID nor SerialNumber")
    return names
