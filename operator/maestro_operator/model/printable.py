"""Text from elsewhere, made fit to be shown: in a status, an event, a log line or a terminal.

A node, a name server or a fence device says what it likes. What it says may not move a cursor,
turn the direction of writing round, or fill somebody's screen.
"""

from __future__ import annotations

import re

LONGEST = 1024
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def printable(text: str, *, longest: int = LONGEST) -> str:
    """Return a text on one line, without what no reader can see, cut to a length."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", " ".join(text[: 4 * longest].split()))[:longest]
