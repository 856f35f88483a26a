"""What the operator carries for its nodes: the guard's programs and units, and its own short scripts."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LIBRARY = "usr/local/lib/maestro-guard"
CONFIGURATION = "etc/maestro-guard"
UNITS = "etc/systemd/system"
GUARD = f"/{LIBRARY}/maestro-guard"
BUNDLE = f"{LIBRARY}/bundle"
"""The fingerprint of everything that was installed; it is written last."""
REPLICA = f"/{LIBRARY}/maestro-replica"
_UNIT_SUFFIXES = (".service", ".timer", ".socket", ".path", ".target")
_PACKAGE = "maestro_operator.transport"


@dataclass(frozen=True, slots=True)
class NodeFile:
    """One file as it shall lie on a node; the path is below the node's root, without the first slash."""

    path: str
    content: bytes
    mode: int = 0o644


@cache
def remote_script(name: str) -> str:
    """Return one of the short scripts that are sent with each call and never stay on a node."""
    return files(_PACKAGE).joinpath("remote", f"{name}.sh").read_text(encoding="utf-8")


def scripted(name: str, *words: str) -> tuple[str, ...]:
    """Return the command that runs a script on a node with these words, on its real root."""
    return ("sh", "-c", remote_script(name), f"maestro-{name}", "", *words)


@cache
def program_files() -> tuple[NodeFile, ...]:
    """Return the guard's programs and units, the same for every pair."""
    found = [NodeFile(f"{LIBRARY}/{name}", remote_script(name).encode(), 0o755) for name in ("gate", "release")]
    for item in sorted(files(_PACKAGE).joinpath("node").iterdir(), key=lambda item: item.name):
        if not item.is_file() or item.name.endswith((".py", ".md", ".pyc")):
            continue
        content = item.read_bytes()
        if item.name.endswith(_UNIT_SUFFIXES):
            found.append(NodeFile(f"{UNITS}/{item.name}", content))
        elif item.name.endswith(".conf"):
            found.append(NodeFile(f"{LIBRARY}/gate.conf", content))
        else:
            mode = 0o755 if content.startswith(b"#!") else 0o644
            found.append(NodeFile(f"{LIBRARY}/{item.name}", content, mode))
    return tuple(found)


def fingerprint(nodefiles: Sequence[NodeFile]) -> str:
    """Return one word for the files: equal files, equal word."""
    return hashlib.sha256(archive(nodefiles)).hexdigest()


def archive(nodefiles: Sequence[NodeFile]) -> bytes:
    """Return the files as a tar in which equal files give equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in nodefiles:
            entry = tarfile.TarInfo(file.path)
            entry.size, entry.mode = len(file.content), file.mode
            tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()
