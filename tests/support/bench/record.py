"""The file of the results: figures beside their goals, the raw samples, and in what surroundings they were taken."""

from __future__ import annotations

import json
import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from support.bench.cost import Cost
from support.bench.crowd import INTERVAL_SECONDS, PERIOD_SECONDS
from support.bench.stage import LOAD_CORE, OPERATOR_CORE, WINDOW_SECONDS
from support.controlplane.toolset import KUBERNETES_VERSION
from support.report import ROOT, tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.bench.figures import Figure

BENCH = ROOT / "bench"
PACKAGES = ("kopf", "kubernetes", "aiohttp", "asyncssh", "pydantic")


def surroundings() -> Mapping[str, Any]:
    """Returns what a reader must know to judge the figures, and the load at this moment."""
    return {
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "processor": _processor()},
        "versions": {
            "python": platform.python_version(),
            "kubernetes-api": KUBERNETES_VERSION,
            **{name: metadata.version(name) for name in PACKAGES},
        },
        "configuration": {
            "periodSeconds": PERIOD_SECONDS,
            "intervalSeconds": INTERVAL_SECONDS,
            "windowSeconds": WINDOW_SECONDS,
            "operatorCore": OPERATOR_CORE,
            "loadCore": LOAD_CORE,
            "inMemory": "nodes, replication, devices, names and checks, at the drivers' ports",
            "real": "API server and etcd, the chart's rights, watch, Leases, admission, Secrets, HTTP probes",
        },
    }


def recorded(
    figures: Sequence[Figure], costs: Sequence[Cost], *, seconds: float, noise: Mapping[str, Any], folder: Path
) -> Mapping[str, Any]:
    """Writes the file below a folder and returns what is in it."""
    found = {
        "tree": tree(),
        "seconds": round(seconds, 1),
        **surroundings(),
        "noise": noise,
        "figures": [figure.as_line() for figure in figures],
        "fleets": [{**cost.as_line(), "period_seconds": PERIOD_SECONDS} for cost in costs],
    }
    path = folder / BENCH.name / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_short(found), indent=1) + "\n")
    return found


def _short(value: Any) -> Any:  # noqa: ANN401
    """Returns the same with numbers that a reader can read: five digits are more than was measured."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {word: _short(item) for word, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, (list, tuple)) else value


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - read line by line
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
