"""Puts the stand-in on a node: programs, units and configuration, and its first data.

Units are installed disabled and nothing is started: who may start them is what the tests are about.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

PUBLIC_NAME = "maestro.example.org"
LIVE = "/srv/maestro"
SERVICES = ("maestro-db.service", "maestro.service")
"""The units in start order; the reverse order stops them."""
PROGRAMS = "/usr/local/lib/maestro-standin"
CONFIGURATION = "/etc/maestro-standin/maestro.conf"
MAIL = "/etc/maestro-standin/mail.json"
GUARD = "/usr/local/lib/maestro-guard/maestro-guard"
SCRIPT_SECONDS = 60.0
HERE = Path(__file__).parent


class Ran(Protocol):
    """How a script on a machine ended."""

    @property
    def return_code(self) -> int:
        """Its exit code."""

    @property
    def stderr(self) -> bytes:
        """What it complained of."""


class Node(Protocol):
    """What is asked of a machine the stand-in is put on."""

    def run(self, script: str, *, timeout_seconds: float) -> Ran:
        """Run a shell script as root."""

    def push(self, path: str, content: bytes, *, mode: int) -> None:
        """Write a file, making the folders above it."""


class NotInstalledError(Exception):
    """A script of the installation failed on the node; the message is what it complained of."""


def install(node: Node, *, name: str, public_name: str = PUBLIC_NAME, mail: Mapping[str, str] | None = None) -> None:
    """Put programs, units and configuration on a node that calls itself `name`; with `mail`, mailings too."""
    # The packages around the application stay empty there: a node gets nothing of the tests.
    for package in ("support", "support/standin"):
        node.push(f"{PROGRAMS}/{package}/__init__.py", b"", mode=0o644)
    for source in sorted((HERE / "app").glob("*.py")):
        node.push(f"{PROGRAMS}/support/standin/app/{source.name}", source.read_bytes(), mode=0o644)
    node.push(f"{PROGRAMS}/initialise.sh", (HERE / "units" / "initialise.sh").read_bytes(), mode=0o755)
    text = configuration(name=name, public_name=public_name) + (f"mail={MAIL}\n" if mail is not None else "")
    node.push(CONFIGURATION, text.encode(), mode=0o644)
    if mail is not None:
        set_mail(node, mail)
    for unit in SERVICES:
        node.push(f"/etc/systemd/system/{unit}", (HERE / "units" / unit).read_bytes(), mode=0o644)
    # Compiled once here, so that the first start is as fast as every other.
    _run(node, f"python3 -m compileall -q {PROGRAMS}/support && systemctl daemon-reload")


def set_mail(node: Node, mail: Mapping[str, str]) -> None:
    """Set what the mailings, the login and LISTSERV need; it is read at each use."""
    node.push(MAIL, json.dumps(dict(mail)).encode(), mode=0o600)


def initialise(node: Node) -> None:
    """Make the empty database and the empty files in /srv/maestro; data that is there stays."""
    _run(node, f"{PROGRAMS}/initialise.sh {LIVE}")


def configuration(
    *,
    name: str,
    public_name: str,
    files: str = f"{LIVE}/files",
    database_port: int = 5432,
    port: int = 80,
) -> str:
    """Return the text of the stand-in's configuration."""
    values = {
        "node": name,
        "files": files,
        "database_host": public_name,
        "database_port": database_port,
        "port": port,
        "guard": GUARD,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _run(node: Node, script: str) -> None:
    ran = node.run(script, timeout_seconds=SCRIPT_SECONDS)
    if ran.return_code != 0:
        raise NotInstalledError(f"{script}: {ran.stderr.decode(errors='replace').strip()}")
