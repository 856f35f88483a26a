"""How long the judge says each step took, from the API server's log of the status writes alone."""

import pytest

from support.judge.events import Event
from support.judge.steps import own_seconds, shortest, spans

pytestmark = pytest.mark.unit


def write(seconds: float, episode: str | None, step: str = "") -> Event:
    status = {"episode": {"id": episode, "step": step}} if episode else {}
    return Event(source="api", kind="status-write", wall_ns=int(seconds * 1e9), detail={"status": status})


def test_a_step_lasts_from_its_intent_to_the_next_write_of_another_step() -> None:
    writes = [write(1.0, "move", "Raise"), write(1.5, "move", "Demote"), write(4.0, None)]

    assert spans(writes) == {"move": {"Raise": pytest.approx(0.5), "Demote": pytest.approx(2.5)}}


def test_writes_of_the_same_step_are_one_span() -> None:
    writes = [write(1.0, "move", "Raise"), write(2.0, "move", "Raise"), write(3.0, None)]

    assert spans(writes) == {"move": {"Raise": pytest.approx(2.0)}}


def test_a_step_that_comes_back_is_added_up() -> None:
    writes = [write(1.0, "move", "Fence"), write(2.0, "move", "Sever"), write(3.0, "move", "Fence"), write(5.0, None)]

    assert spans(writes)["move"]["Fence"] == pytest.approx(3.0)


def test_a_step_that_never_ended_has_no_span() -> None:
    assert spans([write(1.0, "move", "Raise")]) == {}


def test_the_services_own_stop_and_start_and_the_last_sync_are_not_the_operators() -> None:
    steps = {"Quiesce": 5.0, "FinalSync": 7.0, "StartServices": 9.0, "Raise": 0.25, "Promote": 0.5}

    assert own_seconds(steps) == pytest.approx(0.75)


def test_of_several_episodes_each_step_counts_with_its_shortest_time() -> None:
    first, second = {"Raise": 0.2, "Localise": 0.5}, {"Raise": 0.3}

    assert shortest([first, second]) == {"Raise": 0.2, "Localise": 0.5}
