"""The tools that are built from source, and the exact things each build depends on."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent

KUBERNETES_VERSION = "v1.36.3"


@dataclass(frozen=True)
class Tool:
    """One program and the Go package it is built from."""

    name: str
    package: str


@dataclass(frozen=True)
class Toolset:
    """Programs that are built and kept together, from one Go module."""

    name: str
    version: str
    module: Path
    """The folder of go.mod and go.sum, and of a program of our own where there is one."""
    tools: tuple[Tool, ...]
    linker_flags: tuple[str, ...] = ("-s", "-w")

    def key(self) -> str:
        """Returns a name that changes with everything that goes into the binaries."""
        digest = hashlib.sha256()
        for path in (self.module / "go.mod", self.module / "go.sum", *sorted(self.module.glob("*.go"))):
            digest.update(path.read_bytes())
        for word in (*self.linker_flags, *(tool.name for tool in self.tools), platform.system(), platform.machine()):
            digest.update(word.encode() + b"\0")
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


CONTROL_PLANE = Toolset(
    name="control-plane",
    version=KUBERNETES_VERSION,
    module=_HERE / "go",
    tools=(
        Tool("etcd", "go.etcd.io/etcd/server/v3"),
        Tool("etcdctl", "go.etcd.io/etcd/etcdctl/v3"),
        Tool("etcdutl", "go.etcd.io/etcd/etcdutl/v3"),
        Tool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ),
    # Without a version kubectl cannot parse what the server answers.
    linker_flags=(
        "-s",
        "-w",
        f"-X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}",
        f"-X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES_VERSION}",
    ),
)

CHART_TOOLS = Toolset(
    name="chart",
    version="v3.22.0",
    module=_HERE / "go_chart",
    tools=(
        Tool("helm", "helm.sh/helm/v3/cmd/helm"),
        Tool("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
    ),
    # helm guesses the cluster's version from this when it renders without one.
    linker_flags=("-s", "-w", "-X helm.sh/helm/v3/internal/version.version=v3.22.0"),
)

KIND = Toolset(
    name="kind",
    version="v0.32.0",
    module=_HERE / "go_kind",
    tools=(Tool("kind", "sigs.k8s.io/kind"),),
)

KSTATUS = Toolset(
    name="kstatus",
    version="v0.37.2",
    module=_HERE / "go_kstatus",
    tools=(Tool("kstatus", "."),),
)

TOOLSETS = (CONTROL_PLANE, CHART_TOOLS, KIND, KSTATUS)


def toolset_of(tool: str) -> Toolset:
    """Returns the toolset that a tool, or the toolset's own name, belongs to.

    Raises KeyError for a name nobody builds.
    """
    for toolset in TOOLSETS:
        if tool == toolset.name or any(member.name == tool for member in toolset.tools):
            return toolset
    raise KeyError(tool)
