"""Pairs as the API server has them, for the command line: read, and patched like anybody would."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import requests
from pykube.config import KubeConfig
from pykube.exceptions import HTTPError, PyKubeError
from pykube.http import HTTPClient
from pykube.objects import NamespacedAPIObject

from maestro_operator.cli.change import CannotError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from maestro_operator.cli.change import Change

CALL_SECONDS = 10
CONFLICT = 409


class MaestroPair(NamespacedAPIObject):
    """One MaestroPair."""

    version = "maestropair.dev/v1alpha1"
    endpoint = "maestropairs"
    kind = "MaestroPair"


class Event(NamespacedAPIObject):
    """One event of events.k8s.io."""

    version = "events.k8s.io/v1"
    endpoint = "events"
    kind = "Event"


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


def call(api: HTTPClient, verb: Literal["get", "post", "patch"], **request: Any) -> Response:  # noqa: ANN401
    """Make one request as pykube takes it, and return whatever the API server said."""
    answer: Response = getattr(api, verb)(**request)
    return answer


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


def events_of(pair: MaestroPair) -> list[Mapping[str, Any]]:
    """Return every event about exactly this pair; one of an earlier pair of the name is not among them.

    Raises:
        CannotError: they may not be read.

    """
    mine = {"regarding.uid": pair.obj["metadata"]["uid"]}
    try:
        found = Event.objects(pair.api).filter(namespace=pair.namespace, field_selector=mine)
        return [event.obj for event in found]
    except (HTTPError, requests.HTTPError) as error:
        raise CannotError(f"the events of {pair.namespace}/{pair.name} cannot be read: {error}") from error


def change(pair: MaestroPair, wanted: Change, *, only_try: bool) -> None:
    """Change the spec, refused by the server where somebody else wrote meanwhile; or only ask whether it would be.

    Raises:
        CannotError: it was refused.

    """
    patch = {"metadata": {"resourceVersion": pair.obj["metadata"]["resourceVersion"]}, "spec": dict(wanted.spec)}
    way = {"fieldValidation": "Strict", "fieldManager": "kubectl-maestro"} | ({"dryRun": "All"} if only_try else {})
    request = pair.api_kwargs(  # type: ignore[no-untyped-call]  # pykube has no annotation there
        headers={"Content-Type": "application/merge-patch+json"}, data=json.dumps(patch), params=way
    )
    answer = call(pair.api, "patch", **request)
    try:
        pair.api.raise_for_status(answer)  # type: ignore[no-untyped-call]  # nor there
    except HTTPError as error:
        if error.code == CONFLICT:
            raise CannotError("somebody changed the pair meanwhile, nothing was changed: look and try again") from error
        raise CannotError(f"the change was refused: {error}") from error
    if not only_try:
        pair.set_obj(answer.json())
