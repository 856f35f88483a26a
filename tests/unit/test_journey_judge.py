"""What the journey claims, seen to fail: a block that failed, a quiet alert, another move, a trace left."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from support.docscheck.pages import ROOT, TUTORIAL
from support.docscheck.record import Tried
from support.journey import judge, own_words
from support.journey.alerting import DASHBOARD
from support.journey.reader import Seen
from support.judge.database import Postgres

RUNBOOK = "docs/runbooks/MaestroPairDown.md"
WELL_SEEN = Seen(
    alert={"labels": {"alertname": judge.ALERT}, "annotations": {"runbook_url": RUNBOOK}},
    unanswered=[],
    pair={
        "status": {
            "history": [
                {"kind": kind, "source": one, "target": other, "result": "Done"}
                for kind, one, other in reversed(judge.MOVES)
            ]
        }
    },
    before_upgrade="11 12",
    after_upgrade="11 12",
    at_the_end="11 12",
    left=[],
)
MANIFEST = """# CHANGE marks what only you know
spec:
  nodes:
    - address: 10.0.0.1  # CHANGE: its address
      ssh: {host: 10.0.0.1, port: 22}  # CHANGE where it is another
      fencing:
        - identity: serial-a  # CHANGE: the serial number
  traffic:
    - servers: [192.0.2.53]  # CHANGE: every one
  unit: maestro.service  # assumed: its name
"""


def tried(page: str, *, code: int = 0) -> Tried:
    return Tried("command", page, 1, "true", code)


DRAWN = {"States A": 5, "Quarantined nodes A": 0}
WELL = [tried(TUTORIAL), tried(TUTORIAL), tried(RUNBOOK)]


def failed(
    seen: Seen,
    lines: list[Tried],
    *,
    unused: list[str] | None = None,
    left: list[str] | None = None,
    drawn: dict[str, int] | None = None,
) -> set[str]:
    shown = DRAWN if drawn is None else drawn
    claims = judge.walked(seen, lines, wanted=2, unused=unused or [], left=left or [], drawn=shown)
    return {claim.id for claim in claims if not claim.ok}


def test_without_the_alert_what_it_brings_about_fails_and_nothing_else() -> None:
    kept = json.loads((ROOT / "evidence" / "planted" / "journey-no-alert.json").read_text())["claims"]

    assert {claim["id"] for claim in kept if not claim["ok"]} == {"the-alert-fired", "its-runbook-was-followed"}


def test_a_journey_that_went_well_claims_all() -> None:
    assert failed(WELL_SEEN, WELL) == set()


def test_a_journey_that_did_not_begin_claims_nothing_of_the_way() -> None:
    assert failed(Seen(), [], drawn={}) == set(judge.WALKED) - {"parts", "every-example-was-met"}


@pytest.mark.parametrize("lines", [WELL[1:], [tried(TUTORIAL), tried(TUTORIAL, code=1), tried(RUNBOOK)]])
def test_a_block_that_was_not_reached_or_failed_is_found(lines: list[Tried]) -> None:
    assert failed(WELL_SEEN, lines) == {"every-block-of-the-tutorial-ran"}


def test_an_example_of_the_page_that_was_never_met_is_found() -> None:
    assert failed(WELL_SEEN, WELL, unused=["192.0.2.10"]) == {"every-example-was-met"}


def test_a_line_marked_change_that_was_left_is_found() -> None:
    assert failed(replace(WELL_SEEN, unanswered=["spec.x"]), WELL) == {"every-CHANGE-was-answered"}


def test_a_query_of_the_dashboard_that_had_no_data_is_found() -> None:
    assert failed(WELL_SEEN, WELL, drawn={**DRAWN, "Votes A": 0}) == {"the-dashboard-showed-it"}


def test_every_query_that_is_not_of_this_story_is_one_of_the_dashboard() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {f"{panel['title']} {target['refId']}" for panel in panels for target in panel["targets"]}
    assert asked > judge.NOT_OF_THIS_STORY


def test_an_alert_that_stayed_quiet_is_found() -> None:
    assert failed(replace(WELL_SEEN, alert={}), WELL[:2]) == {"the-alert-fired", "its-runbook-was-followed"}


def test_a_command_of_the_runbook_that_failed_is_found() -> None:
    assert failed(WELL_SEEN, [*WELL, tried(RUNBOOK, code=1)]) == {"its-runbook-was-followed"}


def test_another_move_than_git_ordered_is_found() -> None:
    history = WELL_SEEN.pair["status"]["history"][1:]

    assert failed(replace(WELL_SEEN, pair={"status": {"history": history}}), WELL) == {"the-moves-were-those-of-git"}


def test_a_move_that_was_begun_and_given_up_is_found() -> None:
    given_up = {"kind": "Switchover", "source": "b", "target": "a", "result": "Abandoned"}
    history = [*WELL_SEEN.pair["status"]["history"], given_up]

    assert failed(replace(WELL_SEEN, pair={"status": {"history": history}}), WELL) == {"the-moves-were-those-of-git"}


@pytest.mark.parametrize("after", ["11 13", "11 0"])
def test_a_service_that_the_upgrade_touched_is_found(after: str) -> None:
    found = failed(replace(WELL_SEEN, after_upgrade=after), WELL)

    assert found == {"the-upgrade-stopped-nothing"}


def test_a_service_that_did_not_outlive_the_operator_is_found() -> None:
    assert failed(replace(WELL_SEEN, at_the_end="0 0"), WELL) == {"what-ran-runs-on"}


@pytest.mark.parametrize(("in_cluster", "on_nodes"), [(["deployment/x"], []), ([], ["a:/etc/maestro-guard"])])
def test_what_is_left_is_found(in_cluster: list[str], on_nodes: list[str]) -> None:
    assert failed(replace(WELL_SEEN, left=on_nodes), WELL, left=in_cluster) == {"nothing-is-left"}


def test_data_of_which_there_is_no_evidence_is_claimed_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "pair.json").write_text(json.dumps({}))

    claims = judge.data(tmp_path, Postgres())

    assert [claim.ok for claim in claims] == [False] * len(judge.HELD_TO)
    assert str(tmp_path) not in json.dumps([claim.measured for claim in claims])


def test_every_value_that_is_marked_change_is_asked_for() -> None:
    assert own_words.asked_to_change(MANIFEST) == {
        "spec.nodes.0.address",
        "spec.nodes.0.ssh.host",
        "spec.nodes.0.ssh.port",
        "spec.nodes.0.fencing.0.identity",
        "spec.traffic.0.servers.0",
    }


def test_what_was_marked_and_stayed_is_named_but_for_what_the_command_line_said() -> None:
    after = yaml.safe_load(MANIFEST)
    after["spec"]["nodes"][0]["fencing"][0]["identity"] = "4711"
    after["spec"]["nodes"][0]["ssh"]["port"] = 2222

    assert own_words.unanswered(MANIFEST, after) == ["spec.traffic.0.servers.0"]
