"""The one screen of `kubectl maestro status`: aligned, with the arrow on the way the data goes, and what to do next."""

import argparse
from typing import Any

import pytest
import yaml

from maestro_operator.cli.change import answered
from maestro_operator.cli.reading import as_asked
from maestro_operator.cli.screen import screen

WIDTH = 200


def condition(name: str, status: str, *, reason: str = "AllGood", message: str = "good") -> dict[str, str]:
    return {"type": name, "status": status, "reason": reason, "message": message}


def pair(**status: object) -> dict[str, Any]:
    nodes = [{"name": "a", "address": "192.0.2.10"}, {"name": "b", "address": "192.0.2.200"}]
    return {
        "metadata": {"namespace": "lists", "name": "maestro", "generation": 4},
        "spec": {"activeNode": "a", "nodes": nodes},
        "status": {"observedGeneration": 4, "term": 5, **status},
    }


def node(name: str, *, reachable: bool = True, **more: object) -> dict[str, Any]:
    services = [{"name": "db", "state": "active"}, {"name": "maestro", "state": "active"}]
    common = {"name": name, "reachable": reachable, "reason": "TimedOut", "verdict": "Healthy", "fencingReady": True}
    return {**common, "services": services if reachable else [], "votes": [], **more}


def serving() -> dict[str, Any]:
    stopped = [{"name": "db", "state": "inactive"}, {"name": "maestro", "state": "inactive"}]
    return pair(
        state="Active",
        activeNode="a",
        epoch={"inForce": {"number": 3, "owner": "a", "episode": "x"}},
        plan="would fail over when the active node is conclusively down",
        nodes=[
            node("a", votes=[{"vantagePoint": "operator", "vote": "Alive"}, {"vantagePoint": "peer", "vote": "Alive"}]),
            node("b", services=stopped),
        ],
        replication={"inSync": True, "generation": {"epoch": 3, "counter": 17}, "lag": "under 1 min"},
        conditions=[condition("Ready", "True"), condition("Stalled", "False"), condition("BackupFresh", "Unknown")],
        history=[
            {
                "finishedAt": "2026-11-22T20:00:00.000Z",
                "kind": "Failover",
                "source": "b",
                "target": "a",
                "result": "Done",
                "downtimeSeconds": 21.44,
                "declaredLossSeconds": 4.0,
                "proof": {"method": "Fenced"},
            }
        ],
    )


def test_a_serving_pair_is_one_quiet_screen() -> None:
    assert screen(serving(), width=WIDTH).splitlines() == [
        "lists/maestro: Active",
        "  active a   declared a   epoch 3 of a   term 5   management Enforce",
        "  would fail over when the active node is conclusively down",
        "",
        (
            "  a   192.0.2.10    ACTIVE    Healthy   db active, maestro active       can be fenced"
            "   operator says Alive, peer says Alive"
        ),
        "  │   data: in sync, copy 3.17, under 1 min behind",
        "  ▼",
        "  b   192.0.2.200   standby   Healthy   db inactive, maestro inactive   can be fenced",
        "",
        "Nothing is under way.",
        "",
        "Every condition is as it should be.",
        "",
        "Last episodes:",
        "  2026-11-22T20:00:00.000Z   Failover b → a   Done   down 21.4 s   declared loss 4.0 s   Fenced",
    ]


def test_the_last_rehearsals_are_shown_with_their_ends() -> None:
    shown = serving()
    begun = {"kind": "Drill", "node": "a", "startedAt": "2026-11-22T21:00:00.000Z"}
    shown["status"]["rehearsals"] = [
        {**begun, "id": "autumn"},
        {**begun, "id": "spring", "finishedAt": "2026-05-01T21:00:00.000Z", "result": "Passed", "message": "back"},
    ]

    assert screen(shown, width=WIDTH).splitlines()[-3:] == [
        "Last rehearsals:",
        "  2026-11-22T21:00:00.000Z   Drill autumn   under way",
        "  2026-05-01T21:00:00.000Z   Drill spring   Passed      back",
    ]


@pytest.mark.parametrize(("active", "above", "below"), [("a", "│", "▼"), ("b", "▲", "│")])
def test_the_arrow_points_away_from_the_active_node(active: str, above: str, below: str) -> None:
    shown = serving()
    shown["status"]["activeNode"] = active

    lines = screen(shown, width=WIDTH).splitlines()

    first = next(at for at, line in enumerate(lines) if line.startswith("  a "))
    assert (lines[first + 1].split()[0], lines[first + 2].strip()) == (above, below)
    assert lines[first + 3].startswith("  b ")


