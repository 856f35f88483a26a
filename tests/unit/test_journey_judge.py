"""What the journey claims, seen to fail: a block that failed, a quiet alert, another move, something left behind."""

from typing import cast

import pytest

from support.docscheck.desk import Desk
from support.docscheck.pages import TUTORIAL
from support.docscheck.record import Record, Tried
from support.journey.__main__ import MOVES, Journey, judge
from support.journey.alerting import Alerts

RUNBOOK = "docs/runbooks/MaestroPairDown.md"


def a_journey() -> Journey:
    found = Journey(cast("Desk", None), cast("Alerts", None), cast("Record", None))
    found.alert = {"labels": {"alertname": "MaestroPairDown"}, "annotations": {"runbook_url": RUNBOOK}}
    found.history = [
        {"kind": kind, "source": one, "target": other, "result": "Done"} for kind, one, other in reversed(MOVES)
    ]
    found.writers_at_once = []
    return found


def tried(page: str, *, code: int = 0) -> Tried:
    return Tried("command", page, 1, "true", code)


WELL = [tried(TUTORIAL), tried(TUTORIAL), tried(RUNBOOK)]


def failed(journey: Journey, lines: list[Tried], *, left: list[str] | None = None) -> set[str]:
    return {claim.id for claim in judge(journey, lines, wanted=2, left=left or []) if not claim.ok}


def test_a_journey_that_went_well_claims_all() -> None:
    assert failed(a_journey(), WELL) == set()


@pytest.mark.parametrize("lines", [WELL[1:], [tried(TUTORIAL), tried(TUTORIAL, code=1), tried(RUNBOOK)]])
def test_a_block_that_was_not_reached_or_failed_is_found(lines: list[Tried]) -> None:
    assert failed(a_journey(), lines) == {"every-block-of-the-tutorial-ran"}


def test_an_alert_that_stayed_quiet_is_found() -> None:
    journey = a_journey()
    journey.alert = {}

    assert failed(journey, WELL[:2]) == {"the-alert-fired", "its-runbook-was-followed"}


def test_a_command_of_the_runbook_that_failed_is_found() -> None:
    assert failed(a_journey(), [*WELL, tried(RUNBOOK, code=1)]) == {"its-runbook-was-followed"}


def test_another_move_than_git_ordered_is_found() -> None:
    journey = a_journey()
    journey.history = journey.history[1:]

    assert failed(journey, WELL) == {"the-moves-were-those-of-git"}


@pytest.mark.parametrize("moments", [None, ["at noon: a and b"]])
def test_two_writers_or_nobody_who_looked_are_found(moments: list[str] | None) -> None:
    journey = a_journey()
    journey.writers_at_once = moments

    assert failed(journey, WELL) == {"one-writer"}


def test_what_is_left_is_found() -> None:
    assert failed(a_journey(), WELL, left=["deployment/x"]) == {"nothing-is-left"}
