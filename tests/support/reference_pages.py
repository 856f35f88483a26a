"""Writes the pages of the reference that are made from the schema and the code, or says that they are not as made.

python -m support.reference_pages
"""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from maestro_operator.model.reasons import Reason
from maestro_operator.report.backups import backup_fresh
from maestro_operator.report.conditions import CONDITIONS
from maestro_operator.report.verified import verified
from maestro_operator.report.versions import versions_match
from support.manifests import ROOT, schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REFERENCE = ROOT / "docs" / "reference"
MADE = "Made by `python -m support.reference_pages`; a test holds it to that."
TOLD_ELSEWHERE = {"Verified": verified, "BackupFresh": backup_fresh, "VersionsMatch": versions_match}
"""Conditions whose function takes less than all that is known; theirs has the words."""
SPEC_HEAD = f"""# Every field of a MaestroPair's spec

{MADE} The same words are in `kubectl explain mp.spec --recursive`.
A field marked *needed* has no default; what the API server refuses beyond a field's type is said at the end of each
part, in the words of the refusal.
"""
CONDITIONS_HEAD = f"""# Conditions and reasons

{MADE}
Every condition is there from the first turn, `Unknown` with a reason where nothing is known. A reason is the same word
in conditions, events, metrics, log lines and runbooks.

## Conditions

| Condition | `True` says |
|---|---|
"""
REASONS_HEAD = """
## Reasons

| Reason | What it means, and the way out |
|---|---|
"""


def pages() -> Mapping[str, str]:
    """Returns what each made page has to be, by its name."""
    return {"spec.md": spec_page(), "conditions.md": conditions_page()}


def conditions_page() -> str:
    """Returns the page of every condition and every reason."""
    words = {name: inspect.getdoc(TOLD_ELSEWHERE.get(name, told)) or "" for name, told in CONDITIONS.items()}
    rows = [f"| `{name}` | {_cell(text.partition('. ')[0])} |" for name, text in words.items()]
    reasons = [f"| `{reason.value}` | {_cell(reason.meaning)} |" for reason in Reason]
    return CONDITIONS_HEAD + "\n".join(rows) + "\n" + REASONS_HEAD + "\n".join(reasons) + "\n"


def spec_page() -> str:
    """Returns the page of every field, a part for each field of the spec."""
    spec = schema()["properties"]["spec"]
    needed = spec.get("required", ())
    parts = [_part(name, found, is_needed=name in needed) for name, found in spec["properties"].items()]
    return "\n".join([SPEC_HEAD, *parts])


def _part(name: str, found: Mapping[str, Any], *, is_needed: bool) -> str:
    rows = [*_rows(name, found, is_needed=is_needed)]
    refusals = [*dict.fromkeys(_refusals(found))]
    told = ["", "Refused:", "", *(f"- {text}" for text in refusals)] if refusals else []
    return "\n".join([f"## {name}", "", "| Field | Type | Meaning |", "|---|---|---|", *rows, *told, ""])


def _rows(path: str, found: Mapping[str, Any], *, is_needed: bool) -> Iterator[str]:
    needed = " *needed*" if is_needed else ""
    default = f" Default `{json.dumps(found['default'])}`." if "default" in found else ""
    yield f"| `{path}` | {_type(found)}{needed} | {_cell(found.get('description', ''))}{default} |"
    inner = found.get("items", found) if found.get("type") == "array" else found
    below = f"{path}[]" if inner is not found else path
    for name, child in inner.get("properties", {}).items():
        yield from _rows(f"{below}.{name}", child, is_needed=name in inner.get("required", ()))


def _type(found: Mapping[str, Any]) -> str:
    kind = str(found.get("type", "any"))
    if kind == "array":
        return f"list of {_type(found['items'])}"
    if "enum" in found:
        return " or ".join(f"`{value}`" for value in found["enum"])
    least, most = found.get("minimum"), found.get("maximum")
    return f"{kind}, {least} to {most}" if least is not None and most is not None else kind


def _refusals(found: Mapping[str, Any]) -> Iterator[str]:
    for rule in found.get("x-kubernetes-validations", ()):
        yield _cell(rule["message"])
    for child in found.get("properties", {}).values():
        yield from _refusals(child)
    if isinstance(found.get("items"), dict):
        yield from _refusals(found["items"])


def _cell(text: str) -> str:
    """Returns a text on one line in which no character begins a cell or a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    """Writes each page."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)


if __name__ == "__main__":
    main()
