"""How the programs on a node answer: `key=value` lines, read strictly, never guessed at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.session import Completed

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGE_CHARACTERS = 400
STATE_WORDS = ("StateLost", "StateMissing")
WORDS_FOR_PEOPLE = ("message",)
MOST_DIGITS = 18
"""A number with more would not fit into the resource."""
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
NONE_WORDS = ("", "none", "-")


class BadAnswerError(ValueError):
    """An answer has a line or a value that cannot be understood."""


class Lines:
    """The lines of one answer; of a repeated key the last value counts, unless all are asked for."""

    def __init__(self, text: str) -> None:
        """Read the text.

        Raises:
            BadAnswerError: a line is not `key=value`.

        """
        self._pairs: list[tuple[str, str]] = []
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            if not line:
                continue
            if not equals or not key or " " in key:
                raise BadAnswerError(f"not key=value: {line[:60]!r}")
            self._pairs.append((key, value))
            if not value.isprintable() and key not in WORDS_FOR_PEOPLE:
                raise BadAnswerError(f"{key[:40]!r} has a value that cannot be shown")
        self._last: Mapping[str, str] = dict(self._pairs)

    def text(self, key: str) -> str:
        """Return a value that must be there.

        Raises:
            BadAnswerError: there is none.

        """
        value = self._last.get(key)
        if not value:
            raise BadAnswerError(f"no {key}")
        return value

    def maybe(self, key: str) -> str | None:
        """Return a value, or None where it is missing or says that there is none."""
        value = self._last.get(key, "")
        return None if value in NONE_WORDS else value

    def word(self, key: str) -> str:
        """Return one word that must be there: a name or an id, which may stand in the resource and in orders.

        Raises:
            BadAnswerError: there is none, or something else.

        """
        return one_word(self.text(key), key=key)

    def maybe_word(self, key: str) -> str | None:
        """Return one word, or None where it is missing or says that there is none."""
        value = self.maybe(key)
        return None if value is None else one_word(value, key=key)

    def every(self, key: str) -> tuple[str, ...]:
        """Return all values of a repeated key, in order."""
        return tuple(value for name, value in self._pairs if name == key)

    def starting(self, prefix: str) -> tuple[tuple[str, str], ...]:
        """Return what stands under keys with a prefix, without it, the last of each."""
        return tuple((key.removeprefix(prefix), value) for key, value in self._last.items() if key.startswith(prefix))

    def whole(self, key: str) -> int | None:
        """Return a whole number that is not negative, or None where there is none."""
        value = self.maybe(key)
        return None if value is None or value == "unknown" else whole_number(value, key=key)

    def seconds(self, key: str) -> float | None:
        """Return a duration, or None where it is missing or not known."""
        value = self.maybe(key)
        if value is None or value == "unknown":
            return None
        try:
            seconds = float(value)
        except ValueError:
            raise BadAnswerError(f"{key}={value[:40]!r} is no duration") from None
        if not 0 <= seconds < float("inf"):
            raise BadAnswerError(f"{key}={value[:40]!r} is no duration")
        return seconds

    def yes(self, key: str) -> bool:
        """Return a yes or no; a missing one is no.

        Raises:
            BadAnswerError: it is something else.

        """
        value = self._last.get(key, "no")
        if value not in ("yes", "no"):
            raise BadAnswerError(f"{key}={value[:40]!r} is neither yes nor no")
        return value == "yes"


def whole_number(value: str, *, key: str) -> int:
    """Return a whole number that is not negative.

    Raises:
        BadAnswerError: it is something else.

    """
    if not (value.isascii() and value.isdigit()) or len(value) > MOST_DIGITS:
        raise BadAnswerError(f"{key}={value[:40]!r} is no number")
    return int(value)


def one_word(value: str, *, key: str) -> str:
    """Return a name or an id.

    Raises:
        BadAnswerError: it is something else.

    """
    if not _WORD.fullmatch(value):
        raise BadAnswerError(f"{key}={value[:40]!r} is no word")
    return value


def lines_or_none(text: str) -> Lines | None:
    """Return the lines, or None where they cannot be read; for messages that may be anything."""
    try:
        return Lines(text)
    except BadAnswerError:
        return None


def outcome_of(answer: Completed | Unknown, *, what: str, refusals: Mapping[str, Reason], otherwise: Reason) -> Outcome:
    """Return what a program's answer means, with its lines as facts where it is done.

    `refusals` gives the reason for each refusing word, `otherwise` the one for every other word.
    """
    if isinstance(answer, Unknown):
        return Failed(answer.reason, f"{what}: {answer.message}")
    lines = lines_or_none(answer.stdout)
    if lines is None:
        return Failed(Reason.BAD_ANSWER, f"{what}: {shortened(answer)}")
    said = printable(lines.maybe("message") or "", longest=MESSAGE_CHARACTERS)
    message = f"{what}: {said or shortened(answer)}"
    match answer.exit_status:
        case 0:
            return Done(dict(lines.starting("")))
        case 10:
            word = lines.maybe("refused") or ""
            return Refused(refusals.get(word, otherwise), message, remote_reason=word)
        case 11:
            word = lines.maybe("unknown") or ""
            if word not in STATE_WORDS:
                return Failed(Reason.COMMAND_FAILED, message)
            return Refused(Reason.STATE_LOST, message, remote_reason=word)
        case 13:
            return Refused(Reason.GUARD_ABSENT, f"{what}: the guard is not installed")
        case _:
            return Failed(Reason.COMMAND_FAILED, message)


def shortened(answer: Completed) -> str:
    """Return what a command printed, as one short line for a person."""
    text = printable(f"{answer.stderr} {answer.stdout}", longest=MESSAGE_CHARACTERS)
    return (text or "it printed nothing") + f" (status {answer.exit_status})"
