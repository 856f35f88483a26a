"""Which machine a device speaks for: what it says itself, where it can say it.

An address in a resource may point at the wrong controller, and no agent would notice. So a Redfish
System and an IPMI controller are asked before the first order and before every reading that may
become evidence. Of the System its power is read too, by this second reader.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.believed import IPMI_AGENTS
from maestro_operator.drivers.fencing.ipmi import ipmi_names
from maestro_operator.drivers.fencing.isolation import gateway_names
from maestro_operator.drivers.fencing.reply import ANSWER_LIMIT_BYTES, Reply, reply_of
from maestro_operator.drivers.fencing.virsh import AGENT as VIRSH
from maestro_operator.drivers.fencing.virsh import virsh_machine
from maestro_operator.model.denial import GATEWAY
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY_SECONDS = 8.0
HTTPS_PORT = 443
OK = 200
_NAMES = ("UUID", "SerialNumber")
_POWER_OFF = "Off"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a device says of the machine behind it."""

    names: tuple[str, ...] = ()
    """Every name it has for the machine; none where the device cannot tell."""
    power: str | None = None
    """The power as a second reader saw it, in the device's own word; None where there is none."""
    has_second_reader: bool = False
    reads: str = "PowerState of the System"
    """What the second reader read, in words."""

    @property
    def may_be_off(self) -> bool:
        """Tell whether no second reader contradicts an agent that says off."""
        return not self.has_second_reader or self.power == _POWER_OFF


async def machine_of(agent: str, parameters: Mapping[str, str], *, identity: str, seconds: float) -> Machine | Unknown:
    """Ask a device which machine it serves, of several the one of this identity; one that cannot tell has no names."""
    if agent == "fence_redfish":
        return await redfish_machine(parameters, seconds=seconds)
    if agent == GATEWAY:
        seen = await gateway_names(identity, parameters, seconds=seconds)
        return seen if isinstance(seen, Unknown) else Machine(seen)
    if agent == VIRSH:
        said = await virsh_machine(parameters, seconds=seconds)
        if isinstance(said, Unknown):
            return said
        return Machine(said[0], power=said[1], has_second_reader=True, reads="its state in libvirt")
    if agent in IPMI_AGENTS:
        names = await ipmi_names(agent, parameters, seconds=seconds)
        return names if isinstance(names, Unknown) else Machine(names)
    return Machine()


async def redfish_machine(parameters: Mapping[str, str], *, seconds: float) -> Machine | Unknown:
    """Return what the System at `systems_uri` says of itself."""
    patience_seconds = min(seconds, IDENTITY_SECONDS)
    host, port = _host_and_port(parameters)
    where = f"{host}:{port}{parameters['systems_uri']}"
    try:
        async with asyncio.timeout(patience_seconds):
            reply = await _get(host, port, parameters=parameters)
    except TimeoutError:
        return Unknown(Reason.TIMED_OUT, f"{where} did not say in {patience_seconds:.0f} s which machine it is")
    except (OSError, ValueError) as error:
        return Unknown(Reason.DEVICE_FAILED, f"{where}: {str(error) or type(error).__name__}")
    if reply.status != OK:
        return Unknown(Reason.DEVICE_FAILED, f"{where} answers {reply.status}")
    return _machine(where, reply.body)


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


def _machine(where: str, body: bytes) -> Machine | Unknown:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    names = tuple(str(found[name]) for name in _NAMES if found.get(name)) if isinstance(found, dict) else ()
    if not names:
        return Unknown(Reason.DEVICE_FAILED, f"{where} shows neither UUID nor SerialNumber")
    power = found.get("PowerState") if isinstance(found, dict) else None
    return Machine(names, power=None if power is None else str(power), has_second_reader=True)
