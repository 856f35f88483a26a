"""What may leave in a bundle: every text passes here, and what looks like a secret or is one goes no further; pure.

The law of this file: two nets, and a text passes both. What a Secret of the pair holds is taken out wherever it stands,
in every form a program writes it in; and what stands where secrets stand is taken out, whoever's it is.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

GONE = "[redacted]"
LEAST_LENGTH = 6
"""A shorter value stands everywhere by chance."""
LINE_LENGTH = 16
"""A line of a private key that is this long is taken out by itself, too."""
PUBLIC_KEYS = ("username", "algorithm", "ca.crt", "name")
"""Keys of a Secret whose values are no secrets: a user, a key's name."""

_WORD = r"(?:passw(?:or)?d|passphrase|secret|token|community|api[-_]?key|private[-_]?key|credentials?)"
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), GONE),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:\w+ )?[^\s\"',]+"), rf"\1{GONE}"),
    (re.compile(r"(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{6,}"), rf"\1 {GONE}"),
    (re.compile(r"(\w://[^\s/:@]+:)[^\s/@]+(@)"), rf"\1{GONE}\2"),
    # An option and its value, as one word, two words or two items of a list.
    (re.compile(rf"(?i)(--?[\w-]*{_WORD}(?:[\"']?,?\s+(?:-\s+)?[\"']?|=))[^\s\"',\[]+"), rf"\1{GONE}"),
    # A field whose name ends with the word, and a value beside it; a name of a Secret stands below, not beside.
    (
        re.compile(rf"(?i)([\w.-]*{_WORD}\\?[\"']?\s*[:=][ \t]*\\?[\"']?)(?![\s{{\[\"'\\]|null\b)[^\s\"',\\]+"),
        rf"\1{GONE}",
    ),
)


class Redactor:
    """Takes secrets out of texts, and counts how often."""

    def __init__(self, secrets: Iterable[Mapping[str, bytes]]) -> None:
        """Know what the Secrets hold, longest first, so that no part of one is left."""
        values = {
            form
            for content in secrets
            for key, value in content.items()
            if key not in PUBLIC_KEYS
            for form in _forms(value)
            if len(form) >= LEAST_LENGTH
        }
        self._known = sorted(values, key=lambda form: (-len(form), form))
        self.taken_out = 0

    def __call__(self, text: str) -> str:
        """Return the text without what must not leave."""
        for known in self._known:
            self.taken_out += text.count(known)
            text = text.replace(known, GONE)
        for rule, instead in _RULES:
            text, number = rule.subn(instead, text)
            self.taken_out += number
        return text


def _forms(value: bytes) -> Iterator[str]:
    """Give a value as logs, JSON, URLs and Secrets have it, and each long line of it."""
    text = value.decode(errors="backslashreplace").strip()
    stripped = text.encode()
    yield from (text, quote(text, safe=""), json.dumps(text)[1:-1], stripped.hex())
    yield from (base64.b64encode(item).decode() for item in (value, stripped, value + b"\n"))
    yield from (line for line in text.splitlines() if len(line) >= LINE_LENGTH and not line.startswith("-----"))
