"""Writes Argo CD's configuration for pairs from the scripts beside it, so that neither is copied by hand.

python -m support.argocd_cm
"""

from __future__ import annotations

import sys
from typing import Any

import yaml

from support.manifests import EXAMPLES

FOLDER = EXAMPLES / "gitops" / "argocd"
SCRIPTS = FOLDER / "maestropair.dev" / "MaestroPair"
CONFIGURATION = FOLDER / "argocd-cm.yaml"
ACTIONS = ("pause", "resume", "acknowledge", "hand-back", "retry")
PREFIX = "resource.customizations"
KIND = "maestropair.dev_MaestroPair"
HEAD = "# Made by tests/support/argocd_cm.py from the scripts beside it. Merge it into Argo CD's ConfigMap argocd-cm.\n"
PEOPLES_WORDS = """jsonPointers:
  - /spec/answers
  - /spec/detection/maintenanceUntil
"""


class _Text(str):
    """A text that is written as a block."""

    __slots__ = ()


def _block(dumper: yaml.SafeDumper, text: _Text) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


class _Dumper(yaml.SafeDumper):
    """Writes scripts as blocks."""


_Dumper.add_representer(_Text, _block)


def configuration() -> str:
    """Returns what the ConfigMap has to be."""
    actions: dict[str, Any] = {
        "discovery.lua": _Text((SCRIPTS / "actions" / "discovery.lua").read_text()),
        "definitions": [
            {"name": name, "action.lua": _Text((SCRIPTS / "actions" / name / "action.lua").read_text())}
            for name in ACTIONS
        ],
    }
    data = {
        f"{PREFIX}.health.{KIND}": _Text((SCRIPTS / "health.lua").read_text()),
        f"{PREFIX}.actions.{KIND}": _Text(_dumped(actions)),
        # What a person said beside Git is not taken away again before it was heard.
        f"{PREFIX}.ignoreDifferences.{KIND}": _Text(PEOPLES_WORDS),
    }
    meta = {"name": "argocd-cm", "namespace": "argocd"}
    return HEAD + _dumped({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})


def _dumped(value: object) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True))


def main() -> int:
    """Writes the ConfigMap anew."""
    CONFIGURATION.write_text(configuration())
    return 0


if __name__ == "__main__":
    sys.exit(main())
