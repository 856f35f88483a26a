"""Kubeconfigs, written as JSON (which is YAML) for their owner's eyes only."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Cluster:
    """Where an API server is and how it is known."""

    server: str
    ca: bytes
    """Its authority's certificate, PEM."""


def user_with_certificate(*, certificate: Path, key: Path) -> dict[str, str]:
    """Returns the user entry of a client certificate, its content included."""
    return {
        "client-certificate-data": _encoded(certificate.read_bytes()),
        "client-key-data": _encoded(key.read_bytes()),
    }


def user_with_token(token: str) -> dict[str, str]:
    """Returns the user entry of a bearer token."""
    return {"token": token}


def write_kubeconfig(
    path: Path,
    *,
    cluster: Cluster,
    user: Mapping[str, str],
    namespace: str = "default",
) -> Path:
    """Writes a kubeconfig that needs no other file, in place of an older one at once."""
    name = "maestro-pair"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": cluster.server, "certificate-authority-data": _encoded(cluster.ca)}}
        ],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:  # noqa: PTH123 - the descriptor carries the mode
        json.dump(content, file, indent=2)
        file.write("\n")
    return fresh.rename(path)


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
