"""What tests/evidence.toml declares: which reports are committed, what makes each, and which claims it must hold."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.report import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = ROOT / "tests" / "evidence.toml"
LIST_SECONDS = 60.0


class DeclarationError(Exception):
    """tests/evidence.toml says something that cannot be meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One committed report."""

    report: str
    """The name of the file in evidence/, without `.json`; the command leaves it in build/."""
    command: str
    """What makes it anew."""
    depends: tuple[str, ...]
    """The paths whose change makes it stale."""
    cells: tuple[str, ...] = ()
    """The ids of the claims that must be in it."""
    cells_from: str = ""
    """A Python module (with arguments) that prints more of these ids, one a line: the code that knows them."""

    def expected(self) -> tuple[str, ...]:
        """Return the ids of all claims that must be there; DeclarationError where the module cannot say."""
        if not self.cells_from:
            return self.cells
        try:
            listed = subprocess.run(
                [sys.executable, "-m", *shlex.split(self.cells_from)],
                check=True,
                capture_output=True,
                text=True,
                timeout=LIST_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DeclarationError(f"{self.report}: the cells could not be listed: {error}") from error
        return (*self.cells, *listed.stdout.split())


def read(path: Path = DECLARED) -> tuple[Declared, ...]:
    """Return what is declared; DeclarationError for a file that cannot be meant."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := set(document) - {"evidence"}:
        raise DeclarationError(f"{path}: unknown table {sorted(unknown)}; only [[evidence]] is known")
    return tuple(_one(entry, where=str(path)) for entry in document.get("evidence", ()))


def _one(entry: dict[str, Any], *, where: str) -> Declared:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    try:
        declared = Declared(**values)
    except TypeError as error:
        raise DeclarationError(f"{where}: {entry.get('report', 'without a name')}: {error}") from error
    if not declared.cells and not declared.cells_from:
        raise DeclarationError(f"{where}: {declared.report}: give cells or cells_from")
    return declared
