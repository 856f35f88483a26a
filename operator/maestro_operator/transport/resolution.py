"""Names to addresses, once, right before a connection is opened, and each address judged."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from maestro_operator.model.addresses import ALLOWED_BY
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.failures import unknown_from

if TYPE_CHECKING:
    from maestro_operator.model.addresses import AddressPolicy


async def resolved(host: str, port: int, *, policy: AddressPolicy | None, what: str) -> tuple[str, ...] | Unknown:
    """Return the addresses of a host, in order; one that is refused refuses the host."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = OSError(str(error)) if isinstance(error, UnicodeError) else error
        return unknown_from(reason, what=what)
    addresses = tuple(dict.fromkeys(str(item[4][0]) for item in found))
    for address in addresses:
        kind = policy.why_not(address) if policy is not None else None
        if kind is not None:
            text = f"{what}: {host} is {address}, {kind}: write another host, or allow it by {ALLOWED_BY}"
            return Unknown(Reason.ADDRESS_REFUSED, text)
    return addresses
