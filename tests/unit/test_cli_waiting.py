"""`--wait`: what counts as reached, as missed and as neither, from the resource alone."""

from typing import Any

import pytest

from maestro_operator.cli.waiting import How, Stand, stand

GENERATION = 4
SERVES = {"activeNode": "b", "observedActiveNode": "b", "observedGeneration": GENERATION}
MOVES = {"id": "switchover-2", "kind": "Switchover", "source": "a", "target": "b", "step": "FinalSync"}
ORDER = {"activeNode": "b"}
TAKEN = {"episode": "switchover-2", "say": "Restore"}


def condition(kind: str, truth: str, reason: str = "Why", message: str = "because") -> dict[str, str]:
    return {"type": kind, "status": truth, "reason": reason, "message": message}


def now(asked: dict[str, Any], **status: Any) -> Stand:  # noqa: ANN401
    pair = {"spec": {"activeNode": "b"}, "status": {**SERVES, **status}}
    return stand(pair, asked, generation=GENERATION)


def answer(say: str, episode: str = "switchover-2") -> dict[str, Any]:
    return {"answers": [{"episode": "old", "say": "Retry"}, {"episode": episode, "say": say}]}


def ended(result: str) -> list[dict[str, Any]]:
    return [{"id": "switchover-2", "kind": "Switchover", "result": result, "downtimeSeconds": 4.25}]


def test_nothing_counts_before_the_operator_has_seen_the_change() -> None:
    assert now(ORDER, observedGeneration=GENERATION - 1).how is How.WAITS
    assert stand({"spec": ORDER}, ORDER, generation=1) == Stand(How.WAITS, "no operator has seen the change yet")


def test_an_order_is_reached_when_the_node_is_active_and_the_move_is_at_its_end() -> None:
    assert now(ORDER, episode=MOVES) == Stand(How.WAITS, "Switchover a → b: FinalSync")
    assert now(ORDER, history=ended("Done")) == Stand(How.DONE, "b is active; it was down for 4.2 s")
    assert now(ORDER, episode={**MOVES, "kind": "Rejoin"}).how is How.DONE


def test_an_order_that_was_rolled_back_is_missed_and_one_that_is_held_waits() -> None:
    held = [condition("Stalled", "True", "SyncBehind", "the copy is old")]

    assert now(ORDER, activeNode="a", orderNotDone="switchover-2") == Stand(
        How.MISSED, "switchover-2 was not carried out"
    )
    assert now(ORDER, activeNode="a", conditions=held) == Stand(
        How.WAITS, "a is active; held, SyncBehind: the copy is old"
    )


@pytest.mark.parametrize("kind", ["Available", "Verified"])
def test_a_move_to_a_node_that_does_not_serve_well_is_missed(kind: str) -> None:
    assert now(ORDER, conditions=[condition(kind, "False")]) == Stand(
        How.MISSED, f"b is active, and {kind} is False, Why: because"
    )
    assert now(ORDER, conditions=[condition(kind, "Unknown")]).how is How.DONE


def test_a_pause_is_reached_after_the_episode_and_a_release_when_nothing_is_left() -> None:
    assert now({"management": "Paused"}, episode=MOVES).how is How.WAITS
    assert now({"management": "Paused"}) == Stand(How.DONE, "management is Paused")
    assert now({"management": "Release"}, state="Active") == Stand(How.WAITS, "the state is Active")
    assert now({"management": "Release"}, state="Released").how is How.DONE
    assert now({"management": "Enforce"}, episode=MOVES).how is How.DONE


@pytest.mark.parametrize(
    ("say", "status", "how"),
    [
        ("AcceptLoss", {"episode": MOVES}, How.WAITS),
        ("AcceptLoss", {"history": ended("Done")}, How.DONE),
        ("ConfirmFenced", {"history": ended("Abandoned")}, How.MISSED),
        ("ConfirmFenced", {}, How.WAITS),
        ("Retry", {}, How.WAITS),
        ("Retry", {"takenAnswers": [{"episode": "switchover-2", "say": "Retry"}]}, How.DONE),
        ("Retry", {"takenAnswers": [{"episode": "old", "say": "Retry"}]}, How.WAITS),
        ("HandBack", {"takenAnswers": [{"episode": "switchover-2", "say": "HandBack"}], "activeNode": "a"}, How.WAITS),
        ("FailOver", {"activeNode": "a"}, How.WAITS),
        ("FailOver", {"history": ended("Abandoned")}, How.DONE),
        ("Restore", {}, How.WAITS),
        ("Restore", {"takenAnswers": [{"episode": "switchover-2", "say": "Restore"}]}, How.WAITS),
        ("Restore", {"takenAnswers": [TAKEN], "episode": {**MOVES, "id": "x", "kind": "Restore"}}, How.WAITS),
        ("Restore", {"takenAnswers": [TAKEN], "history": [{"id": "x", "kind": "Restore", "result": "Done"}]}, How.DONE),
        (
            "Restore",
            {"takenAnswers": [TAKEN], "history": [{"id": "x", "kind": "Restore", "result": "Abandoned"}]},
            How.MISSED,
        ),
        ("Acknowledge", {"takenAnswers": [{"episode": "switchover-2", "say": "Acknowledge"}]}, How.DONE),
    ],
)
def test_an_answer_is_reached_when_what_it_was_for_is(say: str, status: dict[str, Any], how: How) -> None:
    assert now(answer(say), **status).how is how


def drilled(**told: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"rehearsals": [{"kind": "Drill", "id": "spring", "node": "a", **told}]}


DRILL = {"answers": [{"episode": "rejoin-1", "say": "Drill", "of": "spring"}]}


def test_a_drill_is_reached_when_it_passed_and_missed_when_it_did_not() -> None:
    waits = [condition("Reconciling", "True", "Drilling", "the way back waits")]
    passed = drilled(result="Passed", message="there and back")

    assert now(DRILL) == Stand(How.WAITS, "drill spring has not begun")
    assert now(DRILL, **drilled(), episode=MOVES) == Stand(How.WAITS, "drill spring: Switchover a → b: FinalSync")
    assert now(DRILL, **drilled(), conditions=waits) == Stand(How.WAITS, "drill spring: the way back waits")
    assert now(DRILL, **passed) == Stand(How.DONE, "drill spring: Passed: there and back")
    for result in ("Failed", "Ended", "Refused"):
        missed = now(DRILL, **drilled(result=result, message="b is down"))
        assert missed == Stand(How.MISSED, f"drill spring: {result}: b is down")


def test_a_maintenance_is_reached_when_it_was_seen() -> None:
    assert now({"detection": {"maintenanceUntil": None}}).how is How.DONE
