"""kind-config.yaml as the real kind takes it: no container engine is needed to see whether it can be read."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from support.report import ROOT, Claim

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ROOT / "kind-config.yaml"
ANSWER_SECONDS = 60
READS = ("unable to decode config", "unknown field", "invalid configuration", "is not a valid node role")
ENGINE = "executable file not found"
"""What kind says once it has read everything and looks for its engine, which no PATH has."""
SPOILT = {
    "a field that there is none of": ("kind: Cluster\n", "kind: Cluster\nnodez: []\n"),
    "a version that there is none of": ("x-k8s.io/v1alpha4", "x-k8s.io/v1alpha9"),
}


def said(kind: Path, text: str, *, folder: Path) -> str:
    """Returns what kind says of a configuration on a machine without an engine."""
    path = folder / "kind-config.yaml"
    path.write_text(text)
    done = subprocess.run(
        [str(kind), "create", "cluster", "--name", "read-only", "--config", str(path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "/nonexistent", "HOME": str(folder), "KIND_EXPERIMENTAL_PROVIDER": "docker"},
        timeout=ANSWER_SECONDS,
    )
    return done.stderr


def claim(kind: Path, *, folder: Path) -> Claim:
    """Returns whether kind reads the configuration, and refuses it where it is spoilt."""
    text = CONFIG.read_text()
    good = said(kind, text, folder=folder)
    bad = {name: said(kind, text.replace(*change, 1), folder=folder) for name, change in SPOILT.items()}
    is_read = ENGINE in good and not any(word in good for word in READS)
    refused = [name for name, words in bad.items() if ENGINE not in words]
    measured = f"{'read' if is_read else 'refused'}; refused with {', '.join(refused) or 'nothing'}"
    shown = tuple(f"{name}: {words.strip().splitlines()[-1] if words.strip() else ''}" for name, words in bad.items())
    return Claim(
        "kind-reads-its-configuration",
        is_read and len(refused) == len(SPOILT),
        measured,
        "read, and refused when spoilt",
        (good.strip()[-200:], *shown),
    )
