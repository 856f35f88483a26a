"""Pairs as the API server has them, for the command line: read, and patched like anybody would."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pykube.config import KubeConfig
from pykube.exceptions import HTTPError, PyKubeError
from pykube.http import HTTPClient
from pykube.objects import NamespacedAPIObject

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL_SECONDS = 10
CONFLICT = 409


class MaestroPair(NamespacedAPIObject):
    """One MaestroPair."""

    version = "maestropair.dev/v1alpha1"
    endpoint = "maestropairs"
    kind = "MaestroPair"


class CannotError(Exception):
    """What was asked for cannot be done; the message says why."""


def connect(kubeconfig: str | None) -> HTTPClient:
    """Return a client for the named kubeconfig, else for the usual one.

    Raises:
        CannotError: there is no usable kubeconfig.

    """
    usual = str(Path.home() / ".kube" / "config")
    candidates = [kubeconfig] if kubeconfig else os.environ.get("KUBECONFIG", usual).split(os.pathsep)
    path = next((name for name in candidates if name and Path(name).is_file()), None)
    if path is None:
        raise CannotError(
            f"there is no kubeconfig at {' or '.join(filter(None, candidates))}; name one by --kubeconfig"
        )
    try:
        config = KubeConfig.from_file(path)  # type: ignore[no-untyped-call]  # pykube has no annotation there
        return HTTPClient(config, timeout=CALL_SECONDS)
    except (PyKubeError, KeyError, TypeError) as error:
        raise CannotError(f"{path} is no usable kubeconfig: {error}") from error


def read(api: HTTPClient, namespace: str | None, name: str) -> MaestroPair:
    """Read one pair; without a namespace from the one of the kubeconfig's context.

    Raises:
        CannotError: it is not there, or may not be read.

    """
    where = namespace or api.config.namespace
    try:
        pair = MaestroPair.objects(api).filter(namespace=where).get_or_none(name=name)
    except HTTPError as error:
        raise CannotError(f"{where}/{name} cannot be read: {error}") from error
    if not isinstance(pair, MaestroPair):
        raise CannotError(f"there is no MaestroPair {name} in namespace {where}")
    return pair


def add_answer(pair: MaestroPair, answer: Mapping[str, str]) -> None:
    """Add one answer to the spec, refused by the server where somebody else wrote meanwhile.

    Raises:
        CannotError: it was refused.

    """
    answers: list[Any] = [*pair.obj["spec"].get("answers", []), dict(answer)]
    patch = {
        "metadata": {"resourceVersion": pair.obj["metadata"]["resourceVersion"]},
        "spec": {"answers": answers},
    }
    try:
        pair.patch(patch)  # type: ignore[no-untyped-call]  # pykube has no annotation there
    except HTTPError as error:
        if error.code == CONFLICT:
            raise CannotError(
                "somebody changed the pair meanwhile, nothing was answered: look and try again"
            ) from error
        raise CannotError(f"the answer was refused: {error}") from error
