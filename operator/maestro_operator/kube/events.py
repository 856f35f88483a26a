"""Kubernetes events of a pair: one for each change of what is done or held, never a flood.

No turn waits for an event: they are queued and written by a task of their own.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

import aiohttp
from kubernetes.aio import client

from maestro_operator.kube.connection import CALL_SECONDS, ApiException, moment
from maestro_operator.kube.resource import GROUP, KIND, VERSION
from maestro_operator.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.clock import Clock
    from maestro_operator.model.pair import PairKey

log = logging.getLogger(__name__)

QUEUED = 1000
"""More events than this wait only where the API server does not answer; the oldest are dropped."""
NOTE_LENGTH = 1000
INSTANCE_LENGTH = 128
NAME_LENGTH = 200


class EventRecorder:
    """Takes events at once and writes them in order; one that cannot be written is logged and forgotten."""

    def __init__(self, api: client.ApiClient, *, reporter: str, clock: Clock) -> None:
        """Keep the connection and who reports; nothing is written before `run`."""
        self._events = client.EventsV1Api(api)
        self._reporter = reporter
        self._clock = clock
        self._queue: asyncio.Queue[tuple[PairKey, client.EventsV1Event]] = asyncio.Queue(QUEUED)

    def record(
        self,
        key: PairKey,
        *,
        kind: Literal["Normal", "Warning"],
        reason: str,
        action: str,
        note: str,
        annotations: Mapping[str, str],
    ) -> None:
        """Take one event about a pair."""
        event = client.EventsV1Event(
            metadata=client.V1ObjectMeta(
                generate_name=_beginning(key.name), namespace=key.namespace, annotations=dict(annotations)
            ),
            event_time=moment(self._clock),
            type=kind,
            reason=reason,
            action=action,
            note=printable(note, longest=NOTE_LENGTH),
            reporting_controller=GROUP,
            reporting_instance=self._reporter[:INSTANCE_LENGTH],
            regarding=client.V1ObjectReference(
                api_version=f"{GROUP}/{VERSION}",
                kind=KIND,
                namespace=key.namespace,
                name=key.name,
                uid=key.uid,
            ),
        )
        if self._queue.full():
            dropped, _ = self._queue.get_nowait()
            log.warning(
                "too many events wait to be written; one for %s is dropped", dropped, extra={"pair": str(dropped)}
            )
        self._queue.put_nowait((key, event))

    async def run(self) -> None:
        """Write what was taken, until cancelled."""
        while True:
            key, event = await self._queue.get()
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    await self._events.create_namespaced_event(key.namespace, event, _request_timeout=CALL_SECONDS)
            except (ApiException, OSError, TimeoutError, aiohttp.ClientError) as error:
                log.warning("an event for %s could not be written: %s", key, _why(error), extra={"pair": str(key)})
            except Exception:
                log.exception("a surprise while an event for %s was written", key, extra={"pair": str(key)})


def _beginning(name: str) -> str:
    """Return what an event's name begins with; with the server's random end it must be a name too."""
    return f"{name[:NAME_LENGTH].rstrip('-.')}-"


def _why(error: Exception) -> str:
    """Return one line; an answer's headers are of no use to a reader of the log."""
    if isinstance(error, ApiException):
        return f"{error.status} {error.reason}: {str(error.body)[:NOTE_LENGTH]}"
    return str(error) or type(error).__name__
