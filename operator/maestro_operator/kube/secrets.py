"""Secrets of the pair's own namespace, read when they are needed and never kept for long."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from kubernetes.aio import client

from maestro_operator.kube.connection import CALL_SECONDS, NOT_FOUND, ApiException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.clock import Clock

KEPT_SECONDS = 3.0
"""Less than the period in which the Secrets of fence devices are looked at for a change."""
FORBIDDEN = 403


class SecretReader:
    """Reads Secrets; an answer is kept for a few seconds, so that a turn costs no read."""

    def __init__(self, api: client.ApiClient, *, clock: Clock) -> None:
        """Keep the connection; nothing is read yet."""
        self.api = api
        self._core = client.CoreV1Api(api)
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Mapping[str, bytes]]] = {}

    async def __call__(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Return the Secret's data.

        Raises:
            KeyError: there is no such Secret, or this operator may not read it.

        """
        key, now = (namespace, name), self._clock.monotonic_seconds()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            return kept[1]
        try:
            secret = await self._core.read_namespaced_secret(name, namespace, _request_timeout=CALL_SECONDS)
        except ApiException as error:
            if error.status in (NOT_FOUND, FORBIDDEN):
                raise KeyError(f"{namespace}/{name}: {error.reason}") from error
            raise
        data = {item: base64.b64decode(value) for item, value in (secret.data or {}).items()}
        self._kept[key] = (now, data)
        return data
