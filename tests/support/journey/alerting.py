"""A Prometheus with the chart's own alerts, which scrapes the operator as it runs."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from support.controlplane.clock import await_condition
from support.manifests import CHART
from support.prometheus_server import HERE, prometheus_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DASHBOARD = CHART / "dashboards" / "maestro-pairs.json"
ANSWER_SECONDS = 10.0
LOOKED_BACK = "2h"


def filled_in(query: str) -> str:
    """Returns a query of the dashboard with all pairs chosen, as Grafana would send it."""
    for name, value in {"$namespace": ".*", "$name": ".*", "$__rate_interval": "1m"}.items():
        query = query.replace(name, value)
    return query


class Alerts:
    """What a Prometheus says is firing."""

    def __init__(self, port: int) -> None:
        """Keep where it listens."""
        self._port = port

    def firing(self) -> list[dict[str, Any]]:
        """Returns the alerts that fire now; none while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{HERE}:{self._port}/api/v1/alerts", timeout=ANSWER_SECONDS) as answer:
                found = json.load(answer)["data"]["alerts"]
        except (urllib.error.URLError, TimeoutError):
            return []
        return [alert for alert in found if alert["state"] == "firing"]

    def drawn(self) -> dict[str, int]:
        """Returns how many series each query of the dashboard had at any time since it began, by panel and letter.

        Raises:
            OSError: it does not answer, or a query is none.

        """
        found = {}
        for panel in json.loads(DASHBOARD.read_text())["panels"]:
            for target in panel["targets"]:
                query = f"last_over_time(({filled_in(target['expr'])})[{LOOKED_BACK}:15s])"
                url = f"http://{HERE}:{self._port}/api/v1/query?{urlencode({'query': query})}"
                with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
                    found[f"{panel['title']} {target['refId']}"] = len(json.load(answer)["data"]["result"])
        return found

    def fires(self, name: str, *, pair: str, within_seconds: float) -> dict[str, Any]:
        """Returns the alert about a pair once it fires; nothing where it does not in time."""
        seen: list[dict[str, Any]] = []

        def does() -> bool:
            labels = {"alertname": name, "name": pair}
            seen[:] = [one for one in self.firing() if labels.items() <= one["labels"].items()]
            return bool(seen)

        await_condition(does, within_seconds=within_seconds, every_seconds=2)
        return seen[0] if seen else {}


@contextlib.contextmanager
def alerting(folder: Path, *, discovery: Path, leaves_out: str = "") -> Iterator[Alerts]:
    """Gives what fires by the chart's alerts, without those of one file where it is left out on purpose.

    Whom to scrape stands in the file `discovery`, and is read again whenever that changes.
    """
    folder.mkdir(parents=True)
    rules = [str(path) for path in sorted((CHART / "alerts").glob("*.yaml")) if path.stem != leaves_out]
    found = [{"files": [str(discovery)], "refresh_interval": "5s"}]
    scrape = {"job_name": "maestro", "honor_labels": True, "scrape_interval": "5s", "file_sd_configs": found}
    config = {"global": {"evaluation_interval": "5s"}, "rule_files": rules, "scrape_configs": [scrape]}
    with prometheus_server(config, folder) as port:
        yield Alerts(port)
