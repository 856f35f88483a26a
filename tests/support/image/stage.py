"""The demo's stage with the operator in its container: the chart's pod, with the chart's rights, over real nodes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.drivers.fencing.believed import IDENTITY_BY_DEVICE
from support.bed import namespace
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE
from support.demo.stage import HEALTH_PORT, Stage
from support.demo.story import NAMESPACE
from support.image.container import Container, keep
from support.image.pod import Surroundings
from support.manifests import rendered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.bed.namespace import Process
    from support.image.build import Built

PLACES = ("/", "/opt/maestro", "/usr/bin", "/etc", "/var/lib", "/tmp")  # noqa: S108 - the container's own

# A cluster's service has the API server at its well-known name and port, and the watch asks there.
USUAL_PORT = """table ip image_service {{
  chain output {{
    type nat hook output priority -100
    ip daddr {host} tcp dport 443 dnat to {host}:{port}
  }}
}}
"""
NFT_SECONDS = 10.0


class ImageStage(Stage):
    """The stage on which the operator runs from its image."""

    def __init__(self, directory: Path, built: Built, *, say: Callable[[str], None], as_root: bool) -> None:
        """Keep the image."""
        super().__init__(directory, say=say)
        self._built, self._as_root = built, as_root

    @override
    def start_operator(self, *, log: str = "operator.log", port: int = HEALTH_PORT) -> Process:
        """Start the container; its port is the chart's."""
        del port
        self.container = Container(self.directory / "container", enter=namespace.whole(self.bed.process_id))
        self.container.bundle.parent.mkdir()
        self.container.unpack(self._built.name)
        objects = rendered(OPERATOR_NAMESPACE, values={"rbac": {"secrets": [{"namespace": NAMESPACE}]}})
        self.container.configure(objects, image_config(self._built.layout), self._around(), as_root=self._as_root)
        return self.bed.spawn(self.container.run_command, log=self.evidence / log)

    def _around(self) -> Surroundings:
        """Return what a kubelet tells and gives: the token of the chart's ServiceAccount, and where to show it."""
        folder = self.directory / "token"
        folder.mkdir()
        token = self.plane.token_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        for name, text in {
            "token": token,
            "ca.crt": self.plane.ca.read_text(),
            "namespace": OPERATOR_NAMESPACE,
        }.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o644)
        host, _, port = self.plane.server.removeprefix("https://").rpartition(":")
        hosts = self.directory / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{host} kubernetes.default.svc\n")
        usual = USUAL_PORT.format(host=host, port=port)
        subprocess.run((*self.bed.enter, "nft", "-f", "-"), check=True, input=usual, text=True, timeout=NFT_SECONDS)
        return Surroundings(host=host, port=int(port), token_folder=folder, hosts=hosts)

    def look_inside(self) -> None:
        """Look at the container as it runs: who it is, where it can write, and whether the agents are there."""
        look = self.container.look
        looks = [look("status", "cat", "/proc/1/status"), look("mounts", "cat", "/proc/1/mountinfo")]
        looks += [look(f"write {place}", "touch", f"{place.rstrip('/')}/written") for place in PLACES]
        looks += [look("ipmitool", "ipmitool", "-V"), look("ssh", "ssh", "-G", "-F", "none", "host.example.org")]
        looks += [
            look("snmpget", "snmpget", "-V"),
            look("set-id files", "find", "/", "-xdev", "-type", "f", "-perm", "/6000"),
        ]
        looks += [look(f"agent {name}", name, "-o", "metadata") for name in sorted(IDENTITY_BY_DEVICE)]
        keep(looks, self.evidence / "inside.jsonl")


def image_config(layout: Path) -> dict[str, Any]:
    """Return the configuration of the one image in an OCI layout."""

    def blob(digest: str) -> dict[str, Any]:
        return dict(json.loads((layout / "blobs" / digest.replace(":", "/")).read_text()))

    index = json.loads((layout / "index.json").read_text())
    manifest = blob(index["manifests"][0]["digest"])
    return dict(blob(manifest["config"]["digest"])["config"])
