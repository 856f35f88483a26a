"""Kubernetes events of a pair: one for each change of what is done or held, never a flood."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
from kubernetes.aio import client

from maestro_operator.kube.connection import CALL_SECONDS, ApiException
from maestro_operator.kube.resource import GROUP, KIND, VERSION

if TYPE_CHECKING:
    from maestro_operator.model.pair import PairKey

log = logging.getLogger(__name__)


class EventRecorder:
    """Writes events; one that cannot be written is logged and forgotten."""

    def __init__(self, api: client.ApiClient, *, reporter: str) -> None:
        """Keep the connection and who reports."""
        self._events = client.EventsV1Api(api)
        self._reporter = reporter

    async def record(self, key: PairKey, *, kind: str, reason: str, action: str, note: str) -> None:
        """Write one event about a pair; `kind` is Normal or Warning."""
        body = client.EventsV1Event(
            metadata=client.V1ObjectMeta(generate_name=f"{key.name}.", namespace=key.namespace),
            event_time=datetime.now(UTC),
            type=kind,
            reason=reason,
            action=action,
            note=note[:1000],
            reporting_controller=GROUP,
            reporting_instance=self._reporter[:128],
            regarding=client.V1ObjectReference(
                api_version=f"{GROUP}/{VERSION}",
                kind=KIND,
                namespace=key.namespace,
                name=key.name,
                uid=key.uid,
            ),
        )
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._events.create_namespaced_event(
                    key.namespace, body, _request_timeout=CALL_SECONDS
                )
        except (ApiException, OSError, TimeoutError, aiohttp.ClientError) as error:
            log.warning("an event for %s could not be written: %s", key, error)
