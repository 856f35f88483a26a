"""kopf as the watch and nothing more: every event only takes note of a pair.

Nothing is decided from an event, nothing is patched, no finalizer is set: deleting a pair stops
nothing on its nodes, and what happened while the operator was down is in no event.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import kopf

from maestro_operator.model.pair import PairKey

if TYPE_CHECKING:
    from maestro_operator.fleet import Fleet

GROUP, VERSION, PLURAL = "maestropair.dev", "v1alpha1", "maestropairs"
WAKE_ANNOTATION = "maestropair.dev/look-again"
SILENCE_SECONDS = 70


def registry_for(fleet: Fleet) -> kopf.OperatorRegistry:
    """Return handlers that tell the fleet what appeared, changed and went."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        """Log in with the kubeconfig of the environment, or as the pod's ServiceAccount."""
        return kopf.login_with_kubeconfig(**kwargs) or kopf.login_with_service_account(**kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def noticed(event: kopf.RawEvent, **_: Any) -> None:
        """Take note of one pair."""
        meta = event["object"]["metadata"]
        key = PairKey(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        if event["type"] == "DELETED":
            fleet.gone(key.uid)
            return
        fleet.notice(
            key,
            generation=int(meta.get("generation", 0)),
            is_deleting="deletionTimestamp" in meta,
            wake_word=str((meta.get("annotations") or {}).get(WAKE_ANNOTATION, "")),
        )

    return registry


def watch_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no peering, no scanning, no posting, every wait bounded."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 5 * SILENCE_SECONDS
    settings.watching.client_timeout = 6 * SILENCE_SECONDS
    settings.networking.request_timeout = 10
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = [1, 2, 3]
    return settings


async def watch(fleet: Fleet, *, namespace: str | None, stop: asyncio.Event) -> None:
    """Watch the pairs until told to stop."""
    await kopf.operator(
        registry=registry_for(fleet),
        settings=watch_settings(),
        standalone=True,
        clusterwide=namespace is None,
        namespaces=[namespace] if namespace is not None else [],
        stop_flag=stop,
    )
