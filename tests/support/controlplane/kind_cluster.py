"""A cluster made by kind: one a folder, deleted when it is stopped.

Never run so far against an engine of ours; the configuration follows kind's own documentation.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from support.controlplane.errors import CommandError

_CHECKOUT = Path(__file__).resolve().parents[3]
_CREATE_LIMIT_SECONDS = 600.0
_DELETE_LIMIT_SECONDS = 120.0


class KindCluster:
    """One kind cluster, named after the folder it belongs to."""

    audit_log = _CHECKOUT / "build" / "kind" / "audit" / "audit.log"

    def __init__(self, kind: Path, *, directory: Path) -> None:
        self._kind = str(kind)
        self.kubeconfig = directory / "kind.kubeconfig"
        self._name = "maestro-pair-" + hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:8]

    def create(self) -> None:
        """Creates the cluster; one of the same name, left by a run that was killed, is deleted first."""
        self.delete()
        self.audit_log.parent.mkdir(parents=True, exist_ok=True)
        self.audit_log.unlink(missing_ok=True)
        config = str(_CHECKOUT / "kind-config.yaml")
        self._run(["create", "cluster", "--config", config, "--wait=300s"], limit_seconds=_CREATE_LIMIT_SECONDS)

    def delete(self) -> None:
        """Deletes the cluster; one that is not there is as good as deleted."""
        self._run(["delete", "cluster"], limit_seconds=_DELETE_LIMIT_SECONDS)

    def _run(self, words: list[str], *, limit_seconds: float) -> None:
        command = [self._kind, *words, "--name", self._name, "--kubeconfig", str(self.kubeconfig)]
        try:
            subprocess.run(
                command,
                # The configuration's paths are relative to the checkout.
                cwd=_CHECKOUT,
                env=os.environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit_seconds,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise CommandError(f"kind {' '.join(words)}: {error.stderr.strip()}") from error
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"kind {' '.join(words)}: no end after {limit_seconds:.0f} s") from error
