"""kopf as the watch and nothing more: every event only takes note of a pair.

Nothing is decided from an event and nothing is patched here: the pair's own loop holds the finalizer, so that the
event of a deletion comes when the loop is at rest. What happened while the operator was down is in no event.

kopf gets a thread and an event loop of its own: it takes over the signals of a main thread, ends
with every error of a watch that is not "410 Gone", and then cancels each task of its loop. Here
that costs one second without a watch, and no turn.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

import kopf

from maestro_operator.kube.resource import GROUP, PLURAL, VERSION, Noticed, noticed_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.clock import Clock
    from maestro_operator.fleet import Fleet

log = logging.getLogger(__name__)

SILENCE_SECONDS = 70
"""The server ends a watch, and a dead connection is given up, after a few of these."""
AGAIN_SECONDS = 1.0
"""A watch that ended begins again after this long."""

Took = tuple[str, Noticed]
"""The event's type and what there is to notice."""


def registry_for(take: Callable[[Took], None]) -> kopf.OperatorRegistry:
    """Return handlers that hand on what appeared, changed and went."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
        """Log in with the kubeconfig of the environment, or as the pod's ServiceAccount."""
        kubeconfig = kopf.login_with_kubeconfig(settings=settings)
        return kubeconfig or kopf.login_with_service_account(settings=settings)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def noticed(event: kopf.RawEvent, **_: object) -> None:
        """Hand on what one event says."""
        take((str(event["type"]), noticed_of(event["object"])))

    return registry


def watch_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no peering, no scanning, no posting, every wait bounded."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None
    settings.watching.server_timeout = 5 * SILENCE_SECONDS
    settings.watching.client_timeout = 6 * SILENCE_SECONDS
    settings.networking.request_timeout = 10
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = [1, 2, 3]
    return settings


async def watch(fleet: Fleet, *, namespace: str | None, clock: Clock) -> None:
    """Watch the pairs until cancelled; a watch that ends begins again, and everything is listed anew."""
    home = asyncio.get_running_loop()
    # It warns at every start that it leaves the signals alone, which is why it has a thread.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)

    def note(took: Took) -> None:
        kind, noticed = took
        if kind == "DELETED":
            fleet.gone(noticed.key.uid)
        else:
            fleet.notice(noticed)

    def take(took: Took) -> None:
        home.call_soon_threadsafe(note, took)

    while True:
        # Without the schema kopf would wait for ever for a kind that it looked for once.
        await fleet.listed.wait()
        await _watch_once(take, namespace=namespace)
        fleet.list_soon()
        await clock.sleep(AGAIN_SECONDS)


async def _watch_once(take: Callable[[Took], None], *, namespace: str | None) -> None:
    """Let kopf watch until it ends by itself; cancelled, it is told to end and not waited for."""
    home = asyncio.get_running_loop()
    stop, ended = threading.Event(), asyncio.Event()

    def run() -> None:
        try:
            asyncio.run(_kopf(take, namespace=namespace, stop=stop))
        except Exception:
            log.exception("the watch ended in a surprise")
        finally:
            if not home.is_closed():
                home.call_soon_threadsafe(ended.set)

    threading.Thread(target=run, name="watch", daemon=True).start()
    try:
        await ended.wait()
        log.warning("the watch ended; it begins again")
    finally:
        stop.set()


async def _kopf(take: Callable[[Took], None], *, namespace: str | None, stop: threading.Event) -> None:
    try:
        await kopf.operator(
            registry=registry_for(take),
            settings=watch_settings(),
            standalone=True,
            clusterwide=namespace is None,
            namespaces=[namespace] if namespace is not None else [],
            stop_flag=stop,
        )
    finally:
        # A thread of this loop waits for the flag, and the loop for that thread before it closes.
        stop.set()
