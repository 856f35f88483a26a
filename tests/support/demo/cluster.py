"""Makes an API server serve MaestroPairs to an operator that has the chart's rights and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from support.demo.story import NAMESPACE
from support.manifests import rendered_rbac
from support.pair_api import install_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.controlplane import ControlPlane
    from support.manifests import Manifest

OPERATOR_NAMESPACE, OPERATOR = "maestro-system", "maestro-operator"
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
    install_schema(plane)
    rbac = rendered_rbac(OPERATOR_NAMESPACE, secret_namespaces=(NAMESPACE,))
    plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all([*rbac, FREE_LEASE, *secrets]))
