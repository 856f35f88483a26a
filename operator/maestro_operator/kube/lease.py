"""Leadership by a Lease and compare-and-swap, judged by this process's monotonic clock alone.

The law of this file: leadership is counted from *before* the request that renewed it, and ends by
itself when no renewal was answered in time, whatever the API server does. A foreign Lease, or a
missing one, is judged by the change that was seen here, never by the clock that wrote it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from kubernetes.aio import client

from maestro_operator.kube.connection import CONFLICT, NOT_FOUND, ApiException, moment

if TYPE_CHECKING:
    from maestro_operator.clock import Clock

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often somebody who waits for the end of the leadership looks."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """How long a Lease lasts and how often it is renewed, in seconds.

    Raises:
        ValueError: a leader could lose its Lease although every renewal is answered.

    """

    duration_seconds: int = 15
    """A foreign Lease that did not change for this long is taken over."""
    margin_seconds: float = 4.0
    """Leadership ends this long before another one could take over."""
    retry_seconds: float = 2.0
    call_seconds: float = 2.5

    def __post_init__(self) -> None:
        """Refuse times with which one slow answer would end a leadership."""
        if self.valid_seconds <= self.retry_seconds + 2 * self.call_seconds:
            message = f"a Lease of {self.duration_seconds} s is too short to be renewed in time"
            raise ValueError(message)

    @property
    def valid_seconds(self) -> float:
        """Return how long a renewal counts, from before its request."""
        return self.duration_seconds - self.margin_seconds


@dataclass(frozen=True, slots=True)
class _Watched:
    """A Lease that this process does not hold, as it was first seen here."""

    version: str | None
    """Its resourceVersion; None where there is no Lease."""
    since_seconds: float
    duration_seconds: int


class LeaseLeader:
    """Holds one Lease for this process; `run` keeps it renewed.

    A Lease that is free (no holder) is taken at once. A missing one is made only after it was
    missing for a whole duration, because a leader may still count on the one that was deleted.
    """

    def __init__(
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
        self._watched: _Watched | None = None

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
            await self._clock.sleep(min(sure, LOOK_SECONDS))

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
            except Exception:
                log.exception("a surprise while the Lease was renewed; it is tried again")
            if not self.has_lease and self._leads_since_seconds is not None:
                self._stand_down("it was not renewed in time")
            await self._clock.sleep(self._pause_seconds())

    async def release(self) -> None:
        """Give the Lease up at an orderly end, so that another operator need not wait."""
        if not self.has_lease:
            return
        self._stand_down("it is given up")
        with contextlib.suppress(ApiException, OSError, TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(self._times.call_seconds):
                lease = await self._read()
                if lease is not None and self._is_mine(lease):
                    spec = _spec(lease)
                    spec.holder_identity = ""
                    await self._replace(lease, spec)

    async def _try_once(self) -> None:
        asked_seconds = self._clock.monotonic_seconds()
        lease = await self._read()
        if lease is not None and self._is_foreign(lease) and self.has_lease:
            self._stand_down(f"{_spec(lease).holder_identity} holds it")
        is_mine = self.has_lease if lease is None else self._is_mine(lease)
        if not is_mine and not self._may_take(lease):
            return
        try:
            await (self._create() if lease is None else self._take_or_renew(lease))
        except ApiException as error:
            if error.status == CONFLICT:
                return
            raise
        self._holds_from(asked_seconds)

    def _may_take(self, lease: client.V1Lease | None) -> bool:
        """Tell whether a Lease is free, or has not changed here for its whole duration."""
        if lease is not None and not self._is_foreign(lease):
            return True
        now = self._clock.monotonic_seconds()
        version = None if lease is None or lease.metadata is None else str(lease.metadata.resource_version)
        if self._watched is None or self._watched.version != version:
            theirs = 0 if lease is None else _spec(lease).lease_duration_seconds or 0
            self._watched = _Watched(version, now, max(theirs, self._times.duration_seconds))
        return now - self._watched.since_seconds > self._watched.duration_seconds

    def _pause_seconds(self) -> float:
        """Return how long to wait for the next try: no longer than until a foreign Lease has run out."""
        if self._watched is None or self.has_lease:
            return self._times.retry_seconds
        due = self._watched.since_seconds + self._watched.duration_seconds + LOOK_SECONDS
        left = due - self._clock.monotonic_seconds()
        return min(self._times.retry_seconds, max(LOOK_SECONDS, left))

    def _is_mine(self, lease: client.V1Lease) -> bool:
        return _spec(lease).holder_identity == self._identity

    def _is_foreign(self, lease: client.V1Lease) -> bool:
        return bool(_spec(lease).holder_identity) and not self._is_mine(lease)

    def _holds_from(self, asked_seconds: float) -> None:
        was_leading = self.has_lease
        self._valid_until_seconds = asked_seconds + self._times.valid_seconds
        self._watched = None
        if self.has_lease and not was_leading:
            self._leads_since_seconds = self._clock.monotonic_seconds()
            log.info("leads as %s", self._identity)

    def _stand_down(self, why: str) -> None:
        self._valid_until_seconds = 0.0
        self._leads_since_seconds = None
        log.warning("does not lead any more as %s: %s", self._identity, why)

    async def _read(self) -> client.V1Lease | None:
        try:
            return await self._api.read_namespaced_lease(
                self._name, self._namespace, _request_timeout=self._times.call_seconds
            )
        except ApiException as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def _take_or_renew(self, lease: client.V1Lease) -> None:
        spec, now = _spec(lease), moment(self._clock)
        if not self._is_mine(lease):
            spec.lease_transitions = (spec.lease_transitions or 0) + 1
            spec.acquire_time = now
        spec.holder_identity = self._identity
        spec.lease_duration_seconds = self._times.duration_seconds
        spec.renew_time = now
        await self._replace(lease, spec)

    async def _create(self) -> None:
        now = moment(self._clock)
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
        await self._api.create_namespaced_lease(self._namespace, body, _request_timeout=self._times.call_seconds)

    async def _replace(self, lease: client.V1Lease, spec: client.V1LeaseSpec) -> None:
        lease.spec = spec
        await self._api.replace_namespaced_lease(
            self._name, self._namespace, lease, _request_timeout=self._times.call_seconds
        )


def _spec(lease: client.V1Lease) -> client.V1LeaseSpec:
    """Return what a Lease says; one that says nothing has no holder."""
    return lease.spec or client.V1LeaseSpec()
