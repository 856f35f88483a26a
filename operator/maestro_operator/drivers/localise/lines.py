"""Lines of our own in somebody else's file, between two marks; every other byte stays.

The law of this file: pure. Marks that are not one pair in order are not guessed at, and an alias that stands outside
of them too is somebody's, who is asked.
"""

from __future__ import annotations

import re

from maestro_operator.drivers.localise.properties import UnreadableError

_ALIAS = re.compile(rb'^\s*("[^"]+"|[^\s:#"]+)\s*:', re.MULTILINE)


def marks(name: str) -> tuple[bytes, bytes]:
    """Return the lines that stand before and behind ours."""
    return f"# maestro-operator: {name}: begin\n".encode(), f"# maestro-operator: {name}: end\n".encode()


def read_lines(content: bytes, name: str) -> tuple[bytes, bytes | None, bytes]:
    """Return what stands before our lines, our lines or None, and what stands behind them.

    Raises:
        UnreadableError: the marks are not one pair in order.

    """
    begin, end = marks(name)
    counts = (content.count(begin), content.count(end))
    if counts == (0, 0):
        return content, None, b""
    before, _, rest = content.partition(begin)
    ours, found, behind = rest.partition(end)
    if counts != (1, 1) or not found or (before and not before.endswith(b"\n")):
        raise UnreadableError(f"the marks of {name} are not one pair in order: put them right by hand")
    return before, ours, behind


def edit_lines(content: bytes, name: str, lines: tuple[str, ...]) -> bytes:
    """Return the file with exactly these lines between the marks, at its end where there were none.

    Raises:
        UnreadableError: the marks are not one pair in order, or a line cannot stand there.

    """
    if any("\n" in line or not line.isprintable() or not line.isascii() for line in lines):
        raise UnreadableError("a line has characters that such a file does not")
    begin, end = marks(name)
    before, ours, behind = read_lines(content, name)
    gap = b"" if ours is not None or not before or before.endswith(b"\n") else b"\n"
    wanted = "".join(f"{line}\n" for line in lines).encode()
    return before + gap + begin + wanted + end + behind


def refuse_doubled_aliases(content: bytes, name: str, lines: tuple[str, ...]) -> None:
    """Refuse aliases that the file gives outside of our lines too.

    Raises:
        UnreadableError: there is one; the message names it.

    """
    before, _, behind = read_lines(content, name)
    others = {_bare(word) for part in (before, behind) for word in _ALIAS.findall(part)}
    mine = {_bare(word) for line in lines for word in _ALIAS.findall(line.encode())}
    if mine & others:
        doubled = min(mine & others).decode(errors="replace")
        raise UnreadableError(f"the alias {doubled} stands outside of our lines too: take one of the two out")


def _bare(word: bytes) -> bytes:
    return word.strip(b'"').lower()
