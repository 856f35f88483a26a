"""What KubeVirt's controller does with an instance and its migrations, as far as anybody can read it from the API.

It is no KubeVirt: no guest runs. It moves the instance's `nodeName` as KubeVirt would, after a migration went through
its phases; it refuses a second migration in flight, waits for ever for a host that is not ready, and can be stuck half
way.
"""

import json
import threading
from pathlib import Path
from typing import Any, Self

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from support.kubevirt.definitions import GROUP

NAMESPACE, GUEST = "machines", "maestro"
HOSTS = {"a": "node-a", "b": "node-b"}
INSTANCES, MIGRATIONS = "virtualmachineinstances", "virtualmachineinstancemigrations"
HOST_NAME = "kubernetes.io/hostname"
LOOK_SECONDS = 0.05
ENDED = ("Succeeded", "Failed")
CONFLICT, NOT_FOUND = 409, 404
NOW = "2026-01-01T00:00:00Z"


class Standin:
    """The controller, the two hosts, and where the guest would really run."""

    def __init__(self, kubeconfig: Path) -> None:
        """Connects as an administrator; nothing is there yet."""
        api = config.new_client_from_config(config_file=str(kubeconfig))
        self._core, self._custom = client.CoreV1Api(api), client.CustomObjectsApi(api)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._lock = threading.RLock()
        self.uid = ""
        self.runs_on: str | None = None
        """The host where the guest runs, whatever the API says."""
        self.is_cut = False
        """No migration gets through."""
        self.is_stuck = False
        """A migration that is under way does not end."""

    def __enter__(self) -> Self:
        """Makes hosts and machine, and begins to look."""
        machine = self._create("VirtualMachine", {"spec": {"runStrategy": "Always"}})
        self.uid = machine["metadata"]["uid"]
        for host in HOSTS.values():
            metadata = client.V1ObjectMeta(name=host, labels={HOST_NAME: host})
            self._core.create_node(client.V1Node(metadata=metadata))
        self._thread.start()
        self.clean()
        return self

    def __exit__(self, *_: object) -> None:
        """Looks no more."""
        self._ended.set()
        self._thread.join()

    def clean(self) -> None:
        """Has the machine run on a, with both hosts well and no migration left."""
        with self._lock:
            self.is_cut = self.is_stuck = False
            self._custom.delete_collection_namespaced_custom_object(GROUP, "v1", NAMESPACE, MIGRATIONS)
            for host in HOSTS:
                self.power(host, on=True)
            self.start("a")

    # ------------------------------------------------------------ what the cluster does by itself

    def power(self, name: str, *, on: bool) -> None:
        """Lets the cluster hear of a host, or not; what ran there without power runs no more."""
        if not on and self.runs_on == name:
            self.runs_on = None
        info = {"machineID": f"machine-{name}-0123456789", "bootID": f"boot-{name}-0123456789"}
        ready = {"type": "Ready", "status": "True" if on else "Unknown", "message": "kubelet posts status"}
        if not on:
            ready["message"] = "Kubelet stopped posting node status."
        ready |= {"lastTransitionTime": NOW, "lastHeartbeatTime": NOW, "reason": "Standin"}
        self._core.patch_node_status(HOSTS[name], {"status": {"conditions": [ready], "nodeInfo": _info(info)}})

    def start(self, name: str, *, owner: str | None = None) -> None:
        """Has an instance run on a host, anew."""
        with self._lock:
            self.stop()
            owners = [{"apiVersion": f"{GROUP}/v1", "kind": "VirtualMachine", "name": GUEST, "uid": owner or self.uid}]
            body = {"metadata": {"ownerReferences": owners}, "spec": {}}
            self._create("VirtualMachineInstance", body)
            self.tell({"phase": "Running", "nodeName": HOSTS[name]})
            self.runs_on = name

    def stop(self) -> None:
        """Ends the instance and deletes it."""
        with self._lock:
            self.runs_on = None
            try:
                self._custom.delete_namespaced_custom_object(GROUP, "v1", NAMESPACE, INSTANCES, GUEST)
            except ApiException as error:
                if error.status != NOT_FOUND:
                    raise

    def tell(self, status: dict[str, Any], *, plural: str = INSTANCES, name: str = GUEST) -> None:
        """Merges something into the status of an object."""
        self._custom.patch_namespaced_custom_object_status(GROUP, "v1", NAMESPACE, plural, name, {"status": status})

    def migrations(self) -> list[dict[str, Any]]:
        """Returns every migration that was asked for."""
        found = self._custom.list_namespaced_custom_object(GROUP, "v1", NAMESPACE, MIGRATIONS)
        return list(json.loads(json.dumps(found))["items"])

    # ------------------------------------------------------------ the controller

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with self._lock:
                    self._look()
            except ApiException as error:
                # Somebody wrote or deleted it meanwhile; the next look sees what there is then.
                if error.status not in (CONFLICT, NOT_FOUND):
                    raise
            self._ended.wait(LOOK_SECONDS)

    def _look(self) -> None:
        open_ones = [item for item in self.migrations() if (item.get("status") or {}).get("phase") not in ENDED]
        open_ones.sort(key=lambda item: (item["metadata"]["creationTimestamp"], (item.get("status") or {}) == {}))
        for at, item in enumerate(open_ones):
            if at:
                self._end(item, failed="in-flight migration detected")
            else:
                self._go_on(item)

    def _go_on(self, item: dict[str, Any]) -> None:
        target = next(
            (name for name, host in HOSTS.items() if item["spec"]["addedNodeSelector"] == {HOST_NAME: host}), None
        )
        source, phase = self.runs_on, (item.get("status") or {}).get("phase")
        if source is None or target is None or source == target:
            self._end(item, failed="there is nothing to move there")
        elif not self._is_ready(target):
            self._step(item, "Pending")
        elif phase != "Running":
            self.tell({"migrationState": _move(source, target)})
            self._step(item, "Running")
        elif self.is_cut:
            self.tell({"migrationState": {"failed": True, "completed": True, "endTimestamp": NOW}})
            self._end(item, failed="the target refuses the connection")
        elif not self.is_stuck:
            self.runs_on = target
            self.tell({"nodeName": HOSTS[target], "migrationState": {"completed": True, "endTimestamp": NOW}})
            self._end(item)

    def _is_ready(self, name: str) -> bool:
        status = self._core.read_node(HOSTS[name]).status
        conditions = (status.conditions if status else None) or []
        return any(item.type == "Ready" and item.status == "True" for item in conditions)

    def _step(self, item: dict[str, Any], phase: str) -> None:
        if (item.get("status") or {}).get("phase") != phase:
            self.tell({"phase": phase}, plural=MIGRATIONS, name=item["metadata"]["name"])

    def _end(self, item: dict[str, Any], *, failed: str = "") -> None:
        state = {"completed": True, "failed": bool(failed), "failureReason": failed}
        phase = "Failed" if failed else "Succeeded"
        self.tell({"phase": phase, "migrationState": state}, plural=MIGRATIONS, name=item["metadata"]["name"])

    def _create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        metadata = {**body.get("metadata", {}), "name": GUEST}
        full = {**body, "apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata}
        made = self._custom.create_namespaced_custom_object(GROUP, "v1", NAMESPACE, f"{kind.lower()}s", full)
        return dict(json.loads(json.dumps(made)))


def _move(source: str, target: str) -> dict[str, Any]:
    """Returns the state of a move that has begun; what an earlier one left is taken back."""
    ended = {"completed": None, "failed": None, "endTimestamp": None}
    return {"sourceNode": HOSTS[source], "targetNode": HOSTS[target], "startTimestamp": NOW, **ended}


def _info(known: dict[str, str]) -> dict[str, str]:
    wanted = (
        *("architecture", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "kubeletVersion"),
        *("operatingSystem", "osImage", "systemUUID"),
    )
    return {**dict.fromkeys(wanted, "standin"), **known}
