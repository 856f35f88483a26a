"""Everything the demo plays on: bed, control plane, stand-in, operator, client; up in order, down in any case."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from support.bed import Bed, clock, debian, layout, rootfs
from support.controlplane import ControlPlane
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE, serve_pairs
from support.demo.story import NAMESPACE, PAIR, PUBLIC_NAME
from support.demo.watcher import PairWatcher
from support.manifests import demo_pair, demo_secrets
from support.operator_environment import belonging
from support.standin import SERVICES, initialise, install

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from support.bed.description import Kind
    from support.bed.namespace import Process
    from support.manifests import Manifest

ROOT = Path(__file__).resolve().parents[3]
HEALTH_PORT = 8080


class Stage:
    """The running parts; leaving the block takes all of them down."""

    interval_seconds = 5
    """How often the standby gets a copy."""
    kind: Kind = "container"
    """What the nodes are."""
    addition: debian.Addition | None = None
    """What the nodes have beside their usual root file system."""

    def __init__(self, directory: Path, *, say: Callable[[str], None], outlive: bool = False) -> None:
        """Keep where everything is; nothing is up before the block is entered."""
        self.directory = directory
        self.evidence = directory / "evidence"
        self._say = say
        self._outlive = outlive
        self._undo = ExitStack()
        self.clients: dict[str, Process] = {}

    def __enter__(self) -> Self:
        """Bring everything up, each part said as it comes."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.evidence.mkdir(parents=True)
        with ExitStack() as undo:
            self._say("two nodes, their BMCs and a name server, in a network of their own")
            self.bed = undo.enter_context(Bed.up(self.directory / "bed", kind=self.kind, addition=self.addition))
            self._say("etcd and kube-apiserver, RBAC on")
            self.plane = undo.enter_context(
                ControlPlane.start(
                    self.directory / "plane", enter=lambda argv: [*self.bed.enter, *argv], report=self._say
                )
            )
            self.install_application()
            self.make_data()
            serve_pairs(self.plane, secrets=self._secrets())
            self._say("the operator, under its own ServiceAccount with the chart's rules")
            self.operator_kubeconfig = self.plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
            self.operator = self.start_operator()
            undo.callback(self._stop_operator)
            self.watcher = PairWatcher(
                [*self.bed.enter, *self._kubectl("get", "mp", "-n", NAMESPACE, "--watch", "-o", "json")],
                say=self._say,
            )
            undo.callback(self.watcher.stop)
            undo.callback(self.stop_clients)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down."""
        self._undo.close()

    def install_application(self) -> None:
        """Put what the pair runs on both nodes."""
        self._say("the stand-in for Maestro on both nodes; its data on node a")
        for name, node in self.bed.nodes.items():
            install(node, name=name)

    def make_data(self) -> None:
        """Make the first data on node a."""
        initialise(self.bed.nodes["a"])

    def _kubectl(self, *words: str) -> list[str]:
        return [str(self.plane.kubectl), f"--kubeconfig={self.plane.admin_kubeconfig}", *words]

    def kubectl(self, *words: str, input_text: str = "") -> str:
        """Run kubectl as the people do."""
        return self.plane.run_kubectl(*words, input_text=input_text)

    def _secrets(self) -> tuple[Manifest, ...]:
        return demo_secrets(
            ssh_private_key=self.bed.ssh_key.read_text(),
            a_bmc=self.bed.bmcs["a"].account,
            b_bmc=self.bed.bmcs["b"].account,
            tsig=self.bed.dns.key,
            namespace=NAMESPACE,
        )

    def manifest(self) -> Manifest:
        """Return the stage's MaestroPair."""
        return demo_pair(
            a=self.bed.nodes["a"].identity,
            b=self.bed.nodes["b"].identity,
            a_bmc=self.bed.bmcs["a"].account,
            b_bmc=self.bed.bmcs["b"].account,
            name=PAIR,
            namespace=NAMESPACE,
            interval_seconds=self.interval_seconds,
        )

    def pair(self) -> str:
        """Return the MaestroPair as YAML, as a person would write it."""
        return yaml.safe_dump(self.manifest(), sort_keys=False)

    def belonging(self, port: int) -> dict[str, str]:
        """Return where an operator of this stage belongs."""
        return belonging(
            self.operator_kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE, address=layout.BED_ADDRESS, port=port
        )

    def start_operator(self, *, log: str = "operator.log", port: int = HEALTH_PORT) -> Process:
        """Start an operator process; the API server need not be there."""
        return self.bed.spawn(
            [sys.executable, "-m", "maestro_operator.main"],
            log=self.evidence / log,
            environment={
                **os.environ,
                "PYTHONPATH": str(ROOT / "operator"),
                **self.belonging(port),
            },
        )

    def _stop_operator(self) -> None:
        """Stop the operator that there is now: a story may have started another one."""
        self.operator.stop()

    def start_client(self, name: str, *, url: str | None = None) -> None:
        """Start a client that writes numbered records through the public name."""
        self.clients[name] = self.bed.spawn(
            [
                *(sys.executable, "-m", "support.client", "--name", name, "--dns", self.bed.dns.address),
                *("--url", url or f"http://{PUBLIC_NAME}/lui/record"),
                *("--out", str(self.evidence / f"acks-{name}.jsonl")),
            ],
            log=self.evidence / f"client-{name}.log",
            environment={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )

    def lookup(self, name: str) -> list[str]:
        """Return what the name server says."""
        return list(self.bed.dns.lookup(name))

    def measured(self) -> dict[str, object]:
        """Return how much was acknowledged so far; all else is judged from the evidence."""
        return {"acknowledged": sum(self.acknowledged(path.stem.removeprefix("acks-")) for path in self._acks())}

    def _acks(self) -> list[Path]:
        return sorted(self.evidence.glob("acks-*.jsonl"))

    def outside_kubeconfig(self) -> Path:
        """Return an admin kubeconfig for somebody who is not in the bed's network."""
        port = self.bed.forward(port=int(self.plane.server.rsplit(":", 1)[1]), address="127.0.0.1")
        return self.plane.kubeconfig_through(f"https://127.0.0.1:{port}", name="outside")

    def stop_clients(self) -> None:
        """Stop every client, so that what it was told is all on disk."""
        for client in self.clients.values():
            client.stop()
        self.clients.clear()

    def start_prober(self, node: str) -> None:
        """Knock at a node's service ports until stopped, and write down every answer."""
        self.clients[f"prober-{node}"] = self.bed.spawn(
            [
                *(sys.executable, "-m", "support.client.knock", self.bed.nodes[node].address, "80", "5432"),
                *("--out", str(self.evidence / f"knocks-{node}.jsonl")),
            ],
            log=self.evidence / f"prober-{node}.log",
            environment={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )

    def stop_prober(self, node: str) -> None:
        """Stop knocking at a node."""
        self.clients.pop(f"prober-{node}").stop()

    def acknowledged(self, name: str) -> int:
        """Return how many records a client was told are stored."""
        path = self.evidence / f"acks-{name}.jsonl"
        if not path.exists():
            return 0
        return sum(1 for line in path.read_text().splitlines() if '"ack"' in line)

    def await_writes(self, name: str, *, more: int, seconds: float) -> None:
        """Wait until a client was told of so many more records."""
        before = self.acknowledged(name)
        clock.wait_until(
            lambda: self.acknowledged(name) >= before + more,
            timeout_seconds=seconds,
            what=f"{more} more acknowledged writes of {name}",
        )

    def keep_promotion(self, node: str) -> None:
        """Keep a node's own record of its last promotion, with the moment the file was written."""
        record = "/srv/.maestro-replica/meta/promoted"
        ran = self.bed.nodes[node].run(f"stat --format='written=%.9Y' {record} && cat {record}")
        (self.evidence / f"promoted-{node}.txt").write_bytes(ran.stdout)

    def keep_units(self, episode: str) -> None:
        """Keep when each node's systemd stopped and started the services of a planned switch, by its own journal."""
        units = " ".join(f"UNIT={unit}" for unit in SERVICES)
        words = f"journalctl --boot --quiet --output=json --output-fields=MESSAGE_ID,UNIT _PID=1 {units}"
        for name, node in self.bed.nodes.items():
            (self.evidence / f"units-{episode}-{name}.jsonl").write_bytes(node.run(words).stdout)

    def keep_evidence(self) -> None:
        """Put the raw evidence together: disks after power-off, logs of every part, the pair at the end."""
        final = self.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json")
        (self.evidence / "pair.json").write_text(json.dumps(json.loads(final), indent=2))
        (self.evidence / "root-file-system").write_text(str(rootfs.ensure()))
        self.stop_clients()
        for node in self.bed.nodes.values():
            node.power_cut()
        for name in self.bed.nodes:
            self.keep_disk(name)
        for path in self.bed.evidence.iterdir():
            if path.is_file():
                shutil.copy2(path, self.evidence / path.name)
        if self.plane.audit_log is not None:
            shutil.copy2(self.plane.audit_log, self.evidence / "audit.jsonl")

    def keep_disk(self, name: str) -> None:
        """Keep the disk of a node that is off."""
        copy_disk(self.bed.nodes[name].srv_path, self.evidence / "disks" / name)


def copy_disk(srv: Path, to: Path) -> None:
    """Copy what a judge reads: the live group, what is kept aside, and the replica's own records."""
    to.mkdir(parents=True)
    for part in ("maestro", ".maestro-replica/quarantine", ".maestro-replica/meta"):
        if (srv / part).exists():
            shutil.copytree(srv / part, to / part, symlinks=True, dirs_exist_ok=True)
