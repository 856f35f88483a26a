"""Every way in which reaching a node fails, told apart: law 4 says that none of them is a No."""

from __future__ import annotations

import errno
import re
import socket

import asyncssh

from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

DETAIL_CHARACTERS = 300
_ERRNO_WORDS = re.compile(r"\[Errno (\d+)\]")
_REASON_OF_ERRNO = {
    errno.ECONNREFUSED: Reason.CONNECTION_REFUSED,
    errno.EHOSTUNREACH: Reason.HOST_UNREACHABLE,
    errno.ENETUNREACH: Reason.HOST_UNREACHABLE,
    errno.EHOSTDOWN: Reason.HOST_UNREACHABLE,
    errno.ENETDOWN: Reason.HOST_UNREACHABLE,
    errno.EADDRNOTAVAIL: Reason.HOST_UNREACHABLE,
    errno.ETIMEDOUT: Reason.TIMED_OUT,
    errno.ECONNRESET: Reason.CONNECTION_LOST,
    errno.EPIPE: Reason.CONNECTION_LOST,
    errno.ECONNABORTED: Reason.CONNECTION_LOST,
}
EXPECTED = (OSError, asyncssh.Error)
"""What reaching a node raises in the ordinary course of things; anything else is a surprise."""


def unknown_from(error: OSError | asyncssh.Error, *, what: str) -> Unknown:
    """Return the failure as a value; `what` names the node and the attempt, in front of the message."""
    reason = _reason_of_os(error) if isinstance(error, OSError) else _reason_of_ssh(error)
    # A server's own words may be in it.
    detail = printable(str(error), longest=DETAIL_CHARACTERS) or type(error).__name__
    return Unknown(reason, f"{what}: {detail}")


def _reason_of_os(error: OSError) -> Reason:
    if isinstance(error, TimeoutError):
        return Reason.TIMED_OUT
    if isinstance(error, socket.gaierror):
        return Reason.NAME_NOT_FOUND
    # A host with several addresses gives one error with all of them in its text and no number of its own.
    numbers = {error.errno} if error.errno else {int(word) for word in _ERRNO_WORDS.findall(str(error))}
    reasons = {_REASON_OF_ERRNO.get(number, Reason.HOST_UNREACHABLE) for number in numbers}
    return reasons.pop() if len(reasons) == 1 else Reason.HOST_UNREACHABLE


def _reason_of_ssh(error: asyncssh.Error) -> Reason:
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return Reason.WRONG_HOST_KEY
        case asyncssh.KeyExchangeFailed():
            # A host that has no key of the pinned kind is not the host that was pinned.
            return Reason.WRONG_HOST_KEY if "host key" in str(error).lower() else Reason.BAD_ANSWER
        case asyncssh.PermissionDenied() | asyncssh.IllegalUserName():
            return Reason.WRONG_CREDENTIALS
        case asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported() | asyncssh.MACError():
            return Reason.BAD_ANSWER
        case _:
            return Reason.CONNECTION_LOST
