"""A Prometheus of a test's own, which scrapes the operator's own page of metrics; and what it answers to a query."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from maestro_operator.decide import decide
from maestro_operator.health import Answers, HealthServer
from maestro_operator.metrics import API_SILENT, LEADER, PAIRS, PairMetrics
from maestro_operator.model.rehearsal import Rehearsal, RehearsalKind, RehearsalResult
from maestro_operator.model.replica import KeptBackup, Mirror, Replica
from maestro_operator.model.seen import CheckSeen, RoundSeen
from maestro_operator.model.status import HistoryEntry
from maestro_operator.report.conditions import reported
from support.controlplane.clock import await_condition
from support.golden import worlds
from support.looks import NOW, node, seen, standby, status
from support.prometheus_server import HERE, prometheus_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.manifests import Manifest

SCRAPE = "3s"
READY_SECONDS = 120.0
ENOUGH = 2
"""A rate needs two samples."""
ANSWER_SECONDS = 10.0


def page_of_every_world() -> PairMetrics:
    """Returns the operator's metrics after it looked at every golden world, each as a pair of its own, and led."""
    metrics = PairMetrics()
    known = list(worlds())
    for world in known:
        look = world.look()
        key = look.key.model_copy(update={"name": world.name, "uid": world.name})
        seen = replace(look, key=key)
        decided = decide(seen)
        metrics.show(seen, decided, reported(seen, decided, seen.status))
        metrics.count_turn(key, seconds=0.02, failed=False)
    _show_the_rest(metrics)
    metrics.own[LEADER] = lambda: 1.0
    metrics.own[PAIRS] = lambda: float(len(known))
    metrics.own[API_SILENT] = lambda: 0.5
    return metrics


def _show_the_rest(metrics: PairMetrics) -> None:
    """Shows one more pair, with what no golden world needs: a history, a drill, checks, a mirror, a quarantine."""
    past = HistoryEntry.model_validate(
        {
            "id": "failover-2", "kind": "Failover", "source": "b", "target": "a", "trigger": "Automatic",
            "startedAt": NOW, "finishedAt": NOW, "result": "Done", "downtimeSeconds": 21.5, "declaredLossSeconds": 4.0,
            "mayBeSentTwice": 3,
        }
    )  # fmt: skip
    drilled = Rehearsal(
        id="drill-1", kind=RehearsalKind.DRILL, node="a", started_at=NOW, finished_at=NOW, result=RehearsalResult.PASSED
    )
    mirror = Mirror(connection="Connected", role="Secondary", disk="UpToDate", verified_age_seconds=3600.0)
    look = seen(
        nodes={
            "a": node("a", is_running=True),
            "b": standby(replica=Replica(mirror=mirror, backups=(KeptBackup("nightly", 3600.0),))),
        },
        checked=RoundSeen("a", NOW, (CheckSeen("hub", passed=True, message="200"),)),
        status=status(history=(past,), rehearsals=(drilled,)),
    )
    decided = decide(look)
    told = reported(look, decided, look.status)
    nodes = tuple(item.model_copy(update={"quarantined_until": NOW}) for item in told.nodes)
    metrics.show(look, decided, told.model_copy(update={"nodes": nodes}))


class Prometheus:
    """A server that runs, and the page it scrapes."""

    def __init__(self, port: int) -> None:
        self._port = port

    def query(self, expression: str) -> list[Manifest]:
        """Returns the series that an expression gives now. Raises RuntimeError where it is none."""
        return list(self._ask("query", query=expression)["result"])

    def values_of(self, label: str, *, match: str) -> list[str]:
        """Returns the values of a label among the series that match."""
        return list(self._ask(f"label/{label}/values", **{"match[]": match}))

    def _ask(self, path: str, **words: str) -> Manifest:
        url = f"http://{HERE}:{self._port}/api/v1/{path}?{urlencode(words)}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
                return dict(json.load(answer))["data"]  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{words}: {error.read().decode()}") from error


@contextlib.contextmanager
def scraping(metrics: PairMetrics, folder: Path) -> Iterator[Prometheus]:
    """Gives a Prometheus that scraped the page often enough."""
    ask = Answers(alive=lambda: (True, {}), ready=lambda: (True, {}), registry=metrics.registry)
    page = HealthServer(ask, address=HERE, port=0)
    targets = [{"targets": [f"{HERE}:{page.port}"]}]
    scrape = {"job_name": "maestro", "honor_labels": True, "scrape_interval": SCRAPE, "static_configs": targets}
    try:
        with prometheus_server({"scrape_configs": [scrape]}, folder) as port:
            found = Prometheus(port)
            assert await_condition(lambda: _scrapes(found), within_seconds=READY_SECONDS), (folder / "log").read_text()
            yield found
    finally:
        page.close()


def _scrapes(found: Prometheus) -> bool:
    try:
        counted = found.query("count_over_time(maestro_operator_leader[1m])")
    except (OSError, RuntimeError):
        # It does not listen yet, or says that it begins.
        return False
    return bool(counted) and float(counted[0]["value"][1]) >= ENOUGH
