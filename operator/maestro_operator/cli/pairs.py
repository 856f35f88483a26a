"""Pairs as the API server has them, for the command line: read, and patched like anybody would."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pykube
from pykube.objects import NamespacedAPIObject

if TYPE_CHECKING:
    from collections.abc import Mapping


class MaestroPair(NamespacedAPIObject):
    """One MaestroPair."""

    version = "maestropair.dev/v1alpha1"
    endpoint = "maestropairs"
    kind = "MaestroPair"


class NoSuchPairError(Exception):
    """There is no such pair in the namespace, or it may not be read."""


def connect(kubeconfig: str | None) -> pykube.HTTPClient:
    """Return a client for the named kubeconfig, else for the usual one.

    Raises:
        pykube.exceptions.PyKubeError: there is no usable kubeconfig.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return pykube.HTTPClient(pykube.KubeConfig.from_file(path), timeout=10)


def read(api: pykube.HTTPClient, namespace: str, name: str) -> MaestroPair:
    """Read one pair.

    Raises:
        NoSuchPairError: it is not there.
    """
    pair = MaestroPair.objects(api).filter(namespace=namespace).get_or_none(name=name)
    if pair is None:
        message = f"there is no MaestroPair {name} in namespace {namespace}"
        raise NoSuchPairError(message)
    return pair


def add_answer(pair: MaestroPair, answer: Mapping[str, str]) -> None:
    """Add one answer to the spec, refused by the server where somebody else wrote meanwhile."""
    answers: list[Any] = [*pair.obj["spec"].get("answers", []), dict(answer)]
    patch = {
        "metadata": {"resourceVersion": pair.obj["metadata"]["resourceVersion"]},
        "spec": {"answers": answers},
    }
    pair.patch(patch)
