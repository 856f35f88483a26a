"""Makes the chart's copy of the CRD from crds/, or says that it is not what it would make.

    python -m support.sync_chart_crd [--check]

The chart carries the CRD as a template, because helm never upgrades what lies in a chart's own crds folder; the
annotation keeps it, and with it every pair, when the release is removed.
"""

from __future__ import annotations

import sys

from support.manifests import CHART, CRD_PATH

COPY = CHART / "templates" / "crd.yaml"
NAMED = "metadata:\n  name: maestropairs.maestropair.dev\n"
KEPT = f"""{NAMED}  labels:
    {{{{- include "maestro-operator.labels" . | nindent 4 }}}}
  annotations:
    # Removing the release leaves the definition, and with it every pair and its status.
    helm.sh/resource-policy: keep
"""
HEAD = """{{- /* Made from crds/ by tests/support/sync_chart_crd.py; change it there. */ -}}
{{- if .Values.crds.install }}
"""
TAIL = "{{- end }}\n"


def chart_copy() -> str:
    """Returns what the chart's template has to be."""
    text = CRD_PATH.read_text()
    body = text[text.index("apiVersion:") :]
    if body.count(NAMED) != 1:
        raise ValueError(f"{CRD_PATH} cannot stand in a template as it is: it has no plain metadata")
    # Braces of the definition's own are text, not the template's.
    return HEAD + body.replace("{{", '{{ "{{" }}').replace(NAMED, KEPT) + TAIL


def main(words: list[str]) -> int:
    """Writes the copy, or with --check compares it; returns the exit code."""
    wanted = chart_copy()
    if words == ["--check"]:
        if COPY.read_text() == wanted:
            return 0
        print(f"{COPY} is not made from {CRD_PATH}: run python -m support.sync_chart_crd", file=sys.stderr)
        return 1
    COPY.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
