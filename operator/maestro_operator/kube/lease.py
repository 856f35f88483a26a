"""Leadership by a Lease and compare-and-swap, judged by this process's monotonic clock alone.

The law of this file: leadership is counted from *before* the request that renewed it, and ends by
itself when no renewal was answered in time, whatever the API server does. A Lease that this process
does not hold, or a missing one, is judged by the change that was seen here without a gap, never by
the clock that wrote it; that it names this process says nothing once the leadership has ended,
because a store can be put back to an older state.
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
    from datetime import datetime

    from maestro_operator.clock import Clock

log = logging.getLogger(__name__)

GIVEN_UP_SECONDS = 1
"""The duration that a Lease is left with when it is given up in order; a cleared one keeps another."""
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
    seen_seconds: float
    """When it was last read; what happened in a longer gap is not known."""
    duration_seconds: int
    was_held: bool
    """Whether somebody held it then, or before."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A write of the Lease, as it can be recognised where its answer was lost."""

    renew_time: datetime
    asked_seconds: float


class LeaseLeader:
    """Holds one Lease for this process; `run` keeps it renewed.

    A Lease that was given up in order, or never held, is taken at once. Any other is taken only
    after it did not change for a whole duration, and a missing one made only after it was missing
    for as long, because a leader may still count on what was deleted, cleared or rolled back.
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
        self._sent: _Sent | None = None
        self._written: str | None = None
        self._heard_seconds = clock.monotonic_seconds()

    @property
    def silent_for_seconds(self) -> float:
        """Return how long ago the API server last answered for the Lease; asked from any thread."""
        return self._clock.monotonic_seconds() - self._heard_seconds

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
                    spec.holder_identity, spec.lease_duration_seconds = "", GIVEN_UP_SECONDS
                    await self._replace(lease, spec)

    async def _try_once(self) -> None:
        asked_seconds, gap_seconds = self._clock.monotonic_seconds(), self.silent_for_seconds
        lease = await self._read()
        self._heard_seconds = self._clock.monotonic_seconds()
        self._count_unanswered(lease)
        if lease is not None and self._is_foreign(lease) and self.has_lease:
            self._stand_down(f"{_spec(lease).holder_identity} holds it")
        if not self._may_write(lease, gap_seconds=gap_seconds):
            return
        try:
            written = await (self._create() if lease is None else self._take_or_renew(lease))
        except ApiException as error:
            if error.status == CONFLICT:
                await self._look_who_wrote()
                return
            raise
        self._sent, self._written = None, _version(written)
        self._holds_from(asked_seconds)

    def _count_unanswered(self, lease: client.V1Lease | None) -> None:
        """Count a renewal whose answer was lost from before its request, where it is read to have been taken."""
        sent, self._sent = self._sent, None
        if sent is None or lease is None or not self._is_mine(lease) or _spec(lease).renew_time != sent.renew_time:
            return
        self._written = _version(lease)
        self._holds_from(sent.asked_seconds)

    async def _look_who_wrote(self) -> None:
        """Look at once at a Lease that somebody else wrote in between; no leader counts on beside another."""
        lease = await self._read()
        if lease is not None and self._is_foreign(lease) and self.has_lease:
            self._stand_down(f"{_spec(lease).holder_identity} holds it")

    def _may_write(self, lease: client.V1Lease | None, *, gap_seconds: float) -> bool:
        """Tell whether this process leads, goes on with what it wrote last, or may take the Lease over."""
        if self.has_lease:
            return True
        is_known = lease is not None and self._is_mine(lease) and _version(lease) == self._written
        if is_known and gap_seconds <= self._times.duration_seconds:
            return True
        is_fallow = lease is not None and self._is_given_up(lease)
        return self._is_unchanged(lease) or is_fallow

    def _is_given_up(self, lease: client.V1Lease) -> bool:
        """Tell whether a Lease was given up in order, after all that was seen of it, or never held by anybody."""
        spec, watched = _spec(lease), self._watched
        if spec.holder_identity:
            return False
        if spec.renew_time is None:
            return watched is None or not watched.was_held
        is_back = watched is not None and watched.version is not None and _is_older(_version(lease), watched.version)
        return spec.lease_duration_seconds == GIVEN_UP_SECONDS and not is_back

    def _is_unchanged(self, lease: client.V1Lease | None) -> bool:
        """Tell whether a Lease did not change here for its whole duration, looked at without a gap."""
        now, before = self._clock.monotonic_seconds(), self._watched
        version = None if lease is None else _version(lease)
        theirs = 0 if lease is None else _spec(lease).lease_duration_seconds or 0
        duration_seconds = max(theirs, self._times.duration_seconds)
        was_held = (before is not None and before.was_held) or (lease is not None and self._is_held(lease))
        is_same = before is not None and before.version == version and now - before.seen_seconds <= duration_seconds
        since_seconds = before.since_seconds if before is not None and is_same else now
        self._watched = _Watched(version, since_seconds, now, duration_seconds, was_held)
        return now - since_seconds > duration_seconds

    def _pause_seconds(self) -> float:
        """Return how long to wait for the next try: no longer than until a foreign Lease has run out."""
        if self._watched is None or self.has_lease:
            return self._times.retry_seconds
        due = self._watched.since_seconds + self._watched.duration_seconds + LOOK_SECONDS
        left = due - self._clock.monotonic_seconds()
        return min(self._times.retry_seconds, max(LOOK_SECONDS, left))

    def _is_held(self, lease: client.V1Lease) -> bool:
        return bool(_spec(lease).holder_identity)

    def _is_mine(self, lease: client.V1Lease) -> bool:
        return _spec(lease).holder_identity == self._identity

    def _is_foreign(self, lease: client.V1Lease) -> bool:
        return self._is_held(lease) and not self._is_mine(lease)

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

    async def _take_or_renew(self, lease: client.V1Lease) -> client.V1Lease:
        spec, now = _spec(lease), self._sending()
        if not self._is_mine(lease):
            spec.lease_transitions = (spec.lease_transitions or 0) + 1
            spec.acquire_time = now
        spec.holder_identity = self._identity
        spec.lease_duration_seconds = self._times.duration_seconds
        spec.renew_time = now
        return await self._replace(lease, spec)

    def _sending(self) -> datetime:
        """Return the moment of a write, and remember it until its answer is there."""
        now = moment(self._clock)
        self._sent = _Sent(renew_time=now, asked_seconds=self._clock.monotonic_seconds())
        return now

    async def _create(self) -> client.V1Lease:
        now = self._sending()
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
        return await self._api.create_namespaced_lease(self._namespace, body, _request_timeout=self._times.call_seconds)

    async def _replace(self, lease: client.V1Lease, spec: client.V1LeaseSpec) -> client.V1Lease:
        lease.spec = spec
        return await self._api.replace_namespaced_lease(
            self._name, self._namespace, lease, _request_timeout=self._times.call_seconds
        )


def _spec(lease: client.V1Lease) -> client.V1LeaseSpec:
    """Return what a Lease says; one that says nothing has no holder."""
    return lease.spec or client.V1LeaseSpec()


def _version(lease: client.V1Lease) -> str | None:
    """Return which state of the Lease this is."""
    return None if lease.metadata is None else str(lease.metadata.resource_version)


def _is_older(version: str | None, than: str) -> bool:
    """Tell whether a state is not surely younger than another; what cannot be compared is not."""
    try:
        return int(str(version)) < int(than)
    except ValueError:
        return True
