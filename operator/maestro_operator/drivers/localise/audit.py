"""Where a node's own address stands in a configuration file: what stops fitting on the day of a switch.

The law of this file: pure. An address is found as a word of its own, so that 192.0.2.1 is not found in
192.0.2.10; in comments it is not looked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

MOST_FINDINGS = 20
_V4 = re.compile(r"(?<![0-9A-Za-z.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z]|\.[0-9])")
_V6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])")
_KEY = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]")
_UNESCAPED = str.maketrans({"\\": ""})


@dataclass(frozen=True, slots=True)
class Finding:
    """One line that names a node's address; the line itself is not kept, only its key."""

    line: int
    key: str
    node: str
    address: str

    @override
    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"line {self.line}{f' ({self.key})' if self.key else ''} names {self.node}'s address {self.address}"


def find_addresses(content: bytes, addresses: Mapping[str, str], *, settled: AbstractSet[str]) -> tuple[Finding, ...]:
    """Return where a file names an address of `addresses` (node to address), but for `settled` keys."""
    wanted = {ip_address(address): node for node, address in addresses.items()}
    found: list[Finding] = []
    for number, line in enumerate(content.decode("latin-1").splitlines(), start=1):
        if line.lstrip()[:1] in ("#", "!", ";"):
            continue
        key = _KEY.match(line)
        name = key[1] if key else ""
        if name in settled:
            continue
        for word in _words(line):
            try:
                address = ip_address(word)
            except ValueError:
                continue
            if address in wanted:
                found.append(Finding(number, name[:60], wanted[address], str(address)))
        if len(found) >= MOST_FINDINGS:
            break
    return tuple(found[:MOST_FINDINGS])


def _words(line: str) -> Iterator[str]:
    # A properties file may write the colons of an address with a backslash before each.
    for text in (line, line.translate(_UNESCAPED)) if "\\" in line else (line,):
        yield from _V4.findall(text)
        yield from _V6.findall(text)
