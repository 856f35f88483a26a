"""Reads JSON lines whose writer may have been killed in the middle of the last one."""

import json
from pathlib import Path
from typing import Any

from support.judge.evidence import EvidenceBrokenError


def read(path: Path) -> tuple[dict[str, Any], ...]:
    """Return every whole line; a torn last line is no evidence, a broken one before it is an error."""
    try:
        text = path.read_text()
    except OSError as problem:
        raise EvidenceBrokenError(f"{path}: {problem}") from problem
    whole, _, _ = text.rpartition("\n")
    objects: list[dict[str, Any]] = []
    for number, line in enumerate(whole.split("\n"), start=1):
        if line:
            objects.append(_parse(line, where=f"{path}:{number}"))
    return tuple(objects)


def _parse(line: str, *, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as problem:
        raise EvidenceBrokenError(f"{where}: {problem}") from problem
    if not isinstance(value, dict):
        raise EvidenceBrokenError(f"{where}: not an object")
    return value
