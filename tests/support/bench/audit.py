"""The writes of pairs, as the API server's own audit log has them: which pair, and what of its status became another.

Raw evidence: read by code that imports nothing of what wrote.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PAIRS = "maestropairs"
VERBS = frozenset({"create", "update", "patch", "delete"})
MOST_FIELDS = 5


def writes(log: Path | None) -> list[str]:
    """Returns a line for every write of a pair: its name, the verb and the fields of its status that changed.

    Raises:
        ValueError: the API server keeps no audit log.

    """
    if log is None:
        raise ValueError("the API server keeps no audit log: its writes cannot be told")
    found, last = [], dict[str, Any]()
    with log.open() as lines:
        for line in lines:
            entry = json.loads(line)
            about = entry.get("objectRef", {})
            if entry["stage"] != "ResponseComplete" or entry["verb"] not in VERBS or about.get("resource") != PAIRS:
                continue
            became = entry.get("responseObject", {})
            name, status = became.get("metadata", {}).get("name", ""), became.get("status", {})
            changed = list(_changed(last.get(name, {}), status, ""))
            last[name] = status
            found.append(f"{name} {entry['verb']} {' '.join(changed[:MOST_FIELDS])}".strip())
    return found


def _changed(before: Any, after: Any, path: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _changed(before.get(name), after.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changed(one, other, f"{path}[{_title(one, number)}]")
    elif before != after:
        yield path


def _title(item: Any, number: int) -> str | int:  # noqa: ANN401
    """Returns what an item of a list is called, or its place."""
    named: Mapping[str, Any] = item if isinstance(item, dict) else {}
    return str(named.get("type") or named.get("name") or number)
