"""Says of each committed report whether it is whole, and whether what it tested is what is here.

The law of this file: a report that is missing, that failed, or that lacks a declared cell fails; one that tested an
older tree is said, and does not.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.evidence.declared import DeclarationError

if TYPE_CHECKING:
    from pathlib import Path

    from support.evidence.declared import Declared

DIRTY = "-dirty"


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be said of one report."""

    report: str
    fault: str = ""
    """Why it fails; empty when it is whole."""
    stale: str = ""
    """Why it says nothing of this tree; empty when it does."""
    cells: int = 0

    def line(self) -> str:
        """Return the one line a reader gets."""
        if self.fault:
            return f"FAILED {self.report}: {self.fault}"
        if self.stale:
            return f"stale  {self.report}: {self.cells} cells; {self.stale}"
        return f"ok     {self.report}: {self.cells} cells, of this code"


def check(declared: Declared, *, folder: Path, repository: Path) -> Found:
    """Look at one report."""
    path = folder / f"{declared.report}.json"
    try:
        document = json.loads(path.read_text())
        claims = {claim["id"]: claim["ok"] for claim in document["claims"]}
        expected = declared.expected()
    except FileNotFoundError:
        return Found(declared.report, fault=f"is not there; `{declared.command}` makes it")
    except (ValueError, KeyError, TypeError) as error:
        return Found(declared.report, fault=f"cannot be read: {error!r}")
    except DeclarationError as error:
        return Found(declared.report, fault=str(error))
    if missing := [cell for cell in expected if cell not in claims]:
        return Found(declared.report, fault=f"lacks {', '.join(missing[:5])}; `{declared.command}` makes it anew")
    if failed := [cell for cell, ok in claims.items() if not ok] or ([] if document.get("ok") else ["the whole"]):
        return Found(declared.report, fault=f"failed: {', '.join(failed[:5])}")
    return Found(declared.report, stale=_stale(declared, document, repository), cells=len(claims))


def _stale(declared: Declared, document: dict[str, Any], repository: Path) -> str:
    """Return why the tested tree is not this one as far as the report depends on it, or nothing."""
    tree = str(document.get("tree", "unknown"))
    if tree.endswith(DIRTY):
        return f"it tested changes on top of tree {tree[:12]}"
    command = ["git", "-C", str(repository), "diff", "--name-only", tree, "HEAD", "--", *declared.depends]
    try:
        changed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return f"tree {tree[:12]} is not in this clone"
    return f"{len(changed)} files it depends on changed since tree {tree[:12]}" if changed else ""
