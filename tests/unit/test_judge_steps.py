"""How long the judge says each step took, from the API server's log of the status writes alone."""

import json
from pathlib import Path

import pytest

from support.judge.events import Event
from support.judge.evidence import EvidenceBrokenError
from support.judge.steps import (
    STARTED,
    STARTING,
    STOPPED,
    STOPPING,
    Cost,
    commands_logged,
    cost,
    misstated,
    outside,
    shortest,
    spans,
)

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


# ---------------------------------------------------------------- what a planned switch costs

SWITCH = [
    write(10.0, "move", "Quiesce"),
    write(11.0, "move", "FinalSync"),
    write(13.0, "move", "StartServices"),
    write(14.0, "move", "Verify"),
    write(14.5, None),
]


def job(unit: str, messages: tuple[str, str], begin: float, end: float) -> list[str]:
    """Return what systemd's journal has of one stop or start."""
    return [
        json.dumps({"__REALTIME_TIMESTAMP": str(round(at * 1e6)), "MESSAGE_ID": message, "UNIT": unit})
        for at, message in zip((begin, end), messages, strict=True)
    ]


def stopped(unit: str, begin: float, end: float) -> list[str]:
    return job(unit, (STOPPING, STOPPED), begin, end)


def started(unit: str, begin: float, end: float) -> list[str]:
    return job(unit, (STARTING, STARTED), begin, end)


def journal(folder: Path, node: str, *jobs: list[str]) -> None:
    other = json.dumps({"__REALTIME_TIMESTAMP": "10400000", "MESSAGE_ID": "else", "UNIT": "app.service"})
    (folder / f"units-move-{node}.jsonl").write_text("\n".join([*(line for job in jobs for line in job), other, ""]))


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Two services: stopped one after the other in half a second, started side by side in half a second."""
    a_before = started("app.service", 1.0, 2.0)
    journal(tmp_path, "a", a_before, stopped("app.service", 10.25, 10.5), stopped("db.service", 10.5, 10.75))
    journal(tmp_path, "b", started("db.service", 13.25, 13.5), started("app.service", 13.25, 13.75))
    return tmp_path


def test_a_planned_switch_costs_what_is_not_the_services_and_not_the_last_sync(left: Path) -> None:
    found = cost(left, SWITCH, "move")

    assert found.seconds == pytest.approx(4.5)
    assert found.services_seconds == pytest.approx(1.0)
    assert found.outside_seconds == pytest.approx(0.5)
    assert found.own_seconds == pytest.approx(1.5)
    assert "0.500 s of 4.500 s outside" in found.describe()
    assert "1.500 s with those steps' share" in found.describe()


def test_of_several_switches_each_step_counts_with_its_shortest_time() -> None:
    first, second = (Cost("move", 9.0, 1.0, times) for times in ({"Raise": 0.2, "Localise": 0.5}, {"Raise": 0.3}))

    assert shortest([first, second]) == {"Raise": 0.2, "Localise": 0.5}
    assert outside({"Quiesce": 5.0, "FinalSync": 7.0, "StartServices": 9.0, "Raise": 0.25}) == pytest.approx(0.25)


def test_a_service_that_was_not_stopped_and_started_in_the_switch_is_broken_evidence(left: Path) -> None:
    journal(left, "b", started("db.service", 13.25, 13.5))
    with pytest.raises(EvidenceBrokenError, match=r"started \['db\.service'\]"):
        cost(left, SWITCH, "move")

    journal(left, "b", started("db.service", 8.0, 9.0), started("app.service", 8.0, 9.0))
    with pytest.raises(EvidenceBrokenError, match=r"started \[\]"):
        cost(left, SWITCH, "move")


def test_a_switch_that_never_ended_has_no_cost(left: Path) -> None:
    with pytest.raises(EvidenceBrokenError, match="then without move"):
        cost(left, SWITCH[:-1], "move")


# ---------------------------------------------------------------- what a step says of itself


def step(name: str, **changes: object) -> dict[str, object]:
    return {"name": name, "seconds": 0.4, "remoteCommands": 2, "apiWrites": 1} | changes


def said(*steps: dict[str, object]) -> dict[str, object]:
    return {"id": "move", "steps": list(steps)}


def test_a_step_that_says_what_the_api_server_saw_is_believed() -> None:
    nothing = step("Preflight", seconds=0, remoteCommands=0, apiWrites=0)

    assert misstated(said(nothing, step("Quiesce"), step("FinalSync", seconds=1.9)), SWITCH) == ()


def test_a_wait_within_a_step_may_add_a_write() -> None:
    assert misstated(said(step("Quiesce")), [*SWITCH, write(10.5, "move", "Quiesce")]) == ()


def test_a_look_that_waits_writes_what_changed_and_attempts_nothing() -> None:
    waited = [write(8.0, "move", "Preflight"), write(9.0, "move", "Preflight"), *SWITCH]

    assert misstated(said(step("Preflight", apiWrites=0, seconds=2.0)), waited) == ()


def test_a_look_that_hides_how_long_it_waited_is_found() -> None:
    waited = [write(8.0, "move", "Preflight"), *SWITCH]

    found = misstated(said(step("Preflight", apiWrites=0, seconds=0)), waited)

    assert found == ("move: Preflight says 0 s, between its writes are 2.000 s",)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"apiWrites": 0}, "says 0 API writes, the API server has 1"),
        ({"apiWrites": 2}, "says 2 API writes, the API server has 1"),
        ({"seconds": 2.0}, "says 2.0 s, between its writes are 1.000 s"),
        ({"seconds": 0}, "says 0 s, between its writes are 1.000 s"),
    ],
)
def test_a_step_that_says_something_else_is_found(changes: dict[str, object], says: str) -> None:
    assert misstated(said(step("Quiesce", **changes)), SWITCH) == (f"move: Quiesce {says}",)


@pytest.mark.parametrize("figure", ["seconds", "remoteCommands", "apiWrites"])
def test_a_step_that_leaves_a_figure_out_is_found(figure: str) -> None:
    silent = {key: value for key, value in step("Quiesce").items() if key != figure}

    assert misstated(said(silent), SWITCH) == ("move: Quiesce does not say its cost",)


def test_the_commands_that_the_nodes_logged_are_counted(tmp_path: Path) -> None:
    line = "sudo[{0}]:  maestro : PWD=/home/maestro ; USER=root ; COMMAND=/usr/bin/timeout -k 2 6 true\n"
    more = "sudo[7]:  maestro : (command continued) true\nsudo[7]: pam_unix(sudo:session): session opened\n"
    (tmp_path / "console-a.log").write_text(line.format(7) + more + line.format(8))
    (tmp_path / "console-b.log").write_text(line.format(9))

    assert commands_logged(tmp_path) == 3
