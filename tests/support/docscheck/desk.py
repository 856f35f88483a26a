"""A reader's desk: a shell with kubectl, helm and the plugin, and an empty cluster.

There is no controller in the cluster, so a desk stands in for the one that matters: where the chart's Deployment is, an
operator runs with its environment, its ServiceAccount and its rights; where it goes, that ends.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

import yaml

from support.controlplane import CommandError, obtain_programs
from support.controlplane.clock import await_condition
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE
from support.docscheck.pages import ROOT
from support.docscheck.scenes import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from support.controlplane import ControlPlane
    from support.manifests import Manifest

AWAIT_SECONDS = 300.0
END_SECONDS = 10.0
PREPARE = """set -eu -o pipefail
"""


class Desk(ABC):
    """The running parts; leaving the block takes all of them down."""

    enter: tuple[str, ...] = ()
    """What to put before a command so that it runs where the cluster is."""
    block_seconds: float = 240.0
    """How long a block of commands may take."""

    def __init__(self, directory: Path) -> None:
        """Keep where everything is."""
        self.directory = directory
        self.folder = directory / "repository"
        """What the reader has before him."""
        self._undo = ExitStack()
        self._number = itertools.count(1)

    @abstractmethod
    def _bring_up(self, undo: ExitStack) -> ControlPlane:
        """Brings up a cluster with nothing in it, and all that the operator acts on."""

    @abstractmethod
    def _roll_out(self, deployment: Manifest | None) -> None:
        """Does as the chart's Deployment says now; None where there is none."""

    def __enter__(self) -> Self:
        """Bring up a cluster with nothing in it, and lay the desk."""
        self.folder.mkdir(parents=True)
        for name in (
            "charts",
            "examples",
            "crds",
            "operator",
            "tests",
            "requirements",
            "Makefile",
            "pyproject.toml",
            "docs",
        ):
            (self.folder / name).symlink_to(ROOT / name)
        with ExitStack() as undo:
            self.plane = self._bring_up(undo)
            self._lay()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._undo.close()

    def _lay(self) -> None:
        programs = self.directory / "bin"
        programs.mkdir()
        found = {"kubectl": self.plane.kubectl, "helm": obtain_programs("helm")["helm"]}
        found |= {name: ROOT / ".venv" / "bin" / name for name in ("kubectl-maestro", "kubectl_complete-maestro")}
        for name, path in found.items():
            (programs / name).symlink_to(path)
        self.kubeconfig = self.directory / "kubeconfig"
        config = yaml.safe_load(self.plane.admin_kubeconfig.read_text())
        for context in config["contexts"]:
            context["context"]["namespace"] = NAMESPACE
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self._environment = {
            **{word: value for word, value in os.environ.items() if not word.startswith(("MAESTRO_", "KUBE", "GIT_"))},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self.directory),
            "PYTHON": sys.executable,
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in PERSON.items()},
        }

    # ------------------------------------------------------------ what the reader does

    def run(self, text: str) -> tuple[int, str]:
        """Runs a block of commands in the reader's folder; returns how it ended and all that it said."""
        log = self.directory / f"said-{next(self._number)}"
        with log.open("w") as said:
            try:
                shell = subprocess.Popen(
                    [*self.enter, "bash", "-c", PREPARE + text],
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    # What a page leaves running belongs to the page's shell, and ends with the desk.
                    start_new_session=True,
                )
                self._undo.callback(_end, shell)
                code = shell.wait(timeout=self.block_seconds)
            except subprocess.TimeoutExpired:
                code = -1
        if "helm " in text:
            self.mind_the_deployment()
        return code, log.read_text()

    def status(self, pair: str) -> Mapping[str, object]:
        """Returns a pair's status; nothing where it is gone."""
        try:
            text = self.plane.run_kubectl("get", "mp", pair, f"--namespace={NAMESPACE}", "-o", "json")
        except CommandError:
            return {"state": "gone"}
        return dict(json.loads(text).get("status") or {})

    def comes(self, pair: str, condition: Callable[[Mapping[str, object]], bool]) -> bool:
        """Waits until a pair's status is as it is to be, and returns whether it came to that."""
        return await_condition(lambda: condition(self.status(pair)), within_seconds=AWAIT_SECONDS, every_seconds=0.5)

    def apply(self, *pairs: Manifest) -> None:
        """Applies pairs that no page writes down."""
        self.plane.run_kubectl(
            *("apply", "--server-side", f"--namespace={NAMESPACE}", "-f", "-"), input_text=yaml.safe_dump_all(pairs)
        )

    # ------------------------------------------------------------ what a cluster would do

    def mind_the_deployment(self) -> None:
        """Starts, replaces or ends operators as the chart's Deployment says."""
        words = ("get", "deployment", OPERATOR, f"--namespace={OPERATOR_NAMESPACE}", "--ignore-not-found", "-o", "json")
        text = self.plane.run_kubectl(*words)
        self._roll_out(json.loads(text) if text.strip() else None)


def environment_of(deployment: Manifest) -> dict[str, str]:
    """Returns what a Deployment tells its operators by their environment."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {item["name"]: item.get("value", "") for item in container["env"]}


def _end(shell: subprocess.Popen[bytes]) -> None:
    """Ends a shell and all that it left running."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGTERM)
    shell.wait(END_SECONDS)


PERSON = {"NAME": "A Reader", "EMAIL": "reader@example.org"}
