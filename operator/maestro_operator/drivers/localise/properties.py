"""Java `.properties` files as `java.util.Properties` reads them, edited in place.

The law of this file: what is not the value of an ordered key stays byte for byte: comments, order,
line ends, escapes, continuation lines and the encoding. Text is handled as Latin-1, which gives every
byte a character and back; what is written is ASCII, so it means the same in every encoding that is one
byte wide or UTF-8. The result is read again and compared before it is given away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ENCODING = "latin-1"
_BLANK = " \t\f"
_NEWLINE = "\r\n"
_SEPARATOR = "=:"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_HEX_DIGITS = 4
_ASCII = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One character of a logical line, or one escape of two, and where it stands."""

    raw: str
    place: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with its value, and the span of the value in the text."""

    key: str
    value: str
    begin: int
    end: int
    has_separator: bool


_NO_ENTRY = Entry("", "", 0, 0, has_separator=False)


class UnreadableError(Exception):
    """A file cannot be understood, so it is not touched; the message says why."""


def read_properties(content: bytes) -> dict[str, str]:
    """Return every key with its value; of a repeated key the last, as Java does.

    Raises:
        UnreadableError: Java would refuse the file, or it is no text of single bytes.

    """
    return {entry.key: entry.value for entry in entries(content)}


def edit_properties(content: bytes, values: Mapping[str, str]) -> bytes:
    """Return the content with these values; a key that is not there is added at the end.

    Raises:
        UnreadableError: the file cannot be understood, or would not say afterwards what it should.

    """
    last = {entry.key: entry for entry in entries(content)}
    text = content.decode(ENCODING)
    changes = [(last[key], value) for key, value in values.items() if key in last and last[key].value != value]
    for entry, value in sorted(changes, key=lambda change: change[0].begin, reverse=True):
        separator = "" if entry.has_separator else "="
        text = text[: entry.begin] + separator + escaped(value) + text[entry.end :]
    for key in (key for key in values if key not in last):
        between = _line_end_before_more(text, entries(text.encode(ENCODING)))
        text += between + f"{_escaped_key(key)}={escaped(values[key])}" + _line_end(text)
    edited = text.encode(ENCODING)
    wanted = {key: entry.value for key, entry in last.items()} | dict(values)
    if read_properties(edited) != wanted:
        raise UnreadableError("the edited file would not say what it should")
    return edited


def entries(content: bytes) -> list[Entry]:
    """Return every entry in the order of the file.

    Raises:
        UnreadableError: Java would refuse the file, or it is no text of single bytes.

    """
    if b"\0" in content:
        raise UnreadableError("it holds zero bytes, so it is no text of single bytes")
    text, found, place = content.decode(ENCODING), [], 0
    while place < len(text):
        if text[place] in _BLANK + _NEWLINE:
            place += 1
        elif text[place] in "#!":
            while place < len(text) and text[place] not in _NEWLINE:
                place += 1
        else:
            units, end, place = _logical_line(text, place)
            if units:
                found.append(_entry(units, end))
    return found


def escaped(value: str) -> str:
    """Return a value as it is written into a file: ASCII alone, on one line."""
    written = "".join(_escaped(character) for character in value)
    # A blank, or what looks like a separator, would be taken for the space between key and value.
    return f"\\{written}" if written[:1] in (*_BLANK, *_SEPARATOR) and written else written


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if ord(character) in _ASCII:
        return character
    words = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{words[at]:02X}{words[at + 1]:02X}" for at in range(0, len(words), 2))


def _escaped_key(key: str) -> str:
    special = (*_BLANK, *_SEPARATOR, "#", "!")
    return "".join(f"\\{character}" if character in special else _escaped(character) for character in key)


def _logical_line(text: str, place: int) -> tuple[list[_Unit], int, int]:
    """Return the line's units, where its last value could end, and where the next line begins."""
    units: list[_Unit] = []
    while place < len(text) and text[place] not in _NEWLINE:
        if text[place] != "\\":
            units.append(_Unit(text[place], place))
            place += 1
        elif place + 1 == len(text):
            # A backslash that ends the file continues nothing; what is inserted goes before it.
            return units, place, place + 1
        elif text[place + 1] in _NEWLINE:
            place += 3 if text[place + 1 : place + 3] == "\r\n" else 2
            while place < len(text) and text[place] in _BLANK:
                place += 1
        else:
            units.append(_Unit(text[place : place + 2], place))
            place += 2
    return units, place, place


def _entry(units: list[_Unit], end: int) -> Entry:
    at = 0
    while at < len(units) and units[at].raw not in (*_SEPARATOR, *_BLANK):
        at += 1
    key_units = units[:at]
    has_separator = at < len(units)
    while at < len(units) and units[at].raw in _BLANK:
        at += 1
    if at < len(units) and units[at].raw in _SEPARATOR:
        at += 1
        while at < len(units) and units[at].raw in _BLANK:
            at += 1
    begin = units[at].place if at < len(units) else end
    return Entry(_unescaped(key_units), _unescaped(units[at:]), begin, end, has_separator)


def _unescaped(units: list[_Unit]) -> str:
    written: list[str] = []
    at = 0
    while at < len(units):
        raw = units[at].raw
        at += 1
        if raw == "\\u":
            digits = "".join(unit.raw for unit in units[at : at + _HEX_DIGITS])
            if len(digits) != _HEX_DIGITS or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                raise UnreadableError("it holds \\u without four hexadecimal digits, which Java refuses")
            written.append(chr(int(digits, 16)))
            at += _HEX_DIGITS
        elif raw[0] == "\\":
            written.append(_ESCAPES.get(raw[1], raw[1]))
        else:
            written.append(raw)
    # Java's characters are UTF-16 words: two of them may be one character.
    return "".join(written).encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


def _line_end(text: str) -> str:
    for form in ("\r\n", "\n", "\r"):
        if form in text:
            return form
    return "\n"


def _line_end_before_more(text: str, before: list[Entry]) -> str:
    """Return what must stand between the text and a line of its own: a last line may be open, or continued."""
    end = _line_end(text)
    is_closed = not text or text[-1] in _NEWLINE
    for between in ("", end, end + end)[not is_closed :]:
        *kept, added = entries((text + between + "x=y").encode(ENCODING)) or [_NO_ENTRY]
        if _said(kept) == _said(before) and _said([added]) == [("x", "y")]:
            return between
    raise UnreadableError("nothing can be added at its end")


def _said(found: list[Entry]) -> list[tuple[str, str]]:
    return [(entry.key, entry.value) for entry in found]
