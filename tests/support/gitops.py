"""The samples for tools of Git, what the page says that each tool makes of them, and what kstatus says of them."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import yaml

from support.argocd_cm import SCRIPTS
from support.controlplane import obtain_programs
from support.manifests import EXAMPLES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.manifests import Manifest

PAGE = ROOT / "docs" / "how-to" / "gitops.md"
FLUX = EXAMPLES / "gitops" / "flux" / "kustomization.yaml"
OVERLAY = EXAMPLES / "gitops" / "overlays" / "site-a"
KSTATUS_SECONDS = 60


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


def kstatus(objects: Iterable[Manifest]) -> list[str]:
    """Returns what the real kstatus makes of each resource, in their order."""
    done = subprocess.run(
        [str(obtain_programs("kstatus")["kstatus"])],
        input="".join(json.dumps(one) + "\n" for one in objects),
        check=True,
        capture_output=True,
        text=True,
        timeout=KSTATUS_SECONDS,
    )
    return [str(json.loads(line)["status"]) for line in done.stdout.splitlines()]
