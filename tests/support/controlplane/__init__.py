"""A real control plane without a container engine: etcd and kube-apiserver as processes of the caller, RBAC on.

```
with ControlPlane.start(directory) as plane:
    plane.run_kubectl("apply", "-f", "crds/")
    kubeconfig = plane.kubeconfig_for_service_account("maestro", "operator")
```

From a shell: `python -m support.controlplane up|down|status|build`. There is no controller-manager: see `plane` for
what nobody does then (default ServiceAccounts, the end of a namespace's deletion, pods).
"""

from __future__ import annotations

from support.controlplane.errors import BuildError, CommandError, ControlPlaneError, NotOursError, NotReadyError
from support.controlplane.plane import ControlPlane
from support.controlplane.programs import obtain_programs

__all__ = [
    "BuildError",
    "CommandError",
    "ControlPlane",
    "ControlPlaneError",
    "NotOursError",
    "NotReadyError",
    "obtain_programs",
]
