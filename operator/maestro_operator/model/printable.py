"""Text from elsewhere, made fit to be shown: in a status, an event, a log line or a terminal.

A node, a name server or a fence device says what it likes. What it says may not move a cursor,
turn the direction of writing round, or fill somebody's screen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

LONGEST = 1024
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def printable(text: str, *, longest: int = LONGEST) -> str:
    """Return a text on one line, without what no reader can see, cut to a length."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", " ".join(text[: 4 * longest].split()))[:longest]


def one_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind."""
    return str(error).partition("\n")[0] or type(error).__name__


def first_fault(error: ValidationError) -> str:
    """Return the first field that is wrong, and what is wrong with it."""
    first = error.errors()[0]
    where = ".".join(str(item) for item in first["loc"])
    return f"{where}: {first['msg']}"
