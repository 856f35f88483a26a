"""Every way of not reaching a node has its own reason, and none of them is a No."""

import errno
import socket

import asyncssh
import pytest

from maestro_operator.model.reasons import Reason
from maestro_operator.transport.failures import unknown_from

SEVERAL = "Multiple exceptions: [Errno 111] Connect call failed ('::1', 22, 0, 0), [Errno {}] Connect call failed"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), Reason.TIMED_OUT),
        (OSError(errno.ETIMEDOUT, "timed out"), Reason.TIMED_OUT),
        (OSError(errno.ECONNREFUSED, "refused"), Reason.CONNECTION_REFUSED),
        (OSError(errno.EHOSTUNREACH, "no route"), Reason.HOST_UNREACHABLE),
        (OSError(errno.ENETUNREACH, "no network"), Reason.HOST_UNREACHABLE),
        (OSError(errno.ECONNRESET, "reset"), Reason.CONNECTION_LOST),
        (BrokenPipeError(errno.EPIPE, "pipe"), Reason.CONNECTION_LOST),
        (OSError(SEVERAL.format(111)), Reason.CONNECTION_REFUSED),
        (OSError(SEVERAL.format(113)), Reason.HOST_UNREACHABLE),
        (OSError("something else"), Reason.HOST_UNREACHABLE),
        (socket.gaierror(socket.EAI_NONAME, "not known"), Reason.NAME_NOT_FOUND),
        (asyncssh.HostKeyNotVerifiable("not trusted"), Reason.WRONG_HOST_KEY),
        (asyncssh.KeyExchangeFailed("No matching server host key algorithm found"), Reason.WRONG_HOST_KEY),
        (asyncssh.KeyExchangeFailed("No matching cipher"), Reason.BAD_ANSWER),
        (asyncssh.PermissionDenied("denied"), Reason.WRONG_CREDENTIALS),
        (asyncssh.ProtocolError("no SSH"), Reason.BAD_ANSWER),
        (asyncssh.ConnectionLost("lost"), Reason.CONNECTION_LOST),
    ],
    ids=str,
)
def test_each_failure_keeps_its_reason(error: OSError | asyncssh.Error, reason: Reason) -> None:
    assert unknown_from(error, what="a").reason is reason


def test_a_failure_without_a_text_still_says_what_it_was() -> None:
    assert unknown_from(TimeoutError(), what="a: ssh").message == "a: ssh: TimeoutError"
