"""Where the control plane comes from: the first of an ordered list that the machine offers."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.controlplane.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENGINE_LIMIT_SECONDS = 5.0


@dataclass(frozen=True)
class Given:
    """A cluster somebody runs already, by its kubeconfig; it is used and never stopped."""

    kubeconfig: Path


@dataclass(frozen=True)
class Assets:
    """The user's own etcd, kube-apiserver and kubectl, as envtest lays them out."""

    folder: Path


@dataclass(frozen=True)
class Kind:
    """A cluster that kind makes, where a container engine runs."""


@dataclass(frozen=True)
class Built:
    """The cached build; built first where the cache has none."""


Source = Given | Assets | Kind | Built


def choose_source(environ: Mapping[str, str], *, own_processes: bool) -> Source:
    """Returns the first source there is; with own_processes only those whose servers are children of this process.

    Raises ControlPlaneError when the environment names something that is not there: falling back in silence would test
    another cluster than the one that was asked for.
    """
    if (given := environ.get("MAESTRO_KUBECONFIG")) and not own_processes:
        if not Path(given).is_file():
            raise ControlPlaneError(f"MAESTRO_KUBECONFIG names {given}, and there is no such file")
        return Given(Path(given).absolute())
    if assets := environ.get("KUBEBUILDER_ASSETS"):
        missing = [name for name in ("etcd", "kube-apiserver", "kubectl") if not (Path(assets) / name).is_file()]
        if missing:
            raise ControlPlaneError(f"KUBEBUILDER_ASSETS names {assets}, which has no {', '.join(missing)}")
        return Assets(Path(assets).absolute())
    if not own_processes and engine_runs():
        return Kind()
    return Built()


def engine_runs() -> bool:
    """Returns whether a container engine answers; a docker command alone is no engine."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        # The format makes the client fail where the server is away; plain `docker info` would print half and say 0.
        answer = subprocess.run(
            [docker, "info", "--format", "{{.ServerVersion}}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ENGINE_LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and bool(answer.stdout.strip())
