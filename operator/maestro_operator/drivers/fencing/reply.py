"""An HTTP answer out of the bytes that came so far, by the standard library's own parser."""

from __future__ import annotations

import http.client
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import socket

ANSWER_LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body."""

    status: int
    body: bytes


class _Received:
    """Bytes in the place of the socket that the parser wants."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, *_mode: object) -> io.BytesIO:
        """Return the bytes to read."""
        return io.BytesIO(self._received)


def reply_of(received: bytes, *, at_end: bool) -> Reply | None:
    """Return the answer, or None while it is not whole.

    Raises:
        ValueError: this is no HTTP.

    """
    if b"\r\n\r\n" not in received:
        return None
    answer = http.client.HTTPResponse(cast("socket.socket", _Received(received)))
    try:
        answer.begin()
        if answer.length is None and not answer.chunked and not at_end:
            return None
        return Reply(answer.status, answer.read())
    except http.client.IncompleteRead:
        return None
    except (http.client.HTTPException, OSError) as error:
        raise ValueError(f"no HTTP answer ({type(error).__name__})") from None
