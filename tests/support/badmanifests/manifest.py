"""One file of examples/bad: what is wrong with it, and what must be said of it.

A header of comments, `# word: text`, and one or more objects. The last object is the bad one; those before it are
good and are applied first, as another pair or as the same one before the change.

Run as a program it prints the id of the claim about each, one a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from support.manifests import EXAMPLES, Manifest

if TYPE_CHECKING:
    from pathlib import Path

BAD = EXAMPLES / "bad"
API, OPERATOR = "api", "operator"
NEEDED = ("wrong", "field", "reason", "remedy", "refused-by")
OPTIONAL = ("nodes", "subresource")


class HeaderError(Exception):
    """A file does not say what is expected of it."""


@dataclass(frozen=True, slots=True)
class BadManifest:
    """What one file holds."""

    name: str
    field: str
    """Stands in the refusal."""
    reason: str
    """A word of the API server's refusal, or the reason of the condition, the event and the metric."""
    remedy: str
    """Stands in the refusal: what to write instead."""
    refused_by: str
    nodes: str
    """`cloned` where both nodes show one machine-id."""
    subresource: str
    before: tuple[Manifest, ...]
    bad: Manifest

    @property
    def claim(self) -> str:
        """Returns the id of the claim about it."""
        return f"refused:{self.name}"


def read_all(folder: Path = BAD) -> list[BadManifest]:
    """Returns every manifest of the folder, in the order of their names."""
    return [read(path) for path in sorted(folder.glob("*.yaml"))]


def read(path: Path) -> BadManifest:
    """Returns one manifest; raises HeaderError where it does not say what it is for."""
    text = path.read_text()
    header: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            break
        word, _, rest = line.removeprefix("# ").partition(": ")
        header[word] = rest.strip()
    missing = [word for word in NEEDED if not header.get(word)]
    strange = sorted(set(header) - {*NEEDED, *OPTIONAL})
    if missing or strange or header["refused-by"] not in (API, OPERATOR):
        raise HeaderError(f"{path.name}: missing {missing}, not known {strange}, refused-by is api or operator")
    *before, bad = [found for found in yaml.safe_load_all(text) if found]
    return BadManifest(
        name=path.stem,
        field=header["field"],
        reason=header["reason"],
        remedy=header["remedy"],
        refused_by=header["refused-by"],
        nodes=header.get("nodes", ""),
        subresource=header.get("subresource", ""),
        before=tuple(before),
        bad=bad,
    )


if __name__ == "__main__":
    print("\n".join(one.claim for one in read_all()))
