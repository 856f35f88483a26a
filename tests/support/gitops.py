"""The samples for tools of Git, what the page says that each tool makes of them, and kstatus' generic reading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from support.argocd_cm import SCRIPTS
from support.manifests import EXAMPLES, ROOT

if TYPE_CHECKING:
    from support.manifests import Manifest

PAGE = ROOT / "docs" / "how-to" / "gitops.md"
FLUX = EXAMPLES / "gitops" / "flux" / "kustomization.yaml"
OVERLAY = EXAMPLES / "gitops" / "overlays" / "site-a"


def samples() -> dict[str, Manifest]:
    """Returns every sample by its name."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((SCRIPTS / "testdata").glob("*.yaml"))}


def table() -> dict[str, tuple[str, str, str]]:
    """Returns what the page says of each sample: Argo CD, Flux, kstatus."""
    rows = re.findall(r"^\| ([a-z-]+) \| (\w+) \| ([\w-]+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    return {name: (argo, flux, generic) for name, argo, flux, generic in rows}


def expressions() -> dict[str, str]:
    """Returns Flux' three expressions."""
    (exprs,) = yaml.safe_load(FLUX.read_text())["spec"]["healthCheckExprs"]
    return {name: str(exprs[name]) for name in ("failed", "inProgress", "current")}


def kstatus(obj: Manifest) -> str:
    """Returns the generic status of a resource, by the rules that kstatus documents for any kind."""
    meta, status = obj["metadata"], obj.get("status") or {}
    if meta.get("deletionTimestamp"):
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != meta.get("generation"):
        return "InProgress"
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    for item in conditions:
        if item["status"] == "True" and item["type"] in ("Reconciling", "Stalled"):
            return "InProgress" if item["type"] == "Reconciling" else "Failed"
    ready = next((item for item in conditions if item["type"] == "Ready"), None)
    return "InProgress" if ready is not None and ready["status"] != "True" else "Current"
