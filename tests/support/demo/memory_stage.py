"""What the demo plays on where no nodes can be made: a real API server, the operator, and nodes in memory.

Needs no root: the control plane is processes of this user, and the operator is a thread.
"""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

import yaml

from maestro_operator.settings import Settings
from support.bed import clock
from support.controlplane import ControlPlane
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE, serve_pairs
from support.demo.memory_operator import MemoryOperator
from support.demo.memory_world import LivingWorld, memory_pair
from support.demo.story import NAMESPACE, PAIR
from support.demo.watcher import PairWatcher
from support.operator_environment import belonging

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from support.judge.evidence import Ack, Failure


class MemoryStage:
    """The running parts; leaving the block takes all of them down."""

    def __init__(self, directory: Path, *, say: Callable[[str], None]) -> None:
        """Keep where everything is; nothing is up before the block is entered."""
        self.directory = directory
        self.evidence = directory / "evidence"
        self.living = LivingWorld()
        self.history: list[Mapping[str, object]] = []
        """The pair's episodes, newest first, once the evidence is kept."""
        self._say = say
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        """Bring everything up, each part said as it comes."""
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.evidence.mkdir(parents=True)
        with ExitStack() as undo:
            self._say("etcd and kube-apiserver, RBAC on")
            self.plane = undo.enter_context(
                ControlPlane.start(self.directory / "plane", own_processes=True, report=self._say)
            )
            serve_pairs(self.plane)
            self._say("two nodes in memory; the data on node a")
            self._say("the operator, under its own ServiceAccount with the chart's rules, its drivers in memory")
            settings = self._settings()
            self._say(f"  it leads in {settings.lease_seconds} s: until then a leader before it might still act")
            self.operator = MemoryOperator(settings, self.living, log=self.evidence / "operator.log")
            undo.callback(self.operator.stop)
            self.watcher = PairWatcher(
                [
                    *(str(self.plane.kubectl), f"--kubeconfig={self.plane.admin_kubeconfig}"),
                    *("get", "mp", "-n", NAMESPACE, "--watch", "-o", "json"),
                ],
                say=self._say,
            )
            undo.callback(self.watcher.stop)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._undo.close()

    def _settings(self) -> Settings:
        kubeconfig = self.plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        return Settings.from_environment(belonging(kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE))

    # ------------------------------------------------------------ what the story asks for

    def kubectl(self, *words: str, input_text: str = "") -> str:
        """Run kubectl as the people do."""
        return self.plane.run_kubectl(*words, input_text=input_text)

    def pair(self) -> str:
        """Return the same MaestroPair as on real parts; only the identities are the memory nodes'."""
        return yaml.safe_dump(memory_pair(PAIR, namespace=NAMESPACE), sort_keys=False)

    def lookup(self, name: str) -> tuple[str, ...]:
        """Return what the memory name server says."""
        found = self.operator.call(lambda: self.living.world.names.get(name))
        return (found,) if found else ()

    def start_client(self, name: str) -> None:
        """Let the one client write."""
        del name
        self.living.is_writing = True

    def await_writes(self, name: str, *, more: int, seconds: float) -> None:
        """Wait until the client was told of so many more records."""
        wanted = len(self.living.acks) + more
        clock.wait_until(
            lambda: len(self.living.acks) >= wanted,
            timeout_seconds=seconds,
            what=f"{more} more acknowledged writes of {name}",
        )

    def keep_promotion(self, node: str) -> None:
        """Keep nothing: a memory node's word proves nothing that the world has not recorded."""

    def keep_units(self, episode: str) -> None:
        """Keep nothing: no systemd stopped or started anything here."""

    def start_prober(self, node: str) -> None:
        """Look whether services run on a node, at every beat of the world."""
        self.living.knocked_at = node

    def stop_prober(self, node: str) -> None:
        """Stop looking."""
        del node
        self.living.knocked_at = None

    def measured(self) -> Mapping[str, object]:
        """Return what the world has recorded by now."""
        return self.operator.call(self.living.measured)

    # ------------------------------------------------------------ at the end

    def outside_kubeconfig(self) -> Path:
        """Return the admin kubeconfig: the API server is on this machine's own loopback."""
        return self.plane.admin_kubeconfig

    def keep_evidence(self) -> None:
        """Write down the pair as it ended and what the client was told; it is no evidence of real parts."""
        pair = json.loads(self.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json"))
        self.history = (pair.get("status") or {}).get("history", [])
        (self.evidence / "pair.json").write_text(json.dumps(pair, indent=2))
        self.living.is_writing = False
        told: list[Ack | Failure] = [*self.living.acks, *self.living.failures]
        (self.evidence / "memory-client.jsonl").write_text("".join(json.dumps(asdict(line)) + "\n" for line in told))


class MemoryAccidents:
    """The accidents of the story, done to memory nodes."""

    def before_story(self, stage: MemoryStage, /) -> None:
        """Do nothing."""

    def before_switchover(self, stage: MemoryStage, /) -> None:
        """Do nothing."""

    def before_power_cut(self, stage: MemoryStage, /) -> None:
        """Do nothing."""

    def cut_power(self, stage: MemoryStage, node: str, /) -> None:
        """Cut the power of a node."""
        stage.operator.call(lambda: stage.living.world.power_cut(node))

    def power_returns(self, stage: MemoryStage, node: str, /) -> None:
        """Give the power back."""
        stage.operator.call(lambda: stage.living.world.power_on(node))

    def after_story(self, stage: MemoryStage, /) -> None:
        """Do nothing."""
