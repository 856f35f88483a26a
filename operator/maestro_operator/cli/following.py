"""A pair as it changes: read once, then watched, and read anew wherever the watch ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
from pykube.exceptions import HTTPError

from maestro_operator.cli.change import CannotError
from maestro_operator.cli.pairs import MaestroPair, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_operator.clock import Clock

WATCH_SECONDS = 8
"""One watch is shorter than a call may last; the next one begins where it ended."""
GONE = 410
DELETED = "DELETED"


def follow(pair: MaestroPair, *, seconds: float, clock: Clock) -> Iterator[MaestroPair]:
    """Give the pair as it is now and after every change, until the time is over.

    Raises:
        CannotError: it is gone, or may not be watched.

    """
    ends = clock.monotonic_seconds() + seconds
    while True:
        now = read(pair.api, pair.namespace, pair.name)
        yield now
        left = ends - clock.monotonic_seconds()
        if left <= 0:
            return
        for changed in _watched(now, seconds=max(1, int(min(left, WATCH_SECONDS)))):
            yield changed
            if clock.monotonic_seconds() >= ends:
                return


def _watched(pair: MaestroPair, *, seconds: int) -> Iterator[MaestroPair]:
    """Give each change of one watch; one that was cut off has ended."""
    mine = MaestroPair.objects(pair.api).filter(namespace=pair.namespace, field_selector={"metadata.name": pair.name})
    since = pair.obj["metadata"]["resourceVersion"]
    try:
        for event in mine.watch(since=since, params={"timeoutSeconds": seconds}):
            if event.type == DELETED:
                raise CannotError(f"{pair.namespace}/{pair.name} was deleted")
            yield event.object
    except HTTPError as error:
        if error.code != GONE:
            raise CannotError(f"{pair.namespace}/{pair.name} cannot be watched: {error}") from error
    except (requests.ConnectionError, requests.Timeout):
        # Reading it anew says whether the API server is gone.
        return
