"""A reader's desk whose pairs have their nodes in memory: what befalls them is done to the operator's own world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml
from typing_extensions import override

from maestro_operator.settings import Settings
from support.controlplane import ControlPlane
from support.demo.cluster import FREE_LEASE, OPERATOR, OPERATOR_NAMESPACE
from support.demo.memory_operator import MemoryOperator
from support.docscheck.desk import Desk, environment_of
from support.docscheck.scenes import NAMESPACE
from support.docscheck.worlds import Worlds
from support.operator_environment import belonging

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    from maestro_operator.drivers.memory.world import MemoryWorld
    from support.manifests import Manifest


class MemoryDesk(Desk):
    """One operator in this process, whose nodes are values."""

    def __init__(self, directory: Path) -> None:
        """Begin without an operator."""
        super().__init__(directory)
        self.worlds = Worlds(self._spec_of)
        self._operator: MemoryOperator | None = None

    @override
    def _bring_up(self, undo: ExitStack) -> ControlPlane:
        plane = undo.enter_context(ControlPlane.start(self.directory / "plane", own_processes=True))
        undo.callback(self._stop_operator)
        return plane

    def befalls(self, pair: str, accident: Callable[[MemoryWorld], None]) -> None:
        """Lets something happen to a pair's nodes."""
        assert self._operator is not None
        self._operator.call(lambda: accident(self.worlds.world_of(pair)))

    @override
    def _roll_out(self, deployment: Manifest | None) -> None:
        if deployment is None:
            self._stop_operator()
        elif self._operator is None:
            self._start_operator(environment_of(deployment))

    def _start_operator(self, chosen: dict[str, str]) -> None:
        self.plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump(FREE_LEASE))
        kubeconfig = self.plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        here = belonging(kubeconfig, watch=chosen["MAESTRO_WATCH_NAMESPACE"], home=OPERATOR_NAMESPACE)
        settings = Settings.from_environment({**chosen, **here})
        self._operator = MemoryOperator(settings, self.worlds, log=self.directory / "operator.log")

    def _stop_operator(self) -> None:
        if self._operator is not None:
            self._operator.stop()
            self._operator = None

    def _spec_of(self, pair: str) -> Manifest:
        text = self.plane.run_kubectl("get", "mp", pair, f"--namespace={NAMESPACE}", "-o", "json")
        return dict(json.loads(text)["spec"])
