"""The dashboard: every query of it gives data on a real Prometheus that scrapes the operator's own page."""

import json
import os
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maestro_operator.metrics import GAUGES, OWN, TURN_SECONDS, TURNS
from support.journey.alerting import DASHBOARD, filled_in
from support.manifests import Manifest, rendered
from support.monitoring import Prometheus, page_of_every_world, scraping
from support.promtool import PromtoolMissingError, obtain


def dashboard() -> dict[str, Any]:
    return dict(json.loads(DASHBOARD.read_text()))


QUERIES = {
    f"{panel['title']} {target['refId']}": str(target["expr"])
    for panel in dashboard()["panels"]
    for target in panel["targets"]
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A server that scrapes what the operator shows of every golden world."""
    try:
        obtain("prometheus")
    except PromtoolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with scraping(page_of_every_world(), tmp_path_factory.mktemp("prometheus")) as found:
        yield found


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_gives_data(prometheus: Prometheus, query: str) -> None:
    assert prometheus.query(filled_in(QUERIES[query])), QUERIES[query]


def test_a_query_for_what_nobody_shows_gives_none(prometheus: Prometheus) -> None:
    """The test above finds a metric, a label and a value that are misspelt."""
    for wrong in (
        'maestro_pair_sate{name=~".*"}',
        'maestro_pair_hold{raeson=~".+"}',
        'maestro_pair_state{state="On"}',
    ):
        assert prometheus.query(wrong) == []


def test_the_variables_offer_the_pairs_there_are(prometheus: Prometheus) -> None:
    offered = {}
    for variable in dashboard()["templating"]["list"][1:]:
        found = re.fullmatch(r"label_values\((?P<match>.+), (?P<label>\w+)\)", variable["query"]["query"])
        assert found is not None
        offered[variable["name"]] = prometheus.values_of(found["label"], match=filled_in(found["match"]))

    assert offered["namespace"]
    assert len(offered["name"]) > 100


def test_a_pair_has_about_a_dozen_metrics_and_its_conditions_make_most_of_the_series(prometheus: Prometheus) -> None:
    of_a_pair = '{__name__=~"maestro_pair_.+", name!=""}'
    names = prometheus.query(f"count by (name) (count by (name, __name__) ({of_a_pair}))")
    others = prometheus.query(f'count by (name) ({of_a_pair} unless {{__name__="maestro_pair_condition"}})')

    assert statistics.median(int(found["value"][1]) for found in names) in range(9, 13)
    assert max(int(found["value"][1]) for found in others) <= 25


def test_every_metric_of_the_operator_is_on_the_dashboard_and_no_other() -> None:
    shown = {family.name for family in (*GAUGES, *OWN)} | {f"{TURNS.name}_total", f"{TURN_SECONDS.name}_bucket"}
    asked = {name for query in QUERIES.values() for name in re.findall(r"\bmaestro_\w+", query)}

    assert asked == shown


def test_every_panel_says_what_it_shows_and_no_two_lie_over_each_other() -> None:
    panels = dashboard()["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        assert panel["description"].endswith(".")
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}


def test_the_chart_carries_it_as_grafanas_sidecar_takes_it() -> None:
    chosen: Manifest = {"dashboard": {"create": True, "annotations": {"grafana_folder": "Mail"}}}
    (made,) = [found for found in rendered(values=chosen) if found["kind"] == "ConfigMap"]

    assert json.loads(made["data"][Path(DASHBOARD).name]) == dashboard()
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["metadata"]["annotations"] == {"grafana_folder": "Mail"}
    assert not [found for found in rendered() if found["kind"] == "ConfigMap"]
