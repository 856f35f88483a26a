"""Plain requests about MaestroPairs to a real API server, each way a caller can write, and what it answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kubernetes import config

from support.controlplane import CommandError
from support.controlplane.clock import await_condition
from support.manifests import CRD_PATH, GROUP_VERSION, Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from support.controlplane import ControlPlane

ESTABLISHED_SECONDS = 30.0
LIMIT_SECONDS = 15.0
CONTENT_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
Way = Literal["merge", "json", "apply"]


def install_schema(plane: ControlPlane) -> None:
    """Gives the API server the CustomResourceDefinition, and returns when it serves pairs."""
    plane.run_kubectl("apply", "--server-side", "-f", str(CRD_PATH))
    await_served(plane)


def await_served(plane: ControlPlane) -> None:
    """Returns when the API server serves pairs.

    `kubectl wait` and jsonpath are no help: both fail on a definition so new that its conditions are still null.
    """

    def served() -> bool:
        try:
            plane.run_kubectl("get", "--raw", f"/apis/{GROUP_VERSION}/maestropairs")
        except CommandError:
            return False
        return True

    assert await_condition(served, within_seconds=ESTABLISHED_SECONDS, every_seconds=0.2)


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: Manifest

    @property
    def message(self) -> str:
        """Its words; empty where it took the object."""
        return "" if self.is_good else str(self.body.get("message", self.body))

    @property
    def is_good(self) -> bool:
        """Whether it took the object."""
        return self.status < 300


class PairApi:
    """MaestroPairs of one namespace; every write is validated strictly."""

    def __init__(self, kubeconfig: Path, *, namespace: str) -> None:
        self._client = config.new_client_from_config(config_file=str(kubeconfig))
        self._path = f"/apis/{GROUP_VERSION}/namespaces/{namespace}/maestropairs"

    def create(self, pair: Manifest, *, dry_run: bool = False) -> Answer:
        """Sends a new pair, or only asks whether it would be taken."""
        return self._send("POST", "?fieldValidation=Strict" + "&dryRun=All" * dry_run, pair)

    def read(self, name: str) -> Answer:
        """Reads a pair."""
        return self._send("GET", f"/{name}", None)

    def replace(self, pair: Manifest, *, subresource: str = "", dry_run: bool = False) -> Answer:
        """Puts a whole pair in the place of the one that is there, or only asks whether that would be taken."""
        query = "?fieldValidation=Strict" + "&dryRun=All" * dry_run
        return self._send("PUT", f"/{pair['metadata']['name']}{subresource}{query}", pair)

    def patch(self, name: str, body: object, *, way: Way = "merge", subresource: str = "") -> Answer:
        """Changes a pair by a merge patch, a JSON patch or an apply."""
        query = "?fieldValidation=Strict" + "&fieldManager=tests&force=true" * (way == "apply")
        return self._send("PATCH", f"/{name}{subresource}{query}", body, content_type=CONTENT_TYPES[way])

    def delete(self, name: str) -> Answer:
        """Deletes a pair."""
        return self._send("DELETE", f"/{name}", None)

    def _send(self, method: str, tail: str, body: object, *, content_type: str = "application/json") -> Answer:
        url = f"{self._client.configuration.host}{self._path}{tail}"
        headers = {"Content-Type": content_type, "Accept": "application/json", **self._authorization()}
        answer = self._client.rest_client.pool_manager.request(
            method,
            url,
            body=None if body is None else json.dumps(body).encode(),
            headers=headers,
            timeout=LIMIT_SECONDS,
            retries=False,
        )
        return Answer(status=answer.status, body=json.loads(answer.data))

    def _authorization(self) -> dict[str, str]:
        token = self._client.configuration.get_api_key_with_prefix("BearerToken")
        return {"Authorization": token} if token else {}