def test_without_an_active_node_no_data_flows() -> None:
    shown = serving()
    del shown["status"]["activeNode"]

    text = screen(shown, width=WIDTH)

    assert "data:" not in text
    assert "active none" in text


def test_a_held_failover_says_what_it_waits_for_and_the_command_that_answers() -> None:
    shown = serving()
    shown["status"] |= {
        "state": "WaitForUser",
        "nodes": [node("a", reachable=False, verdict="Down"), node("b")],
        "replication": {"inSync": False, "reason": "StandbyAbsent"},
        "episode": {
            "id": "failover-7",
            "kind": "Failover",
            "source": "a",
            "target": "b",
            "steps": [
                {"name": "Raise", "state": "Done", "seconds": 0.204, "attempts": 1},
                {"name": "Fence", "state": "Failed", "seconds": 40.0, "attempts": 3, "message": "no answer"},
            ],
        },
        "conditions": [
            condition("Ready", "False", reason="FenceUnproven", message="answer ConfirmFenced of a"),
            condition("Stalled", "True", reason="FenceUnproven", message="answer ConfirmFenced of a"),
            condition("Protected", "Unknown"),
        ],
    }

    lines = screen(shown, width=WIDTH).splitlines()

    assert "  a   192.0.2.10    ACTIVE    Down      cannot be read: TimedOut    can be fenced" in lines
    assert "  │   data: NOT IN SYNC (StandbyAbsent), " not in lines
    at = lines.index("Failover a → b under way: failover-7")
    assert lines[at + 1 : at + 6] == [
        "    Raise   Done         0.20 s",
        "    Fence   Failed      40.00 s   3 tries   no answer",
        "  HELD: FenceUnproven",
        "    answer ConfirmFenced of a",
        '    kubectl maestro confirm-fence maestro -n lists --node a --episode failover-7 --why "..."',
    ]
    wrong = lines[lines.index("Not as it should be:") + 1 :][:2]
    assert wrong == [
        "  Ready=False    FenceUnproven   answer ConfirmFenced of a",
        "  Stalled=True   FenceUnproven   answer ConfirmFenced of a",
    ]


def test_a_spec_the_operator_has_not_seen_yet_is_said() -> None:
    shown = serving()
    shown["metadata"]["generation"] = 5

    assert "  the operator has not seen generation 5 of spec yet" in screen(shown, width=WIDTH).splitlines()


def test_a_pair_without_status_is_shown_as_not_seen() -> None:
    shown = pair()
    del shown["status"]

    lines = screen(shown, width=WIDTH).splitlines()

    assert lines[0] == "lists/maestro: not seen by an operator yet"
    assert any("not looked at yet" in line for line in lines)


def test_no_line_is_longer_than_the_terminal() -> None:
    lines = screen(serving(), width=60).splitlines()

    assert max(map(len, lines)) == 60
    assert any(line.endswith("…") for line in lines)


def test_a_pipe_gets_every_line_whole() -> None:
    shown = serving()
    shown["status"]["nodes"][0]["votes"] = [
        {"vantagePoint": f"a witness in town {number}", "vote": "Alive"} for number in range(9)
    ]

    text = as_asked(argparse.Namespace(output="text"), shown)

    assert "a witness in town 8 says Alive" in text
    assert "…" not in text


def test_the_git_change_survives_every_word_a_person_may_write() -> None:
    answer = {
        "episode": "e-1",
        "say": "ConfirmFenced",
        "of": "a",
        "by": "jo: a",
        "why": '"off" # really\nsecond line',
    }

    change = answered({"spec": {}}, answer)

    assert change.git.startswith("spec:\n  answers:\n    - episode: e-1\n      say: ConfirmFenced\n")
    assert yaml.safe_load(change.git) == {"spec": {"answers": [answer]}} == {"spec": dict(change.spec)}


@pytest.mark.parametrize(
    ("replication", "said"),
    [
        ({"inSync": True, "lag": "in sync"}, "data: in sync\n"),
        ({"inSync": False, "reason": "SyncBehind", "lag": "SyncBehind"}, "data: NOT IN SYNC (SyncBehind)\n"),
    ],
)
def test_only_a_span_of_time_is_said_to_be_behind(replication: dict[str, object], said: str) -> None:
    shown = serving() | {"status": serving()["status"] | {"replication": replication}}

    assert said in screen(shown, width=WIDTH)
