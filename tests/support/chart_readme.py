"""Writes the chart's README from its values, or says that it is not what they say.

    python -m support.chart_readme

A comment above a value says what it is for; a comment at the head of a group stands above the group's values.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import yaml

from support.manifests import CHART

if TYPE_CHECKING:
    from collections.abc import Iterator

README = CHART / "README.md"
WHOLE = ("resources",)
"""Values that are mappings themselves."""
HEAD = """# maestro-operator

Installs the operator for `MaestroPair`: two servers outside Kubernetes, of which exactly one may be active.

```sh
helm install maestro-operator ./charts/maestro-operator --namespace maestro-system --create-namespace \\
  --set 'rbac.secrets[0].namespace=maestro'
```

- The definition of `MaestroPair` is a template of the chart, so an upgrade of the release upgrades it, and it is kept
  when the release is removed, and with it every pair and its status.
- An upgrade or a removal stops nothing on the nodes. While no operator runs nothing fails over.
- The operator gets Secrets by name alone, or in the namespaces that `rbac.secrets` names; it may list none anywhere.
- The pod is admitted where the Pod Security standard `restricted` is enforced.
- Four roles for people are made and bound to nobody: viewer, pair-operator, fencer, pair-admin.

## Values

Made from `values.yaml` by `python -m support.chart_readme`; `values.schema.json` refuses every other name.

| Value | Default | Meaning |
|---|---|---|
"""


def chart_readme() -> str:
    """Returns what the README has to be."""
    text = (CHART / "values.yaml").read_text()
    values = yaml.safe_load(text)
    return HEAD + "\n".join(_rows(text, values)) + "\n"


def _rows(text: str, values: object) -> Iterator[str]:
    """Gives one row a value, with the comment right above it; a group gives its values."""
    way: list[str] = []
    said: list[str] = []
    for line in text.splitlines():
        comment = re.match(r"\s*# ?(.*)", line)
        if comment:
            said.append(comment[1])
            continue
        found = re.match(r"( *)([A-Za-z]+):(.*)", line)
        if not found:
            said = [] if not line.strip() else said
            continue
        depth = len(found[1]) // 2
        way = [*way[:depth], found[2]]
        value = _at(values, way)
        if way[0] in WHOLE and depth:
            continue
        if isinstance(value, dict) and value and not found[3].strip() and way[0] not in WHOLE:
            continue
        yield f"| `{'.'.join(way)}` | `{json.dumps(value)}` | {_sentence(said)} |"
        said = []


def _at(values: object, way: list[str]) -> object:
    for name in way:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _sentence(said: list[str]) -> str:
    prose = [line for line in said if line and not line.startswith(" ")]
    return " ".join(prose).replace("|", "\\|") or "As Kubernetes has it, or as its name says."


def main() -> int:
    """Writes the README anew."""
    README.write_text(chart_readme())
    return 0


if __name__ == "__main__":
    sys.exit(main())
