"""How a node that is no Linux is spoken to, and what is installed on it.

The law of this file: what decides is written once for every shell of a kind, and no value ever reaches a shell: on
Windows everything travels as JSON on standard input, behind a command line that is always the same. Nothing here was
ever run on the platform it is for; whoever uses it is told so (PlatformUnverified).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Platform
from maestro_operator.transport.bundle import BUNDLE, CONFIGURATION, LIBRARY, NodeFile, archive, fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE = "maestro_operator.transport"
_LAST_LINE = 'main "$@"\n'
DRIVE = "C:"
"""Where the paths of a spec lie on a Windows node."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One command as it is sent to a node."""

    argv: tuple[str, ...]
    stdin: bytes
    ends_itself: bool
    """It ends itself at its deadline and is sent as it is, without sudo and timeout around it."""


def _shipped(*place: str) -> str:
    return files(_PACKAGE).joinpath(*place).read_text(encoding="utf-8")


@cache
def solaris_guard() -> str:
    """Return the guard as it is installed on a Solaris node: Linux' own, what is Linux in it said anew at its end."""
    guard = _shipped("node", "maestro-guard")
    if not guard.endswith(_LAST_LINE):
        message = f"the guard does not end with {_LAST_LINE!r}"
        raise ValueError(message)
    return f"{guard.removesuffix(_LAST_LINE)}{_shipped('node', 'solaris', 'overrides.ksh')}{_LAST_LINE}"


@cache
def windows_guard() -> str:
    """Return the guard as it is installed on a Windows node."""
    return _shipped("node", "windows", "maestro-guard.ps1")


def guard_files(platform: Platform, configuration: str) -> tuple[NodeFile, ...]:
    """Return every file of a node that is no Linux; the last is the word for all."""
    if platform is Platform.SOLARIS:
        found: tuple[NodeFile, ...] = (
            NodeFile(f"{LIBRARY}/maestro-guard", solaris_guard().encode(), 0o755),
            NodeFile(
                "lib/svc/manifest/site/maestro-guard.xml", _shipped("node", "solaris", "maestro-guard.xml").encode()
            ),
            NodeFile(f"{CONFIGURATION}/config", configuration.encode(), 0o600),
        )
        return (*found, NodeFile(BUNDLE, f"{fingerprint(found)}\n".encode()))
    found = (
        NodeFile("maestro-guard.ps1", windows_guard().encode()),
        NodeFile("etc/config", configuration.encode(), 0o600),
    )
    return (*found, NodeFile("bundle", f"{fingerprint(found)}\n".encode()))


def spoken(
    platform: Platform, script: str, words: Sequence[str], *, seconds: float, nodefiles: Sequence[NodeFile] = ()
) -> Spoken:
    """Return the command that runs one of the platform's scripts with these words, and hands it these files."""
    if platform is Platform.SOLARIS:
        # What gives an order and what stops are the same as on Linux.
        place = ("remote", "solaris", f"{script}.sh") if script in ("observe", "equip") else ("remote", f"{script}.sh")
        argv = ("sh", "-c", _shipped(*place), f"maestro-{script}", "", *words)
        return Spoken(argv, archive(nodefiles) if nodefiles else b"", ends_itself=False)
    given = {
        "milliseconds": int(seconds * 1000),
        "script": _shipped("remote", "windows", f"{script}.ps1"),
        "words": list(words),
        "files": [{"name": item.path, "content": base64.b64encode(item.content).decode()} for item in nodefiles],
    }
    return Spoken(_powershell(), json.dumps(given).encode("ascii"), ends_itself=True)


@cache
def _powershell() -> tuple[str, ...]:
    """Return the one command line: what it runs comes on standard input, since cmd.exe takes only so long a line."""
    bootstrap = _shipped("remote", "windows", "bootstrap.ps1").strip()
    encoded = base64.b64encode(bootstrap.encode("utf-16-le")).decode()
    return ("powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded)


def name_there(unit: str) -> str:
    """Return what a service of the spec is called on such a node: its unit without what makes it one of systemd's."""
    return unit.removesuffix(".service")
