"""A real API server and the operator as it ships, with servers that only look like nodes."""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from typing import TYPE_CHECKING

import yaml

from support.badmanifests.nodes import NETWORK, Grounds
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.demo.cluster import FREE_LEASE, OPERATOR, OPERATOR_NAMESPACE
from support.manifests import CRD_PATH, rendered_rbac
from support.operator_environment import belonging, environment
from support.pair_api import install_schema

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from support.manifests import Manifest

NAMESPACE = "bad"
END_SECONDS = 10.0
START_SECONDS = 60.0
AGENTS = ("fence_ipmilan", "fence_pve", "fence_redfish")


class Stage:
    """The running parts; leaving the block ends all of them."""

    def __init__(self, directory: Path, *, accepts_anything: bool = False, has_operator: bool = True) -> None:
        """Keeps what to start; a schema that accepts anything and a missing operator are planted faults."""
        self.directory = directory
        self._accepts_anything = accepts_anything
        self.has_operator = has_operator
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self.grounds = Grounds()
            undo.callback(self.grounds.close)
            self.plane = undo.enter_context(ControlPlane.start(self.directory / "plane", own_processes=True))
            install_schema(self.plane)
            if self._accepts_anything:
                text = yaml.safe_dump(_without_rules(yaml.safe_load(CRD_PATH.read_text())))
                self.plane.run_kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input_text=text)
            for namespace in (NAMESPACE, OPERATOR_NAMESPACE):
                self.plane.ensure_namespace(namespace)
            rights = rendered_rbac(OPERATOR_NAMESPACE, secret_namespaces=(NAMESPACE,))
            objects = [*rights, FREE_LEASE, *self._secrets()]
            self.plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(objects))
            self.agents = self._stub_agents()
            self.log = self.directory / "operator.log"
            if self.has_operator:
                undo.callback(self._end, self._operator())
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def metrics(self) -> str:
        """Returns the operator's page of metrics, empty where nobody answers."""
        found = re.search(r'"port": (\d+)', self.log.read_text()) if self.log.exists() else None
        if found is None:
            return ""
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def agents_told(self) -> list[str]:
        """Returns what fence agents were told to do that is more than to look."""
        log = self.agents / "log"
        told = log.read_text().splitlines() if log.exists() else []
        return [line for line in told if line not in ("action=status", "action=monitor", "action=metadata")]

    def _operator(self) -> subprocess.Popen[bytes]:
        kubeconfig = self.plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        knobs = {
            **belonging(kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE),
            "MAESTRO_FENCE_AGENTS": str(self.agents),
            # Where the nodes of this stage are; every other loopback address stays refused.
            "MAESTRO_ALLOWED_ADDRESSES": f"{NETWORK}.0.0/16",
        }
        with self.log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "maestro_operator.main"],
                env=environment(knobs),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=self.directory,
            )
        await_condition(lambda: "listens on port" in self.log.read_text(), within_seconds=START_SECONDS)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(END_SECONDS)

    def _stub_agents(self) -> Path:
        """Returns a folder of fence agents that only write down what they were told."""
        folder = self.directory / "agents"
        folder.mkdir(parents=True, exist_ok=True)
        for name in AGENTS:
            agent = folder / name
            agent.write_text(f'#!/bin/sh\ngrep ^action= >>"{folder}/log"\nexit 1\n')
            agent.chmod(0o755)
        return folder

    def _secrets(self) -> list[Manifest]:
        tsig = {"name": "maestro.", "secret": base64.b64encode(self.grounds.tsig.secret).decode()}
        contents = {
            "node-ssh": {"ssh-privatekey": self.grounds.user_key.export_private_key().decode()},
            "stranger-ssh": {"ssh-privatekey": self.grounds.stranger_key.export_private_key().decode()},
            "empty-ssh": {"id_rsa": "under another name"},
            "no-key-ssh": {"ssh-privatekey": "this is no key"},
            "dns-tsig": tsig,
            "old-dns-tsig": {**tsig, "secret": base64.b64encode(b"the key of last year").decode()},
            "half-dns-tsig": {"name": "maestro."},
            "bmc": {"password": "not-asked-for"},
        }
        return [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": NAMESPACE},
                "stringData": content,
            }
            for name, content in contents.items()
        ]


def _without_rules(node: object) -> object:
    """Returns a schema that knows every field and refuses no value."""
    if isinstance(node, list):
        return [_without_rules(item) for item in node]
    if not isinstance(node, dict):
        return node
    dropped = ("x-kubernetes-validations", "pattern", "enum", "minItems", "maxItems", "minLength", "minimum", "maximum")
    kept = {key: _without_rules(value) for key, value in node.items() if key not in dropped or isinstance(value, dict)}
    for key in ("x-kubernetes-list-map-keys", "x-kubernetes-list-type"):
        kept.pop(key, None)
    return kept
