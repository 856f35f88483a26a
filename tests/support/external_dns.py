"""The published definition of DNSEndpoint, taken from external-dns's own Go module and held to its sum."""

import json
import os
import subprocess
from pathlib import Path

from support.controlplane.build import GoBuilder
from support.controlplane.cache import cache_root
from support.controlplane.programs import print_progress
from support.controlplane.toolset import CONTROL_PLANE

MODULE = "sigs.k8s.io/external-dns@v0.18.0"
SUM = "h1:JFzFpbmRRP6zs/sNOQvdhDfhfx2hXzlf67Wgb5IOTRQ="
DEFINITION = "charts/external-dns/crds/dnsendpoints.externaldns.k8s.io.yaml"
DOWNLOAD_SECONDS = 300


def definition(folder: Path) -> str:
    """Returns the definition as YAML; the folder is where Go is run."""
    builder = GoBuilder(root=cache_root(os.environ), report=print_progress, environ=os.environ)
    command = (builder.go(CONTROL_PLANE), "mod", "download", "-json", MODULE)
    done = subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    told = json.loads(done.stdout)
    if told["Sum"] != SUM:
        raise ValueError(f"{MODULE} has the sum {told['Sum']}, not {SUM}")
    return (Path(told["Dir"]) / DEFINITION).read_text()
