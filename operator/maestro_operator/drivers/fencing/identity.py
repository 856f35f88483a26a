"""Which machine a Redfish service speaks for: its System's own UUID and serial number.

An address in a resource may point at the wrong controller, and `fence_redfish` would not notice.
So the System is read before the first order and before every reading that may become evidence.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY_SECONDS = 8.0
BODY_LIMIT_BYTES = 256 * 1024
HTTPS_PORT = "443"
OK = 200
_NAMES = ("UUID", "SerialNumber")


async def redfish_names(parameters: Mapping[str, str]) -> tuple[str, ...] | Unknown:
    """Return the names that the System at `systems_uri` has for itself."""
    ip, _, old_port = (
        parameters["ip"].partition(":") if parameters["ip"].count(":") == 1 else (parameters["ip"], "", "")
    )
    port = old_port or parameters.get("ipport") or HTTPS_PORT
    where = f"{ip}:{port}{parameters['systems_uri']}"
    login = aiohttp.BasicAuth(parameters.get("username", ""), parameters.get("password", ""), "utf-8")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=IDENTITY_SECONDS)) as session,
            session.get(
                f"https://{where}",
                auth=login,
                ssl="ssl_insecure" not in parameters,
                allow_redirects=False,
                headers={"Accept": "application/json", "OData-Version": "4.0"},
            ) as answer,
        ):
            if answer.status != OK:
                return Unknown(Reason.DEVICE_FAILED, f"{where} answers {answer.status}")
            return _names(where, await _bounded(answer.content))
    except TimeoutError:
        return Unknown(Reason.TIMED_OUT, f"{where} did not say in {IDENTITY_SECONDS:.0f} s which machine it is")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Unknown(Reason.DEVICE_FAILED, f"{where}: {str(error) or type(error).__name__}")


async def _bounded(reader: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for chunk in reader.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise ValueError("its answer is too long")
    return bytes(body)


def _names(where: str, body: bytes) -> tuple[str, ...] | Unknown:
    found = json.loads(body)
    names = tuple(str(found[name]) for name in _NAMES if found.get(name)) if isinstance(found, dict) else ()
    if not names:
        return Unknown(Reason.DEVICE_FAILED, f"{where} shows neither UUID nor SerialNumber")
    return names


def is_same(identity: str, names: tuple[str, ...]) -> bool:
    """Tell whether a machine that has these names is the one that the resource means."""
    return identity.strip().casefold() in {name.strip().casefold() for name in names}
