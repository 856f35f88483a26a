"""The demo's stage for a longer play: gentler clients, and more evidence at the end."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from support.bed import layout
from support.controlplane.errors import ControlPlaneError
from support.demo.stage import Stage
from support.demo.story import NAMESPACE, PUBLIC_NAME

if TYPE_CHECKING:
    from support.chaos.hands import Hands

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = ("c1", "c2")
INTERVAL_SECONDS = "0.25"


class ChaosStage(Stage):
    """Bed, control plane, stand-in, operator and clients."""

    interval_seconds = 15
    """Where much else is done on two cores a copy takes longer than five seconds, and no standby would be in sync."""

    @property
    def accepted_loss_seconds(self) -> int:
        """Return what the pair may lose, as its manifest says."""
        return int(yaml.safe_load(self.pair())["spec"]["failover"]["maxDataLossSeconds"])

    def start_clients(self) -> None:
        """Start every client; a record is tried until it is acknowledged, then the next."""
        for name in CLIENTS:
            self.clients[name] = self.bed.spawn(
                [
                    *(sys.executable, "-m", "support.client", "--name", name, "--dns", self.bed.dns.address),
                    *("--url", f"http://{PUBLIC_NAME}/lui/record", "--interval", INTERVAL_SECONDS),
                    *("--out", str(self.evidence / f"acks-{name}.jsonl")),
                ],
                log=self.evidence / f"client-{name}.log",
                environment={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
            )

    def kubectl_maestro(self, *words: str) -> str:
        """Run `kubectl maestro` as the people do.

        Raises:
            ControlPlaneError: it said why it did not do it.

        """
        command = [*self.bed.enter, sys.executable, "-m", "maestro_operator.cli.main", *words, "-n", NAMESPACE]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "operator"),
            "KUBECONFIG": str(self.plane.admin_kubeconfig),
        }
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, env=environment)
        if ran.returncode != 0:
            raise ControlPlaneError(f"kubectl maestro {' '.join(words)}: {ran.stderr.strip()[:300]}")
        return ran.stdout

    def apply_secret(self, name: str, **changed: str) -> None:
        """Apply one of the pair's Secrets, with these values in the place of its own; they never stand in argv."""
        found = next(item for item in self._secrets() if item["metadata"]["name"] == name)
        secret = {**found, "stringData": {**found["stringData"], **changed}}
        self.kubectl("apply", "-f", "-", input_text=json.dumps(secret))

    def keep_all(self, hands: Hands) -> None:
        """Put the raw evidence together, the events and the metrics with it."""
        with contextlib.suppress(ControlPlaneError):
            events = self.kubectl("get", "events", "-n", NAMESPACE, "-o", "json")
            (self.evidence / "events.json").write_text(json.dumps(json.loads(events), indent=1))
        with contextlib.suppress(OSError):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            address = f"http://{layout.BED_ADDRESS}:{hands.newest_port}/metrics"
            with self.bed.network(), opener.open(address, timeout=5) as answer:
                (self.evidence / "metrics.txt").write_bytes(answer.read())
        hands.kill_operators()
        self.keep_evidence()
