"""A command as it is sent to a node, and what it prints as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.transport.together import term_and_kill

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncssh

OUTPUT_LIMIT_BYTES = 1024 * 1024
SHORT_CHARACTERS = 80


def as_root(argv: Sequence[str], *, left_seconds: float) -> tuple[str, ...]:
    """Return the command as root, killed on the node before `left_seconds` are over.

    `timeout` runs below sudo: a user's own could not signal what runs as root.
    """
    return ("sudo", "-n", *bounded(argv, left_seconds=left_seconds))


def bounded(argv: Sequence[str], *, left_seconds: float) -> tuple[str, ...]:
    """Return the command, killed where it runs before `left_seconds` are over."""
    term_after, kill_after = term_and_kill(left_seconds)
    return ("timeout", "-k", f"{kill_after:.2f}", f"{term_after:.2f}", *argv)


async def collected(process: asyncssh.SSHClientProcess[bytes], reader: asyncssh.SSHReader[bytes]) -> bytes | None:
    """Return all that comes, or None, with the channel closed, where it is more than may be believed."""
    found = bytearray()
    while chunk := await reader.read(65536):
        found += chunk
        if len(found) > OUTPUT_LIMIT_BYTES:
            process.close()
            return None
    return bytes(found)


def short(argv: Sequence[str]) -> str:
    """Return a command's first words: the rest may be a script."""
    text = " ".join(word for word in argv[:4] if "\n" not in word)
    return text if len(text) <= SHORT_CHARACTERS else f"{text[:SHORT_CHARACTERS]}..."
