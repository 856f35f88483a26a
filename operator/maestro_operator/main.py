"""The composition root: settings, drivers, loops, watch. The one file that knows everything.

Exit codes: 0 told to end; 1 a part of it ended by itself; 2 the settings are wrong.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.admission.claims import ClaimBook
from maestro_operator.clock import SystemClock
from maestro_operator.fleet import Fleet
from maestro_operator.handlers.watch import watch
from maestro_operator.health import Answers, HealthServer
from maestro_operator.kube.connection import CannotConnect, connect, identity
from maestro_operator.kube.events import EventRecorder
from maestro_operator.kube.lease import LeaseLeader, LeaseTimes
from maestro_operator.kube.resource import PairStore, list_pairs
from maestro_operator.kube.secrets import SecretReader
from maestro_operator.logs import log_as_json
from maestro_operator.metrics import API_SILENT, LEADER, PAIRS, PairMetrics
from maestro_operator.model.errors import BadInput
from maestro_operator.publisher import Announcer
from maestro_operator.settings import Settings
from maestro_operator.statuspage.board import Board
from maestro_operator.statuspage.server import StatusPage
from maestro_operator.wiring import MakesLoops, RealParts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from maestro_operator.clock import Clock
    from maestro_operator.loop import PairLoop
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Leader, Publisher

log = logging.getLogger("maestro_operator")

BEAT_SECONDS = 30.0
"""The supervisor goes round every second; a list that is not answered costs it five."""
ENDED_BY_ITSELF, BAD_SETTINGS = 1, 2


@dataclass(frozen=True, slots=True)
class Shared:
    """What every pair's loop shares."""

    settings: Settings
    secrets: SecretReader
    leader: Leader
    publisher: Publisher
    clock: Clock
    claims: ClaimBook


def main() -> None:
    """Run the operator until it is told to end."""
    log_as_json("INFO")
    try:
        settings = Settings.from_environment(os.environ)
        logging.getLogger().setLevel(settings.log_level)
        sys.exit(asyncio.run(run(settings)))
    except (BadInput, CannotConnect) as error:
        log.error("%s", error)  # noqa: TRY400 - a person's slip needs no trace
        sys.exit(BAD_SETTINGS)


def _real(shared: Shared) -> MakesLoops:
    return RealParts(
        settings=shared.settings,
        secrets=shared.secrets,
        leader=shared.leader,
        publisher=shared.publisher,
        clock=shared.clock,
        claims=shared.claims,
    )


async def run(settings: Settings, parts: Callable[[Shared], MakesLoops] = _real, *, clock: Clock | None = None) -> int:
    """Watch, lead and run one loop a pair until told to end; `parts` makes the loops. Return the exit code.

    Raises:
        CannotConnect: there is no usable way to the API server.

    """
    if settings.kubeconfig is not None:
        # kopf's own login reads it from there.
        os.environ["KUBECONFIG"] = str(settings.kubeconfig)
    clock, metrics, me = clock or SystemClock(), PairMetrics(), identity()
    api = await connect(settings.kubeconfig)
    leader = LeaseLeader(
        api,
        namespace=settings.lease_namespace,
        name=settings.lease_name,
        identity=me,
        clock=clock,
        times=LeaseTimes(duration_seconds=settings.lease_seconds),
    )
    events = EventRecorder(api, reporter=me, clock=clock)
    board = None if settings.status_page_port is None else Board()
    announcer = Announcer(metrics=metrics, events=events, board=board)
    claims = ClaimBook()
    make = parts(Shared(settings, SecretReader(api, clock=clock), leader, announcer, clock, claims))

    def made(key: PairKey) -> PairLoop:
        return make(key, PairStore(api, key))

    fleet = Fleet(make=made, forget=announcer.forget, clock=clock, claims=claims, shard=settings.shard)
    metrics.own[LEADER] = lambda: float(leader.has_lease)
    metrics.own[PAIRS] = lambda: float(fleet.pairs())
    metrics.own[API_SILENT] = lambda: leader.silent_for_seconds
    health = HealthServer(
        answers(fleet, clock=clock, metrics=metrics), address=settings.listen_address, port=settings.listen_port
    )
    log.info("listens on port %d", health.port, extra={"port": health.port})
    page = _status_page(settings, board, leader=leader)
    namespace = settings.watch_namespace
    try:
        return await _until_told(
            {
                "lease": leader.run(),
                "events": events.run(),
                "supervisor": fleet.supervise(
                    lambda: list_pairs(api, namespace), period_seconds=settings.relist_seconds
                ),
                "watch": watch(fleet, namespace=namespace, clock=clock),
            }
        )
    finally:
        # A loop that does not end may be in the middle of an effect: then the Lease runs out by itself.
        if await fleet.close():
            await leader.release()
        health.close()
        if page is not None:
            page.close()
        await api.close()
        log.info("ended")


def _status_page(settings: Settings, board: Board | None, *, leader: LeaseLeader) -> StatusPage | None:
    """Serve the status page where one is asked for."""
    if board is None or settings.status_page_port is None:
        return None
    board.leads = lambda: leader.has_lease
    page = StatusPage(board, address=settings.status_page_address, port=settings.status_page_port)
    log.info("serves the status page on port %d", page.port, extra={"port": page.port})
    return page


def answers(fleet: Fleet, *, clock: Clock, metrics: PairMetrics) -> Answers:
    """Return what the pages say."""

    def alive() -> tuple[bool, Mapping[str, object]]:
        """Tell whether turns are taken: the supervisor goes round and no turn hangs."""
        beat, overdue = clock.monotonic_seconds() - fleet.beat_seconds, fleet.overdue()
        figures = {
            "beatSeconds": round(beat, 1),
            "longestTurnSeconds": round(fleet.longest_turn_seconds(), 1),
            "turns": fleet.turns(),
            "overdue": overdue,
        }
        return beat < BEAT_SECONDS and not overdue, figures

    def ready() -> tuple[bool, Mapping[str, object]]:
        """Tell whether the pairs were listed once; a spare that does not lead is ready too."""
        return fleet.listed.is_set(), {"listed": fleet.listed.is_set(), "pairs": fleet.pairs()}

    return Answers(alive=alive, ready=ready, registry=metrics.registry)


async def _until_told(parts: Mapping[str, Coroutine[object, object, None]]) -> int:
    """Keep the parts going until a signal; one that ends by itself is a fault. Return the exit code."""
    stop, running = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)
    tasks = {asyncio.create_task(part, name=name) for name, part in parts.items()}
    told = asyncio.create_task(stop.wait(), name="signal")
    done, _ = await asyncio.wait({*tasks, told}, return_when=asyncio.FIRST_COMPLETED)
    for task in (*tasks, told):
        task.cancel()
    await asyncio.gather(*tasks, told, return_exceptions=True)
    for task in done - {told}:
        error = None if task.cancelled() else task.exception()
        log.error("%s ended by itself", task.get_name(), exc_info=error)
    return 0 if told in done else ENDED_BY_ITSELF


if __name__ == "__main__":
    main()
