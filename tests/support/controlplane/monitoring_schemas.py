"""The schemas of prometheus-operator, as its own release has them: downloaded as a Go module, held to go.sum."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from support.controlplane.build import GoBuilder
from support.controlplane.cache import cache_root
from support.controlplane.errors import BuildError
from support.controlplane.programs import print_progress
from support.controlplane.toolset import Toolset

RELEASE = "v0.85.0"
SOURCE = Toolset("monitoring", RELEASE, Path(__file__).resolve().parent / "go_monitoring", tools=())
PACKAGE = "github.com/prometheus-operator/prometheus-operator"
KINDS = ("podmonitors", "prometheusrules", "servicemonitors")
DOWNLOAD_SECONDS = 300


def monitoring_schemas() -> list[Path]:
    """Returns the definitions of the kinds that the chart makes.

    Raises BuildError where the release cannot be had, or is not what go.sum says.
    """
    go = GoBuilder(root=cache_root(os.environ), report=print_progress, environ=os.environ).go(SOURCE)
    done = subprocess.run(
        [go, "mod", "download", "-json", PACKAGE],
        cwd=SOURCE.module,
        env={**os.environ, "GOFLAGS": "", "GOWORK": "off"},
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"downloading {PACKAGE} failed:\n{done.stdout[-500:]}{done.stderr[-500:]}")
    folder = Path(json.loads(done.stdout)["Dir"]) / "example" / "prometheus-operator-crd"
    return [folder / f"monitoring.coreos.com_{kind}.yaml" for kind in KINDS]
