"""Leadership by a Lease and compare-and-swap, judged by this process's monotonic clock alone.

The law of this file: leadership is counted from *before* the request that renewed it, and ends by
itself when no renewal was answered in time, whatever the API server does. A foreign Lease is
judged by the change that was seen here, never by the clock that wrote it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp
from kubernetes.aio import client

from maestro_operator.kube.connection import CONFLICT, NOT_FOUND, ApiException

if TYPE_CHECKING:
    from maestro_operator.clock import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a Lease lasts and how often it is renewed, in seconds."""

    duration_seconds: int = 15
    """A foreign Lease that did not change for this long is taken over."""
    margin_seconds: float = 4.0
    """Leadership ends this long before another one could take over."""
    retry_seconds: float = 2.0
    call_seconds: float = 2.5

    @property
    def valid_seconds(self) -> float:
        """Return how long a renewal counts, from before its request."""
        return self.duration_seconds - self.margin_seconds


class LeaseLeader:
    """Holds one Lease for this process; `run` keeps it renewed."""

    def __init__(  # noqa: PLR0913 - each of these is a different fact
        self,
        api: client.ApiClient,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        times: LeaseTimes | None = None,
    ) -> None:
        """Keep what to hold; nothing is held before `run`."""
        self._api = client.CoordinationV1Api(api)
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._times = times or LeaseTimes()
        self._valid_until_seconds = 0.0
        self._leads_since_seconds: float | None = None
        self._foreign: tuple[str, float] | None = None

    @property
    def has_lease(self) -> bool:
        """Tell whether this operator leads at this moment."""
        return self.sure_for_seconds > 0

    @property
    def sure_for_seconds(self) -> float:
        """Return how long the leadership surely lasts."""
        return max(0.0, self._valid_until_seconds - self._clock.monotonic_seconds())

    @property
    def led_for_seconds(self) -> float:
        """Return how long this operator has led without interruption."""
        if not self.has_lease or self._leads_since_seconds is None:
            return 0.0
        return self._clock.monotonic_seconds() - self._leads_since_seconds

    async def lost(self) -> None:
        """Wait until the leadership has ended."""
        while (sure := self.sure_for_seconds) > 0:
            await self._clock.sleep(min(sure, 0.5))

    async def run(self) -> None:
        """Take the Lease when it is free and renew it, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._times.call_seconds):
                    await self._try_once()
            except TimeoutError:
                log.warning("the API server did not answer for the Lease in time")
            except ApiException as error:
                log.warning("the Lease could not be kept: %s %s", error.status, error.reason)
            except (OSError, aiohttp.ClientError) as error:
                log.warning("the API server cannot be reached for the Lease: %s", error)
            if not self.has_lease:
                self._leads_since_seconds = None
            await self._clock.sleep(self._times.retry_seconds)

    async def release(self) -> None:
        """Give the Lease up at an orderly end, so that another operator need not wait."""
        if not self.has_lease:
            return
        self._valid_until_seconds = 0.0
        with contextlib.suppress(ApiException, OSError, TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(self._times.call_seconds):
                lease = await self._read()
                if lease is not None and lease.spec.holder_identity == self._identity:
                    lease.spec.holder_identity = ""
                    await self._replace(lease)

    async def _try_once(self) -> None:
        asked_seconds = self._clock.monotonic_seconds()
        lease = await self._read()
        if lease is None:
            await self._create(asked_seconds)
            return
        mine = lease.spec.holder_identity == self._identity
        if not mine and not self._may_take(lease):
            return
        if not mine:
            lease.spec.lease_transitions = (lease.spec.lease_transitions or 0) + 1
            lease.spec.acquire_time = datetime.now(UTC)
        lease.spec.holder_identity = self._identity
        lease.spec.lease_duration_seconds = self._times.duration_seconds
        lease.spec.renew_time = datetime.now(UTC)
        try:
            await self._replace(lease)
        except ApiException as error:
            if error.status == CONFLICT:
                return
            raise
        self._holds_from(asked_seconds)

    def _may_take(self, lease: client.V1Lease) -> bool:
        """Tell whether a foreign Lease is free, or has not changed here for its whole duration."""
        if not lease.spec.holder_identity:
            return True
        version, now = lease.metadata.resource_version, self._clock.monotonic_seconds()
        if self._foreign is None or self._foreign[0] != version:
            self._foreign = (version, now)
        duration = max(lease.spec.lease_duration_seconds or 0, self._times.duration_seconds)
        return now - self._foreign[1] > duration

    def _holds_from(self, asked_seconds: float) -> None:
        if not self.has_lease:
            self._leads_since_seconds = self._clock.monotonic_seconds()
            log.info("leads as %s", self._identity)
        self._valid_until_seconds = asked_seconds + self._times.valid_seconds
        self._foreign = None

    async def _read(self) -> client.V1Lease | None:
        try:
            return await self._api.read_namespaced_lease(
                self._name, self._namespace, _request_timeout=self._times.call_seconds
            )
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def _create(self, asked_seconds: float) -> None:
        now = datetime.now(UTC)
        body = client.V1Lease(
            metadata=client.V1ObjectMeta(name=self._name, namespace=self._namespace),
            spec=client.V1LeaseSpec(
                holder_identity=self._identity,
                lease_duration_seconds=self._times.duration_seconds,
                acquire_time=now,
                renew_time=now,
                lease_transitions=1,
            ),
        )
        await self._api.create_namespaced_lease(
            self._namespace, body, _request_timeout=self._times.call_seconds
        )
        self._holds_from(asked_seconds)

    async def _replace(self, lease: client.V1Lease) -> None:
        await self._api.replace_namespaced_lease(
            self._name, self._namespace, lease, _request_timeout=self._times.call_seconds
        )
