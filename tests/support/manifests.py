"""The manifests that tests and the demo share: the schema, pairs that are right, and what the chart renders.

Objects are plain mappings, as the API server sees them; nothing here imports the operator.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from support.controlplane import obtain_programs
from support.controlplane.toolset import KUBERNETES_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.bed.description import Account, Identity, TsigKey

ROOT = Path(__file__).resolve().parents[2]
CRD_PATH = Path(os.environ.get("MAESTRO_TEST_CRD", ROOT / "crds" / "maestropairs.maestropair.dev.yaml"))
"""The schema that is tried: the shipped one, unless a mutant of it is."""
CHART = ROOT / "charts" / "maestro-operator"
EXAMPLES = ROOT / "examples"

GROUP_VERSION = "maestropair.dev/v1alpha1"
RBAC_KINDS = (
    *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
)
"""All that says what the operator may."""
HELM_LIMIT_SECONDS = 60.0

Manifest = dict[str, Any]
"""One object as YAML and JSON have it."""


# ---------------------------------------------------------------- the resource


class RenderError(Exception):
    """helm refused the chart or its values; the message is what it said."""


def _documents(text: str) -> list[Manifest]:
    """Parses with libyaml where it is there: the schema takes a second without."""
    return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@dataclass(frozen=True)
class Rule:
    """One CEL rule of the schema and where it stands."""

    path: str
    """The property it stands on, such as `spec.nodes[].fencing[]`; the root is empty."""
    rule: str
    message: str
    """The message, or the literal start of what makes it."""
    is_transition: bool


@functools.cache
def crd() -> Manifest:
    """Returns the CustomResourceDefinition, read once; do not change it."""
    (found,) = _documents(CRD_PATH.read_text())
    return found


def schema() -> Manifest:
    """Returns the schema of the one version there is; do not change it."""
    (version,) = crd()["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"])


def rules() -> tuple[Rule, ...]:
    """Returns every CEL rule of the schema, in the order of the file."""
    return tuple(_rules(schema(), ""))


def _rules(node: Mapping[str, Any], path: str) -> Iterator[Rule]:
    for found in node.get("x-kubernetes-validations", ()):
        yield Rule(path=path, rule=found["rule"], message=found["message"], is_transition="oldSelf" in found["rule"])
    for name, child in node.get("properties", {}).items():
        yield from _rules(child, f"{path}.{name}".lstrip("."))
    if isinstance(node.get("items"), dict):
        yield from _rules(node["items"], f"{path}[]")


# ---------------------------------------------------------------- pairs


@functools.cache
def example(name: str) -> tuple[Manifest, ...]:
    """Returns the objects of one file of examples/, read once; do not change them."""
    return tuple(found for found in _documents((EXAMPLES / name).read_text()) if found)


def demo_pair(
    *,
    a: Identity,
    b: Identity,
    a_bmc: Account,
    b_bmc: Account,
    name: str = "maestro",
    namespace: str = "maestro",
    active_node: str = "a",
    automatic: str = "Enabled",
    interval_seconds: int = 10,
) -> Manifest:
    """Returns the pair of the demo: the stand-in on two nodes of the bed, its Secrets named as `demo_secrets` does."""
    down_for_seconds = 6
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "MaestroPair",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "activeNode": active_node,
            "nodes": [_demo_node(a, a_bmc), _demo_node(b, b_bmc)],
            "services": [
                {"name": "maestro-db", "unit": "maestro-db.service"},
                {"name": "maestro", "unit": "maestro.service", "readiness": [{"http": _lui()}]},
            ],
            "replication": {
                "rsync": {
                    "paths": ["/srv/maestro"],
                    "intervalSeconds": interval_seconds,
                    "deadlineSeconds": 60,
                    "consistency": {"btrfs": {}},
                }
            },
            "traffic": [
                {
                    "name": "dns",
                    "dns": {
                        "servers": ["10.77.0.53"],
                        "zone": "example.org",
                        "names": ["maestro.example.org"],
                        "ttlSeconds": 5,
                        "tsigSecret": {"name": "dns-tsig"},
                    },
                }
            ],
            "localise": [{"name": "hosts", "hostsPin": {"names": ["maestro.example.org"]}}],
            "detection": {
                "vantagePoints": [{"operator": {}}, {"peer": {}}],
                "probes": [{"http": _lui()}],
                "periodSeconds": 1,
                "timeoutSeconds": 1,
                "downForSeconds": down_for_seconds,
                "startupGraceSeconds": 5,
            },
            "failover": {
                "automatic": automatic,
                # Twice the smallest that is admitted: the demo shows a failover, not a hold.
                "maxDataLossSeconds": 2 * (2 * interval_seconds + down_for_seconds + 60),
            },
            "verification": [
                {"name": "lui", "http": _lui()},
                {
                    "name": "lui-log",
                    "log": {
                        "path": "/srv/maestro/files/lui/logs/LUI-{yyyymmdd}.LOG",
                        "fail": ["SEVERE"],
                        "ok": ["start-up complete"],
                    },
                },
            ],
        },
    }


def demo_secrets(
    *, ssh_private_key: str, a_bmc: Account, b_bmc: Account, tsig: TsigKey, namespace: str = "maestro"
) -> tuple[Manifest, ...]:
    """Returns the Secrets that `demo_pair` names."""
    contents: dict[str, dict[str, str]] = {
        "node-ssh": {"ssh-privatekey": ssh_private_key},
        "a-bmc": {"password": a_bmc.password},
        "b-bmc": {"password": b_bmc.password},
        "dns-tsig": {"name": tsig.name, "algorithm": tsig.algorithm, "secret": tsig.secret},
    }
    return tuple(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "stringData": content,
        }
        for name, content in contents.items()
    )


def _demo_node(node: Identity, bmc: Account) -> Manifest:
    device = {
        "agent": "fence_redfish",
        "identity": bmc.uuid,
        "parameters": {
            "ip": bmc.host,
            "ipport": str(bmc.port),
            "username": bmc.username,
            "systems_uri": bmc.systems_uri,
            # The bed's authority is known to nobody; the agent has no way to be told of one.
            "ssl_insecure": "1",
        },
        "secret": {"name": f"{node.name}-bmc"},
    }
    return {
        "name": node.name,
        "address": node.address,
        "ssh": {
            "host": node.address,
            "hostKey": node.host_key,
            "credentialsSecret": {"name": "node-ssh"},
        },
        "fencing": [
            {"name": "graceful", "deadlineSeconds": 20},
            {"name": "bmc", "devices": [device], "deadlineSeconds": 40},
            {"name": "human"},
        ],
    }


def _lui() -> Manifest:
    return {"port": 80, "path": "/lui/", "host": "maestro.example.org", "pattern": "LISTSERV Maestro"}


def changed(manifest: Manifest, path: str, value: object) -> Manifest:
    """Returns a copy with one value set, by a path such as `spec.nodes.0.address`; `...` removes it."""
    copied = copy.deepcopy(manifest)
    *way, last = path.split(".")
    place: Any = copied
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    elif isinstance(place, list) and key == len(place):
        place.append(value)
    else:
        place[key] = value
    return copied


# ---------------------------------------------------------------- the chart


def rendered(
    namespace: str = "maestro-system", *, values: Mapping[str, object] | None = None, release: str = "maestro-operator"
) -> list[Manifest]:
    """Returns every object that the chart renders with these values on top of its own.

    Raises RenderError where helm refuses them.
    """
    helm = obtain_programs("helm")["helm"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(dict(values or {}), file)
        file.flush()
        command = [str(helm), "template", release, str(CHART), f"--namespace={namespace}", f"--values={file.name}"]
        # Without a cluster helm believes in the one it was built against, which is none when it is built from source.
        command.append(f"--kube-version={KUBERNETES_VERSION}")
        done = subprocess.run(command, capture_output=True, text=True, timeout=HELM_LIMIT_SECONDS, check=False)
    if done.returncode != 0:
        raise RenderError(done.stderr.strip())
    return [found for found in _documents(done.stdout) if found]


def rendered_rbac(namespace: str, *, secret_namespaces: tuple[str, ...] = ()) -> list[Manifest]:
    """Returns the ServiceAccount, roles and bindings that the chart gives the operator, and nothing else.

    The namespaces named are those whose Secrets the operator may get; their names must exist before this is applied.
    """
    chosen: dict[str, object] = {"rbac": {"secrets": [{"namespace": item} for item in secret_namespaces]}}
    return [found for found in rendered(namespace, values=chosen) if found["kind"] in RBAC_KINDS]
