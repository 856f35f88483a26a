"""One connection to the API server, with every call bounded in time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

if TYPE_CHECKING:
    from pathlib import Path

CALL_SECONDS = 5.0
"""No call to the API server is waited for longer than this."""
NOT_FOUND = 404
CONFLICT = 409


async def connect(kubeconfig: Path | None) -> client.ApiClient:
    """Return a client for a kubeconfig file, or for the cluster this process runs in.

    Raises:
        ConfigException: neither a kubeconfig nor a ServiceAccount is there.
    """
    configuration = client.Configuration()
    if kubeconfig is not None:
        await config.load_kube_config(
            config_file=str(kubeconfig), client_configuration=configuration, persist_config=False
        )
    else:
        config.load_incluster_config(client_configuration=configuration)
    return client.ApiClient(configuration)


def identity() -> str:
    """Return a name for this process that no other one has, for the Lease."""
    return f"{os.uname().nodename}-{os.getpid()}-{os.urandom(4).hex()}"


__all__ = ["CALL_SECONDS", "CONFLICT", "NOT_FOUND", "ApiException", "connect", "identity"]
