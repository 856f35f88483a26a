"""A definition of csi-addons' VolumeReplication with the fields that are used here, named as they are there."""

from typing import Any

from maestro_operator.drivers.replication.volume_text import VOLUMES

TEXT: dict[str, Any] = {"type": "string"}
MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
NUMBER: dict[str, Any] = {"type": "integer", "format": "int64"}
FIXED = [{"rule": "self == oldSelf", "message": "this cannot be changed"}]
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["volumeReplicationClass", "replicationState", "dataSource", "autoResync"],
    "properties": {
        "volumeReplicationClass": {**TEXT, "x-kubernetes-validations": FIXED},
        "replicationState": {**TEXT, "enum": ["primary", "secondary", "resync"]},
        "dataSource": {
            "type": "object",
            "required": ["kind", "name"],
            "properties": {"apiGroup": TEXT, "kind": TEXT, "name": TEXT},
            "x-kubernetes-validations": FIXED,
        },
        "autoResync": {"type": "boolean", "default": False},
        "replicationHandle": TEXT,
    },
}
CONDITION: dict[str, Any] = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        **dict.fromkeys(("type", "status", "reason", "message"), TEXT),
        "lastTransitionTime": MOMENT,
        "observedGeneration": NUMBER,
    },
}
STATUS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "state": TEXT,
        "message": TEXT,
        "conditions": {"type": "array", "items": CONDITION},
        "observedGeneration": NUMBER,
        "lastSyncTime": MOMENT,
        "lastSyncDuration": TEXT,
    },
}


def definition() -> dict[str, Any]:
    """Returns the definition, status apart from the rest as it is there."""
    fields = {"metadata": {"type": "object"}, "spec": SPEC, "status": STATUS}
    version = {"name": VOLUMES.version, "served": True, "storage": True, "subresources": {"status": {}}}
    schema = {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": fields}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{VOLUMES.plural}.{VOLUMES.group}"},
        "spec": {
            "group": VOLUMES.group,
            "scope": "Namespaced",
            "names": {"kind": VOLUMES.kind, "plural": VOLUMES.plural, "singular": VOLUMES.kind.lower()},
            "versions": [{**version, "schema": schema}],
        },
    }
