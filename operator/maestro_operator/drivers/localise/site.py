"""LISTSERV's site configuration on Unix, a shell file of `NAME="value"` lines, edited in place.

The law of this file: only an assignment that says its value in so many letters is edited. Whatever a
shell would have to run to know (`$`, backquotes, here-documents) is refused, never guessed, and every
other byte stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.properties import ENCODING, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=")
_PLAIN = re.compile(r"[A-Za-z0-9 @%+=:,./_\[\]*()<>?{}~^#-]*")
"""What double quotes keep as it is."""
_BETWEEN_WORDS = " \t;&|\r"
_BARE = re.compile(r"[A-Za-z0-9@%+=:,./_-]*")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment; `value` is None where a shell would have to be asked."""

    name: str
    value: str | None
    begin: int
    end: int


def read_site(content: bytes) -> dict[str, str | None]:
    """Return every name with its value, of a repeated one the last.

    Raises:
        UnreadableError: the file cannot be followed.

    """
    return {item.name: item.value for item in assignments(content)}


def edit_site(content: bytes, values: Mapping[str, str]) -> bytes:
    """Return the content with these values; a name that is not there is refused, because its place matters.

    Raises:
        UnreadableError: the file cannot be followed, a name is missing, or a value needs a shell.

    """
    last = {item.name: item for item in assignments(content)}
    text = content.decode(ENCODING)
    changes: list[tuple[Assignment, str]] = []
    for name, value in values.items():
        item = last.get(name)
        if item is None:
            raise UnreadableError(f'{name} is not set in it: write {name}="..." and export {name} there once')
        if item.value is None:
            raise UnreadableError(f"{name} is set to what only a shell can tell: write its value in plain letters")
        if not _PLAIN.fullmatch(value):
            raise UnreadableError(f"the value for {name} has characters that a shell would read")
        if item.value != value:
            changes.append((item, value))
    for item, value in sorted(changes, key=lambda change: change[0].begin, reverse=True):
        text = f'{text[: item.begin]}"{value}"{text[item.end :]}'
    edited = text.encode(ENCODING)
    if read_site(edited) != {name: item.value for name, item in last.items()} | dict(values):
        raise UnreadableError("the edited file would not say what it should")
    return edited


def assignments(content: bytes) -> list[Assignment]:
    """Return every assignment that begins a line, outside of quotes and comments, in order.

    Raises:
        UnreadableError: a quote is open at the end, or there is a here-document.

    """
    if b"\0" in content:
        raise UnreadableError("it holds zero bytes, so it is no text of single bytes")
    text, place, found = content.decode(ENCODING), 0, []
    while place < len(text):
        match = _ASSIGNMENT.match(text, place)
        begin = place if match is None else match.end()
        end_of_word, end_of_line = _line(text, begin)
        if match is not None:
            found.append(Assignment(match["name"], _value(text[begin:end_of_word]), begin, end_of_word))
        place = end_of_line + 1
    return found


def _line(text: str, place: int) -> tuple[int, int]:
    """Return where the word at `place` ends, and where the command line that it is on ends."""
    end_of_word, is_in_word = -1, False
    while place < len(text) and text[place] != "\n":
        character = text[place]
        if character == "#" and not is_in_word:
            stop = text.find("\n", place)
            return (place if end_of_word < 0 else end_of_word), (len(text) if stop < 0 else stop)
        if text.startswith("<<", place):
            raise UnreadableError("it holds a here-document, which only a shell can follow")
        is_in_word = character not in _BETWEEN_WORDS
        if not is_in_word and end_of_word < 0:
            end_of_word = place
        place = _past(text, place)
    place = min(place, len(text))
    return (place if end_of_word < 0 else end_of_word), place


def _past(text: str, place: int) -> int:
    """Return the place behind a character, an escape or a whole quote."""
    quote = text[place]
    if quote == "\\":
        return place + 2
    if quote not in "'\"":
        return place + 1
    place += 1
    while place < len(text) and text[place] != quote:
        place += 2 if quote == '"' and text[place] == "\\" else 1
    if place >= len(text):
        raise UnreadableError("a quote is open at its end")
    return place + 1


def _value(word: str) -> str | None:
    for quote in "'\"":
        inner = word[1:-1]
        if len(word) > 1 and word[0] == word[-1] == quote and quote not in inner:
            is_plain = quote == "'" or not any(character in inner for character in "$`\\")
            return inner if is_plain else None
    return word if _BARE.fullmatch(word) else None
