"""Makes an API server serve MaestroPairs to an operator that has the chart's rights and no other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from support.bed import clock
from support.demo.story import NAMESPACE
from support.manifests import CRD_PATH, rendered_rbac

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.controlplane import ControlPlane
    from support.manifests import Manifest

OPERATOR_NAMESPACE, OPERATOR = "maestro-system", "maestro-operator"
CRD_NAME = "maestropairs.maestropair.dev"
SERVED_SECONDS = 20
FREE_LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"namespace": OPERATOR_NAMESPACE, "name": OPERATOR},
}
"""A Lease that nobody holds is taken at once; one that is missing may have been deleted under a leader."""


def serve_pairs(plane: ControlPlane, *, secrets: Iterable[Manifest] = ()) -> None:
    """Apply the CRD, the chart's rules and the Secrets; the pair itself is the story's first word."""
    plane.ensure_namespace(NAMESPACE)
    plane.ensure_namespace(OPERATOR_NAMESPACE)
    plane.run_kubectl("apply", "--server-side", "-f", str(CRD_PATH))
    clock.wait_until(
        lambda: _is_served(plane), timeout_seconds=SERVED_SECONDS, what="the API server to serve MaestroPairs"
    )
    rbac = rendered_rbac(OPERATOR_NAMESPACE, secret_namespaces=(NAMESPACE,))
    plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all([*rbac, FREE_LEASE, *secrets]))


def _is_served(plane: ControlPlane) -> bool:
    """Tell whether the API server serves the resource: its conditions are null for a moment."""
    status = json.loads(plane.run_kubectl("get", "crd", CRD_NAME, "-o", "json")).get("status") or {}
    conditions = status.get("conditions") or []
    return any((item["type"], item["status"]) == ("Established", "True") for item in conditions)
