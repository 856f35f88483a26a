"""Objects of other kinds in the pair's own namespace, written by compare-and-swap like the resource itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from kubernetes.aio import client

from maestro_operator.kube.connection import CALL_SECONDS, CONFLICT, NOT_FOUND, ApiException, trouble_told
from maestro_operator.model.errors import StatusConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD_REQUEST, FORBIDDEN = 400, 403
UNKNOWN_KIND = "404 page not found"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object, as the API server names it."""

    group: str
    version: str
    plural: str
    kind: str


NODES = Kind("", "v1", "nodes", "Node")


class NotAllowed(LookupError):
    """The API server does not know the kind, or this operator may not touch it."""


class ObjectStore:
    """Reads and writes objects of one namespace."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        """Keep the connection; nothing is read yet."""
        self._api = api
        self._custom = client.CustomObjectsApi(api)
        self._namespace = namespace

    async def read(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Return the object, or None where there is none.

        Raises:
            NotAllowed: the kind is not known there, or may not be read.
            ApiTrouble: the API server cannot say.

        """
        where = (kind.group, kind.version, self._namespace, kind.plural, name)
        try:
            with trouble_told():
                found = await self._custom.get_namespaced_custom_object(*where, _request_timeout=CALL_SECONDS)
        except ApiException as error:
            if error.status == NOT_FOUND and UNKNOWN_KIND not in str(error.body):
                return None
            raise _told(error, kind) from error
        return cast("dict[str, Any]", found)

    async def selected(self, kind: Kind, selector: str) -> list[Mapping[str, Any]]:
        """Return every object that a selector fits.

        Raises:
            NotAllowed: the kind is not known there, or may not be listed.
            ApiTrouble: the API server cannot say.

        """
        where = (kind.group, kind.version, self._namespace, kind.plural)
        try:
            with trouble_told():
                found = await self._custom.list_namespaced_custom_object(
                    *where, label_selector=selector, _request_timeout=CALL_SECONDS
                )
        except ApiException as error:
            raise _told(error, kind) from error
        return list(cast("dict[str, Any]", found)["items"])

    async def create(self, kind: Kind, name: str, body: Mapping[str, Any]) -> None:
        """Create an object, each field of which the server knows: nothing is dropped in silence.

        Raises:
            StatusConflict: there is one of that name.
            NotAllowed: it may not be written.
            ApiTrouble: the API server cannot say.

        """
        full = {**body, "apiVersion": f"{kind.group}/{kind.version}", "kind": kind.kind}
        made = {**full, "metadata": {**body.get("metadata", {}), "name": name, "namespace": self._namespace}}
        where = (kind.group, kind.version, self._namespace, kind.plural)
        try:
            with trouble_told():
                await self._custom.create_namespaced_custom_object(
                    *where, made, field_validation="Strict", _request_timeout=CALL_SECONDS
                )
        except ApiException as error:
            if error.status == CONFLICT:
                raise StatusConflict(str(error.reason)) from error
            raise _told(error, kind) from error

    async def node(self, name: str) -> Mapping[str, Any] | None:
        """Return a node of the cluster, or None where there is none.

        Raises:
            NotAllowed: nodes may not be read.
            ApiTrouble: the API server cannot say.

        """
        try:
            with trouble_told():
                found = await client.CoreV1Api(self._api).read_node(name, _request_timeout=CALL_SECONDS)
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise _told(error, NODES) from error
        return cast("dict[str, Any]", self._api.sanitize_for_serialization(found))

    async def write(self, kind: Kind, name: str, body: Mapping[str, Any], *, version: str | None) -> None:
        """Create the object, or replace the one that has this resource version.

        Raises:
            StatusConflict: somebody wrote it since it was read.
            NotAllowed: it may not be written.
            ApiTrouble: the API server cannot say.

        """
        metadata = {**body.get("metadata", {}), "name": name, "namespace": self._namespace}
        full = {**body, "apiVersion": f"{kind.group}/{kind.version}", "kind": kind.kind}
        where = (kind.group, kind.version, self._namespace, kind.plural)
        try:
            with trouble_told():
                if version is None:
                    made = {**full, "metadata": metadata}
                    await self._custom.create_namespaced_custom_object(*where, made, _request_timeout=CALL_SECONDS)
                else:
                    made = {**full, "metadata": {**metadata, "resourceVersion": version}}
                    await self._custom.replace_namespaced_custom_object(
                        *where, name, made, _request_timeout=CALL_SECONDS
                    )
        except ApiException as error:
            if error.status == CONFLICT:
                raise StatusConflict(str(error.reason)) from error
            raise _told(error, kind) from error


def _told(error: ApiException, kind: Kind) -> Exception:
    if error.status == NOT_FOUND:
        return NotAllowed(f"this cluster has no {kind.plural}.{kind.group}: install what serves them")
    if error.status == FORBIDDEN:
        what = f"{kind.plural}.{kind.group}".rstrip(".")
        is_of_a_machine = kind == NODES or kind.group == "kubevirt.io"
        asked = "rbac.kubevirt" if is_of_a_machine else "traffic rights"
        return NotAllowed(f"this operator may not touch {what}: set {asked} in the chart")
    if error.status == BAD_REQUEST:
        return NotAllowed(f"this cluster's {kind.kind} does not know a field that is needed: upgrade what serves it")
    return error
