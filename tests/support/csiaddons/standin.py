"""What csi-addons' controller does with VolumeReplications, as far as anybody can read it from the API.

It is no csi-addons, and no storage is behind it: the volumes are lists in this process. Both sides are namespaces of
one API server, where there would be two clusters.
"""

import json
import threading
from pathlib import Path
from typing import Any, Self

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from maestro_operator.drivers.replication.volume_text import VOLUMES
from support.csiaddons.storage import MirroredStorage

NAME = "maestro"
NAMESPACES = {"a": "site-a", "b": "site-b"}
LOOK_SECONDS = 0.05
CONFLICT, NOT_FOUND = 409, 404
NOW = "2026-01-01T00:00:00Z"


class Standin:
    """Both controllers, and the storage behind them."""

    def __init__(self, kubeconfig: Path) -> None:
        """Connects as an administrator; nothing is there yet."""
        self._custom = client.CustomObjectsApi(config.new_client_from_config(config_file=str(kubeconfig)))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._lock = threading.Lock()
        self._storage: MirroredStorage | None = None

    def __enter__(self) -> Self:
        """Begins to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Looks no more."""
        self._ended.set()
        self._thread.join()

    def begin(self, storage: MirroredStorage, ordered: dict[str, str], **spec: object) -> None:
        """Makes both objects anew over a storage, with what each is ordered to be."""
        with self._lock:
            self._storage = storage
            for side, word in ordered.items():
                where = (VOLUMES.group, VOLUMES.version, NAMESPACES[side], VOLUMES.plural)
                self._custom.delete_collection_namespaced_custom_object(*where)
                source = {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": NAME}
                wanted = {"volumeReplicationClass": "mirrored", "dataSource": source, "replicationState": word, **spec}
                body = {"apiVersion": f"{VOLUMES.group}/{VOLUMES.version}", "kind": VOLUMES.kind}
                self._custom.create_namespaced_custom_object(
                    *where, {**body, "metadata": {"name": NAME}, "spec": wanted}
                )

    def found(self, side: str) -> dict[str, Any]:
        """Returns the object of a side as it is now."""
        where = (VOLUMES.group, VOLUMES.version, NAMESPACES[side], VOLUMES.plural, NAME)
        return dict(json.loads(json.dumps(self._custom.get_namespaced_custom_object(*where))))

    def patch(self, side: str, change: dict[str, Any]) -> None:
        """Merges something into the object of a side, as anybody may."""
        where = (VOLUMES.group, VOLUMES.version, NAMESPACES[side], VOLUMES.plural, NAME)
        self._custom.patch_namespaced_custom_object(*where, change)

    def _run(self) -> None:
        while not self._ended.is_set():
            for side in NAMESPACES:
                try:
                    with self._lock:
                        self._look(side)
                except ApiException as error:
                    # Somebody wrote or deleted it meanwhile; the next look sees what there is then.
                    if error.status not in (CONFLICT, NOT_FOUND):
                        raise
            self._ended.wait(LOOK_SECONDS)

    def _look(self, side: str) -> None:
        if self._storage is None:
            return
        found = self.found(side)
        status = self._storage.reconcile(side, _plain(found))
        if status is None or status == _plain(found).get("status"):
            return
        conditions = [{**item, "message": "", "lastTransitionTime": NOW} for item in status["conditions"]]
        told = {**status, "conditions": conditions}
        if not told.get("lastSyncTime"):
            told.pop("lastSyncTime", None)
        where = (VOLUMES.group, VOLUMES.version, NAMESPACES[side], VOLUMES.plural, NAME)
        self._custom.replace_namespaced_custom_object_status(*where, {**found, "status": told})


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Returns an object whose conditions have what the storage's controller gives them, and no moments."""
    status = dict(found.get("status") or {})
    left = ("message", "lastTransitionTime")
    conditions = [{key: item[key] for key in item if key not in left} for item in status.get("conditions", [])]
    return {**found, "status": {**status, "conditions": conditions}} if status else found
