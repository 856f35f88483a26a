"""A reader's desk in the bed: the servers are real nodes, and the chart's pods are operator processes beside them."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from typing_extensions import override

from support.bed import Bed, layout
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE
from support.docscheck.desk import Desk, environment_of
from support.docscheck.pages import ROOT
from support.operator_environment import belonging

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from support.bed.namespace import Process
    from support.manifests import Manifest

FIRST_PORT = 8081
READY_SECONDS = 120.0
ANSWER_SECONDS = 5.0


class BedDesk(Desk):
    """Two real nodes with their controllers and a name server, an API server, and what a Deployment would run."""

    block_seconds = 1800.0

    def __init__(self, directory: Path) -> None:
        """Begin without an operator."""
        super().__init__(directory)
        self.discovery = directory / "operators.json"
        """Where a Prometheus finds the operators that there are now, as a ServiceMonitor would have it."""
        self._template: Manifest = {}
        self._pods: list[tuple[int, Process]] = []
        self._next_port = FIRST_PORT

    @override
    def _bring_up(self, undo: ExitStack) -> ControlPlane:
        self.bed = undo.enter_context(Bed.up(self.directory / "bed"))
        self.enter = self.bed.enter
        self._told([])
        plane = undo.enter_context(
            ControlPlane.start(self.directory / "plane", enter=lambda argv: [*self.bed.enter, *argv])
        )
        undo.callback(self._scale, 0)
        return plane

    @override
    def _roll_out(self, deployment: Manifest | None) -> None:
        """One goes before the next one comes, as the chart's Deployment has it; each is ready before another goes."""
        if deployment is None:
            self._scale(0)
            return
        template, replicas = deployment["spec"]["template"], int(deployment["spec"]["replicas"])
        old = list(self._pods) if template != self._template else []
        self._template = template
        for pod in old:
            self._remove(pod)
            self._add(deployment)
        while len(self._pods) < replicas:
            self._add(deployment)
        self._scale(replicas)

    def _scale(self, replicas: int) -> None:
        while len(self._pods) > replicas:
            self._remove(self._pods[-1])

    def _remove(self, pod: tuple[int, Process]) -> None:
        pod[1].stop()
        self._pods.remove(pod)
        self._told(self._pods)

    def _add(self, deployment: Manifest) -> None:
        port, self._next_port = self._next_port, self._next_port + 1
        chosen = environment_of(deployment)
        kubeconfig = self.plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        here = belonging(
            kubeconfig,
            watch=chosen["MAESTRO_WATCH_NAMESPACE"],
            home=OPERATOR_NAMESPACE,
            address=layout.BED_ADDRESS,
            port=port,
        )
        process = self.bed.spawn(
            [sys.executable, "-m", "maestro_operator.main"],
            log=self.directory / f"operator-{port}.log",
            environment={**os.environ, "PYTHONPATH": str(ROOT / "operator"), **chosen, **here},
        )
        self._pods.append((port, process))
        if not await_condition(lambda: self._is_ready(port), within_seconds=READY_SECONDS, every_seconds=0.5):
            raise TimeoutError(f"the operator on port {port} did not become ready; see its log")
        self._told(self._pods)

    def _is_ready(self, port: int) -> bool:
        try:
            with (
                self.bed.network(),
                urllib.request.urlopen(f"http://{layout.BED_ADDRESS}:{port}/readyz", timeout=ANSWER_SECONDS),
            ):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _told(self, pods: list[tuple[int, Process]]) -> None:
        """Writes down where the operators are, by ways from the host into the bed."""
        targets = [f"127.0.0.1:{self.bed.forward(port=port)}" for port, _ in pods]
        partial = self.discovery.with_suffix(".partial")
        partial.write_text(json.dumps([{"targets": targets}] if targets else []))
        partial.rename(self.discovery)
