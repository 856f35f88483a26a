"""Definitions of KubeVirt's kinds with the fields that are used here, as they are named and typed there."""

from typing import Any

GROUP = "kubevirt.io"
TEXT: dict[str, Any] = {"type": "string"}
TRUTH: dict[str, Any] = {"type": "boolean"}
ANYTHING: dict[str, Any] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def of(names: tuple[str, ...], kind: dict[str, Any]) -> dict[str, Any]:
    """Returns fields of one type."""
    return {name: dict(kind) for name in names}


MOVE = {
    "type": "object",
    "properties": {
        **of(("sourceNode", "targetNode", "migrationUid", "failureReason", "mode"), TEXT),
        **of(("completed", "failed", "abortRequested"), TRUTH),
        **of(("startTimestamp", "endTimestamp"), {"type": "string", "format": "date-time"}),
    },
}
CONDITIONS = {
    "type": "array",
    "items": {"type": "object", "properties": of(("type", "status", "reason", "message"), TEXT)},
}
KINDS: dict[str, dict[str, Any]] = {
    "VirtualMachine": {"spec": ANYTHING, "status": ANYTHING},
    "VirtualMachineInstance": {
        "spec": ANYTHING,
        "status": {
            "type": "object",
            "properties": {"phase": TEXT, "nodeName": TEXT, "conditions": CONDITIONS, "migrationState": MOVE},
        },
    },
    "VirtualMachineInstanceMigration": {
        "spec": {
            "type": "object",
            "properties": {"vmiName": TEXT, "addedNodeSelector": {"type": "object", "additionalProperties": TEXT}},
        },
        "status": {"type": "object", "properties": {"phase": TEXT, "migrationState": MOVE, "conditions": CONDITIONS}},
    },
}


def definitions(*, without: str = "") -> list[dict[str, Any]]:
    """Returns a definition for each kind; an older version is one `without` a field of a migration's spec."""
    found = [_definition(kind, fields) for kind, fields in KINDS.items()]
    if without:
        schema = found[-1]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        fields = schema["properties"]["spec"]["properties"]
        kept = {name: field for name, field in fields.items() if name != without}
        schema["properties"] = {**schema["properties"], "spec": {"type": "object", "properties": kept}}
    return found


def _definition(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "properties": {"metadata": {"type": "object"}, **fields}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{**version, "subresources": {"status": {}}}],
        },
    }
