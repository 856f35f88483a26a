"""The composition root: settings, drivers, loops, watch. The one file that knows everything."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pythonjsonlogger.json import JsonFormatter

from maestro_operator.clock import SystemClock
from maestro_operator.fleet import Fleet
from maestro_operator.handlers.watch import watch
from maestro_operator.health import Answers, serve
from maestro_operator.kube.connection import connect, identity
from maestro_operator.kube.events import EventRecorder
from maestro_operator.kube.lease import LeaseLeader, LeaseTimes
from maestro_operator.kube.resource import PairStore, list_keys
from maestro_operator.kube.secrets import SecretReader
from maestro_operator.metrics import PairMetrics
from maestro_operator.model.errors import BadInput
from maestro_operator.publisher import Announcer
from maestro_operator.settings import Settings
from maestro_operator.wiring import MakesLoops, RealParts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.aio.client import ApiClient

    from maestro_operator.clock import Clock
    from maestro_operator.loop import PairLoop
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Leader, Publisher

log = logging.getLogger("maestro_operator")

STUCK_TURN_SECONDS = 900.0
"""Longer than any step's deadline: a turn that takes longer hangs."""
BEAT_SECONDS = 30.0
BAD_USAGE = 2


@dataclass(frozen=True, slots=True)
class Shared:
    """What every pair's loop shares."""

    settings: Settings
    secrets: SecretReader
    leader: Leader
    publisher: Publisher
    clock: Clock


def main() -> None:
    """Run the operator until it is told to end."""
    log_as_json()
    try:
        settings = Settings.from_environment(os.environ)
    except BadInput as error:
        log.error("%s", error)  # noqa: TRY400 - a person's slip needs no trace
        sys.exit(BAD_USAGE)
    asyncio.run(run(settings))


def log_as_json() -> None:
    """Write every log line as one JSON object to the standard error stream."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter("{asctime}{levelname}{name}{message}", style="{", json_serializer=json.dumps)
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("asyncssh", "kopf", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _real(shared: Shared) -> MakesLoops:
    return RealParts(
        settings=shared.settings,
        secrets=shared.secrets,
        leader=shared.leader,
        publisher=shared.publisher,
        clock=shared.clock,
    )


async def run(settings: Settings, parts: Callable[[Shared], MakesLoops] = _real) -> None:
    """Watch, lead and run one loop a pair; `parts` makes the loops."""
    if settings.kubeconfig is not None:
        os.environ["KUBECONFIG"] = str(settings.kubeconfig)
    clock, metrics, me = SystemClock(), PairMetrics(), identity()
    api = await connect(settings.kubeconfig)
    leader = LeaseLeader(
        api,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=me,
        clock=clock,
        times=LeaseTimes(duration_seconds=settings.lease_seconds),
    )
    announcer = Announcer(metrics=metrics, events=EventRecorder(api, reporter=me))
    secrets = SecretReader(api, clock=clock)
    make = parts(Shared(settings, secrets, leader, announcer, clock))

    def made(key: PairKey) -> PairLoop:
        return make(key, PairStore(api, key))

    fleet = Fleet(make=made, forget=announcer.forget, clock=clock)
    metrics.leader.set_function(lambda: float(leader.has_lease))
    server = serve(
        _answers(fleet, clock, metrics), address=settings.listen_address, port=settings.listen_port
    )
    log.info("listens on port %d", server.server_port)
    try:
        await _until_told(settings, api, leader, fleet)
    finally:
        await fleet.close()
        await leader.release()
        server.shutdown()
        await api.close()


def _answers(fleet: Fleet, clock: Clock, metrics: PairMetrics) -> Answers:
    def alive() -> tuple[bool, Mapping[str, object]]:
        """Tell whether turns are taken: the supervisor goes round and no turn hangs."""
        beat = clock.monotonic_seconds() - fleet.beat_seconds
        longest = fleet.longest_turn_seconds()
        figures = {"beatSeconds": round(beat, 1), "longestTurnSeconds": round(longest, 1), "turns": fleet.turns()}
        return beat < BEAT_SECONDS and longest < STUCK_TURN_SECONDS, figures

    def ready() -> tuple[bool, Mapping[str, object]]:
        """Tell whether the pairs were listed once; a spare that does not lead is ready too."""
        return fleet.has_listed, {"listed": fleet.has_listed}

    return Answers(alive=alive, ready=ready, registry=metrics.registry)


async def _until_told(settings: Settings, api: ApiClient, leader: LeaseLeader, fleet: Fleet) -> None:
    """Keep the Lease, the supervisor and the watch going until a signal; any that ends is a fault."""
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(leader.run(), name="lease"),
        asyncio.create_task(
            fleet.supervise(
                lambda: list_keys(api, settings.watch_namespace), period_seconds=settings.relist_seconds
            ),
            name="supervisor",
        ),
        asyncio.create_task(watch(fleet, namespace=settings.watch_namespace, stop=stop), name="watch"),
        asyncio.create_task(stop.wait(), name="signal"),
    ]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if not stop.is_set() and task.exception() is not None:
            log.error("%s ended: %s", task.get_name(), task.exception())
            sys.exit(1)


if __name__ == "__main__":
    main()
