"""Secrets of a test's own making, looked for afterwards in everything that a run left behind.

Logs, statuses, events, metrics and process lists are collected as files in one folder; a secret that stands in
one of them, in any form a program would write it in, is a leak. What holds the secrets by design (the keys
folder, the API server's own data) is left out by name.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LEAST_LENGTH = 8
"""Shorter ones stand everywhere by chance."""
LINE_LENGTH = 40
"""A line of a private key that is this long is as good as the key."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One secret found where it may not be; the value itself is not repeated."""

    file: str
    secret: str
    """Its name."""
    form: str
    offset: int


def leaks(folder: Path, canaries: Mapping[str, str | bytes], *, without: Iterable[str] = ()) -> list[Leak]:
    """Returns every place below the folder where one of the secrets stands, in any of its forms.

    `without` names folders and files, relative to the folder, that hold secrets by design. Raises ValueError for
    a secret that is too short to be looked for, and where the folder holds nothing: that is no clean run.
    """
    wanted = {name: forms(_bytes(value)) for name, value in canaries.items()}
    short = [name for name, value in canaries.items() if len(_bytes(value)) < LEAST_LENGTH]
    if short or not wanted:
        raise ValueError(f"canaries that cannot be looked for: {', '.join(short) or 'none given'}")
    left_out = tuple(folder / item for item in without)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_below(path, left_out)]
    if not files:
        raise ValueError(f"nothing was collected in {folder}")
    return [leak for path in files for leak in _in_file(path, path.relative_to(folder), wanted)]


def forms(value: bytes) -> dict[str, bytes]:
    """Returns what a secret looks like in logs, JSON, URLs, Secrets and process lists."""
    text = value.decode(errors="surrogateescape").rstrip("\n")
    plain = text.encode(errors="surrogateescape")
    found = {
        "plain": plain,
        "base64": base64.b64encode(value),
        "base64 without its line end": base64.b64encode(plain),
        "hex": plain.hex().encode(),
        "in a URL": quote(text, safe="", errors="surrogateescape").encode(),
        "in JSON": json.dumps(text)[1:-1].encode(),
    }
    for number, line in enumerate(plain.splitlines(), start=1):
        if len(line) >= LINE_LENGTH and not line.startswith(b"-----"):
            found[f"line {number}"] = line
    return found


def process_list(proc: Path = Path("/proc")) -> str:
    """Returns the arguments and the environment of every process there is now, as `ps auxwwe` would show them."""
    lines = []
    for folder in sorted(proc.iterdir()):
        if not folder.name.isdecimal():
            continue
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            environment = (folder / "environ").read_bytes().replace(b"\0", b" ")
        except OSError:
            # It has ended, or is somebody else's.
            continue
        lines.append(f"{folder.name} {(words + b' | ' + environment).decode(errors='backslashreplace')}")
    return "\n".join(lines) + "\n"


def _in_file(path: Path, name: Path, wanted: Mapping[str, Mapping[str, bytes]]) -> Iterator[Leak]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for secret, shapes in wanted.items():
        for form, shape in shapes.items():
            offset = content.find(shape)
            if offset >= 0:
                yield Leak(str(name), secret, form, offset)
                break


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
