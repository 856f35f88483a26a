"""The custom resource: read whole, its status replaced and its finalizer held by compare-and-swap.

The status is replaced, never merged: what a merge leaves behind is a second author. The
replacement carries the `resourceVersion` that was read, so somebody else's write in between
refuses it, and the uid is compared here because the API server does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from kubernetes.aio import client
from pydantic import ValidationError

from maestro_operator.kube.connection import CALL_SECONDS, CONFLICT, NOT_FOUND, ApiException, trouble_told
from maestro_operator.model.claims import Claimant, claims_of
from maestro_operator.model.errors import StatusConflict
from maestro_operator.model.pair import PairKey, PairSpec
from maestro_operator.model.surroundings import FINALIZER, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GROUP = "maestropair.dev"
VERSION = "v1alpha1"
PLURAL = "maestropairs"
KIND = "MaestroPair"
WAKE_ANNOTATION = "maestropair.dev/look-again"
"""Any change of its value makes the operator take a turn at once."""
PAGE = 500
"""So many pairs are listed by one answer, which comes and is read well within a call's time."""
LIST_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Noticed:
    """What is taken note of when a pair is listed or watched: all that is a reason to wake its loop."""

    key: PairKey
    generation: int
    is_deleting: bool
    wake_word: str
    claimant: Claimant | None = None
    """What it wants and holds, beside the other pairs."""
    resource_version: str = field(default="", compare=False)
    """The state it was noticed in; that alone is nothing to notice."""


@contextlib.contextmanager
def _written_beside() -> Iterator[None]:
    """Turn the refusal of a write whose object has changed or gone since it was read into a StatusConflict."""
    try:
        yield
    except ApiException as error:
        if error.status in (CONFLICT, NOT_FOUND):
            raise StatusConflict(str(error.reason)) from error
        raise


def resource_of(body: Mapping[str, Any]) -> Resource:
    """Return the resource that an API object's body is."""
    meta = body["metadata"]
    return Resource(
        key=PairKey(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"]),
        resource_version=meta["resourceVersion"],
        generation=meta.get("generation", 0),
        is_deleting="deletionTimestamp" in meta,
        annotations=dict(meta.get("annotations") or {}),
        spec=body.get("spec") or {},
        status=body.get("status") or {},
        finalizers=tuple(meta.get("finalizers") or ()),
        answers_by=_answers_by(meta),
    )


def _answers_by(meta: Mapping[str, Any]) -> str | None:
    """Return which client wrote `spec.answers` last and when; nobody can tell the person behind it from here."""
    written = [
        item
        for item in meta.get("managedFields") or ()
        if "f:answers" in (item.get("fieldsV1") or {}).get("f:spec", {})
    ]
    last = max(written, key=lambda item: str(item.get("time", "")), default=None)
    return None if last is None else f"{last.get('manager', 'unknown')} at {last.get('time', 'unknown')}"[:256]


def noticed_of(body: Mapping[str, Any]) -> Noticed:
    """Return what there is to notice of an API object's body; its status is nothing to notice."""
    meta = body["metadata"]
    return Noticed(
        key=PairKey(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"]),
        generation=meta.get("generation", 0),
        is_deleting="deletionTimestamp" in meta,
        wake_word=str((meta.get("annotations") or {}).get(WAKE_ANNOTATION, "")),
        claimant=_claimant_of(body),
        resource_version=meta["resourceVersion"],
    )


def _claimant_of(body: Mapping[str, Any]) -> Claimant:
    """Return what an object wants and holds; one that cannot be carried out wants nothing yet."""
    meta = body["metadata"]
    try:
        wants = frozenset(claims_of(PairSpec.model_validate(body.get("spec") or {})))
    except ValidationError:
        wants = frozenset()
    return Claimant(
        key=PairKey(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"]),
        created_at=str(meta.get("creationTimestamp", "")),
        wants=wants,
        holds=frozenset((body.get("status") or {}).get("claims") or ()),
    )


async def list_pairs(api: client.ApiClient, namespace: str | None, *, page: int = PAGE) -> list[Noticed]:
    """Return every pair there is, in one namespace or in all, as of one moment; `page` of them an answer.

    Raises:
        TimeoutError: all the answers together took longer than the supervisor may be away.

    """
    custom, found, after = client.CustomObjectsApi(api), list[Noticed](), ""
    async with asyncio.timeout(LIST_SECONDS):
        while True:
            how: dict[str, Any] = {"limit": page, "_continue": after, "_request_timeout": CALL_SECONDS}
            if namespace is None:
                answer = await custom.list_cluster_custom_object(GROUP, VERSION, PLURAL, **how)
            else:
                answer = await custom.list_namespaced_custom_object(GROUP, VERSION, namespace, PLURAL, **how)
            told = cast("dict[str, Any]", answer)
            found += [noticed_of(item) for item in told["items"]]
            after = told["metadata"].get("continue") or ""
            if not after:
                return found


class PairStore:
    """Reads one pair, writes its status and holds its deletion; nothing else of it is ever written."""

    def __init__(self, api: client.ApiClient, key: PairKey) -> None:
        """Keep which object it is, its uid included."""
        self._custom = client.CustomObjectsApi(api)
        self._key = key
        self._where = (GROUP, VERSION, key.namespace, PLURAL, key.name)

    async def read(self) -> Resource | None:
        """Read the resource, or None where it is gone or another one stands in its place.

        Raises:
            ApiTrouble: the API server cannot say, here as below.

        """
        try:
            with trouble_told():
                body = await self._custom.get_namespaced_custom_object(
                    *self._where,
                    _request_timeout=CALL_SECONDS,
                )
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise
        resource = resource_of(cast("dict[str, Any]", body))
        return resource if resource.key.uid == self._key.uid else None

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Replace the status where nobody wrote since `resource` was read.

        Raises:
            StatusConflict: somebody did, or the object is gone.

        """
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {
                "namespace": self._key.namespace,
                "name": self._key.name,
                "uid": self._key.uid,
                "resourceVersion": resource.resource_version,
            },
            "spec": resource.spec,
            "status": status,
        }
        with _written_beside(), trouble_told():
            written = await self._custom.replace_namespaced_custom_object_status(
                *self._where,
                body,
                field_validation="Strict",
                _request_timeout=CALL_SECONDS,
            )
        return resource_of(cast("dict[str, Any]", written))

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Put the finalizer on, or take it off; other people's finalizers stay.

        Raises:
            StatusConflict: somebody wrote since `resource` was read, or the object is gone.

        """
        kept = [word for word in resource.finalizers if word != FINALIZER]
        finalizers = [*kept, FINALIZER] if held else kept
        # A merge patch is refused where the version is stale; a re-created object has another one.
        patch = {"metadata": {"resourceVersion": resource.resource_version, "finalizers": finalizers}}
        with _written_beside(), trouble_told():
            written = await self._custom.patch_namespaced_custom_object(
                *self._where,
                patch,
                _content_type="application/merge-patch+json",
                _request_timeout=CALL_SECONDS,
            )
        return resource_of(cast("dict[str, Any]", written))
