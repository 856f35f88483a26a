"""The demo's stage with everything that can look: a witness, a Prometheus with a blackbox exporter, three probes.

The pair is brought up in full and then only observed: what would be done is in `status.plan`, and nothing moves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import yaml
from typing_extensions import override

from maestro_operator.clock import SystemClock
from support import tls_page
from support.bed import clock, layout
from support.demo.stage import Stage
from support.demo.story import NAMESPACE, PAIR
from support.manifests import Manifest
from support.tls_page.authority import Authority

if TYPE_CHECKING:
    from support.bed.namespace import Process

ROOT = Path(__file__).resolve().parents[3]
WITNESS_PORT, METRICS_PORT, BLACKBOX_PORT = 2222, 9090, 9115
DOWN_FOR_SECONDS, GRACE_SECONDS = 6, 40
BRING_UP_SECONDS = 180.0
BLACKBOX = """
modules:
  page:
    prober: http
    timeout: 1s
    http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: ['"tables": true']}
  ssh: {prober: tcp, timeout: 1s}
"""


def prometheus_configuration() -> str:
    """Return what is scraped: the page and the SSH port of each node, by the exporter, every second."""
    jobs = []
    for job, module, target in (("page", "page", "http://{}/lui/health"), ("ssh", "ssh", "{}:22")):
        jobs.append(
            {
                "job_name": job,
                "metrics_path": "/probe",
                "params": {"module": [module]},
                "static_configs": [
                    {"targets": [target.format(address)], "labels": {"node": name}}
                    for name, address in layout.NODE_ADDRESSES.items()
                ],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"target_label": "__address__", "replacement": f"{layout.BED_ADDRESS}:{BLACKBOX_PORT}"},
                ],
            }
        )
    return yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs})


class OutageStage(Stage):
    """Bed, control plane, stand-in, operator, client, witness and Prometheus."""

    planted = ""

    @property
    def offset(self) -> Path:
        """The file that says by how much the operator's wall clock is off."""
        return self.directory / "offset"

    @property
    def keys(self) -> Path:
        """The witness's keys."""
        return self.directory / "witness"

    @override
    def start_operator(self, *, log: str = "operator.log", port: int = 8080) -> Process:
        """Start the operator with a clock that can jump."""
        self.offset.write_text("0")
        fault = [self.planted] if self.planted else []
        return self.bed.spawn(
            [
                sys.executable,
                "-m",
                "support.outages.operator",
                str(self.offset),
                *fault,
            ],
            log=self.evidence / log,
            environment={**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'tests'}", **self.belonging(port)},
        )

    def start_lookers(self) -> None:
        """Start the witness, the exporter and Prometheus, and the page over TLS on both nodes."""
        self.keys.mkdir()
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(self.keys / "host"))
        key.write_public_key(str(self.keys / "host.pub"))
        own = asyncssh.import_private_key(self.bed.ssh_key.read_bytes())
        own.write_public_key(str(self.keys / "authorized"))
        self.start_witness()
        folder = self.directory / "prometheus"
        folder.mkdir()
        (folder / "prometheus.yml").write_text(prometheus_configuration())
        (folder / "blackbox.yml").write_text(BLACKBOX)
        self.start_exporter()
        self.start_prometheus()
        self.authority = Authority(now=SystemClock().now())
        for name in self.bed.nodes:
            self.serve_tls(name, ends_in_days=30)
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "page-ca", "namespace": NAMESPACE},
            "stringData": {"ca.crt": self.authority.certificate.decode()},
        }
        self.apply(secret)

    def _started(self, name: str, *command: str) -> Process:
        found = self.bed.spawn(
            command,
            log=self.evidence / f"{name}.log",
            environment={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )
        self.clients[name] = found
        return found

    def start_witness(self) -> None:
        """Start the witness's SSH server."""
        self._started(
            *("witness", sys.executable, "-m", "support.outages.witness", layout.BED_ADDRESS, str(WITNESS_PORT)),
            *(str(self.keys / "host"), str(self.keys / "authorized")),
        )

    def start_exporter(self) -> None:
        """Start the blackbox exporter."""
        folder = self.directory / "prometheus"
        self._started(
            *("blackbox", "prometheus-blackbox-exporter", f"--config.file={folder / 'blackbox.yml'}"),
            f"--web.listen-address={layout.BED_ADDRESS}:{BLACKBOX_PORT}",
        )

    def start_prometheus(self) -> None:
        """Start the Prometheus server."""
        folder = self.directory / "prometheus"
        self._started(
            *("prometheus", "prometheus", f"--config.file={folder / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={layout.BED_ADDRESS}:{METRICS_PORT}"),
        )

    def stop(self, name: str) -> None:
        """Kill one of the lookers."""
        self.clients.pop(name).kill()

    def serve_tls(self, name: str, *, ends_in_days: int) -> None:
        """Serve the page over TLS on a node, with a certificate that ends when it is told to."""
        tls_page.serve(self.bed.nodes[name], self.authority, ends_in_days=ends_in_days)

    @override
    def manifest(self) -> Manifest:
        found = super().manifest()
        kind, key, *_ = (self.keys / "host.pub").read_text().split()
        witness = {
            "name": "witness",
            "host": layout.BED_ADDRESS,
            "port": WITNESS_PORT,
            "hostKey": f"{kind} {key}",
            "credentialsSecret": {"name": "node-ssh"},
        }
        metrics = {
            "name": "metrics",
            "url": f"http://{layout.BED_ADDRESS}:{METRICS_PORT}",
            "query": 'probe_success{job="page",node="{{ node.name }}"}',
            "machineQuery": 'probe_success{job="ssh",node="{{ node.name }}"}',
            "maxAgeSeconds": 5,
        }
        health = {"port": 80, "path": "/lui/health", "pattern": '"tables": true'}
        page = {"port": tls_page.PORT, "caSecret": {"name": "page-ca"}}
        found["spec"]["detection"] |= {
            "vantagePoints": [{"operator": {}}, {"peer": {}}, {"ssh": witness}, {"prometheus": metrics}],
            "probes": [{"http": health}, {"icmp": {}}, {"https": page}],
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            "slowSeconds": 1.5,
            "downForSeconds": DOWN_FOR_SECONDS,
            "startupGraceSeconds": GRACE_SECONDS,
            "flapLimit": 100,
        }
        found["spec"]["failover"]["maxDataLossSeconds"] = 600
        return found

    def apply(self, manifest: Manifest) -> None:
        """Apply the pair as a person does."""
        self.kubectl("apply", "-f", "-", input_text=json.dumps(manifest))

    def patch(self, **spec: object) -> None:
        """Change fields of the spec."""
        merge = json.dumps({"spec": spec})
        self.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", merge)

    def bring_up(self) -> None:
        """Let the pair come up, and then only be observed."""
        self.start_lookers()
        self.apply(self.manifest())
        clock.wait_until(self.is_protected, timeout_seconds=BRING_UP_SECONDS, what="a pair that is protected")
        self.patch(management="Observe")

    def status(self) -> Manifest:
        """Return the pair's status now."""
        found: Manifest = json.loads(self.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json"))
        return dict(found.get("status", {}))

    def is_protected(self) -> bool:
        """Tell whether a failover would work now."""
        conditions = {item["type"]: item["status"] for item in self.status().get("conditions", ())}
        return conditions.get("Protected") == "True" and conditions.get("Available") == "True"

    def in_network(self, *command: str) -> None:
        """Run a command in the bed's network."""
        subprocess.run((*self.bed.enter, *command), check=True, timeout=20, capture_output=True)
