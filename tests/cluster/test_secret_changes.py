"""A changed Secret of a fence device is noticed on a real API server within seconds, by the right to `get` alone."""

import asyncio
import json
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.kube.connection import connect
from maestro_operator.kube.secrets import SecretReader
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference, Ssh
from maestro_operator.model.status import FrozenNode
from maestro_operator.observe.credentials import SECRET_PERIOD_SECONDS, CredentialWatch
from support.controlplane import ControlPlane

pytestmark = pytest.mark.timeout(60)

NAMESPACE, NAME = "changing", "a-bmc"
READER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "reads-one-secret"},
    "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [NAME], "verbs": ["get"]}],
}
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "reads-one-secret"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reads-one-secret"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
}


def secret(password: str) -> dict[str, object]:
    meta = {"name": NAME, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"password": password}}


def with_a_device() -> FrozenNode:
    device = FencingDevice(agent="fence_redfish", identity="x", secret=SecretReference(name=NAME))
    ssh = Ssh(host="192.0.2.1", host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="ssh"))
    return FrozenNode(name="a", address="192.0.2.1", ssh=ssh, fencing=(FencingRung(name="bmc", devices=(device,)),))


async def test_a_changed_secret_is_noticed_within_seconds(schema_plane: ControlPlane) -> None:
    schema_plane.ensure_namespace(NAMESPACE)
    for item in (READER, BINDING, secret("first")):
        schema_plane.run_kubectl("apply", "-f", "-", input_text=json.dumps(item))
    clock = SystemClock()
    api = await connect(schema_plane.admin_kubeconfig)
    api.set_default_header("Impersonate-User", "reader")
    fencing = AgentFencing(
        namespace=NAMESPACE, folder=Path("/usr/sbin"), secrets=SecretReader(api, clock=clock), clock=clock
    )
    watch = CredentialWatch(with_a_device(), fencing, clock=clock, pairs=lambda: 1)

    async def noticed(within_seconds: float) -> bool:
        ends = clock.monotonic_seconds() + within_seconds
        while clock.monotonic_seconds() < ends:
            if watch.changed():
                return True
            await asyncio.sleep(0.1)
        return False

    before = await noticed(2 * SECRET_PERIOD_SECONDS)
    schema_plane.run_kubectl("apply", "-f", "-", input_text=json.dumps(secret("second")))
    after = await noticed(3 * SECRET_PERIOD_SECONDS)
    watch.close()
    await api.close()

    assert (before, after) == (False, True)
