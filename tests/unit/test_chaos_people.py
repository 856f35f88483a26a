"""The person beside the pair does what the pair's own words ask for, and nothing else."""

import json
from typing import Any

import pytest

from support.chaos import people
from support.chaos.people import Answer, CutAndConfirm, Enforce, Order, StartServices, StopServices, SwitchOn

MOVE = {"id": "failover-3-x", "kind": "Failover", "result": "Done"}


def status(hold: str | None = None, message: str = "", **fields: object) -> dict[str, Any]:
    """Return a status that is held for a reason, or at rest."""
    stalled = {
        "type": "Stalled",
        "status": "True" if hold else "False",
        "reason": hold or "AsOrdered",
        "message": message,
    }
    good = [{"type": name, "status": "True", "reason": "AllGood", "message": ""} for name in ("Ready", "Protected")]
    return {
        "activeNode": "b",
        "observedActiveNode": "b",
        "state": "Active",
        "history": [MOVE],
        "conditions": [stalled, *good],
        **fields,
    }


EPISODE = {"id": "failover-4-y", "kind": "Failover", "source": "a", "step": "Fence"}


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (status("Flapping"), Answer("failover-3-x", "Acknowledge")),
        (
            status("RecentAutomaticMove", automaticMove={"episode": "failover-3-x"}),
            Answer("failover-3-x", "Acknowledge"),
        ),
        (status("LossNotAccepted", episode=EPISODE), Answer("failover-4-y", "AcceptLoss", people.GENEROUS_SECONDS)),
        (
            status("FenceUnproven", episode=EPISODE),
            CutAndConfirm(Answer("failover-4-y", "ConfirmFenced", "a"), "a"),
        ),
        (status("DemotionUnproven", "a lives; answer FailOver", episode=EPISODE), Answer("failover-4-y", "FailOver")),
        (status("Uncertain", "a cannot be read; answer FailOver", episode=EPISODE), Answer("failover-4-y", "FailOver")),
        (status("StateLost", "order a and answer FailOver"), Order("a")),
        (status("ServiceDown"), StartServices("b")),
        (status("SplitBrain"), StopServices("a")),
        (
            status(
                "ForeignPair",
                "the nodes belong to pair u-1; answer {episode: adopt-u-1, say: Adopt, of: u-1} to adopt",
                activeNode=None,
            ),
            Answer("adopt-u-1", "Adopt", "u-1"),
        ),
        (status("TargetUnreadable", episode={**EPISODE, "target": "b"}), SwitchOn("b")),
        (status("StandbyAbsent"), SwitchOn("a")),
        (status("PeerUnreadable"), None),
        (status(), None),
    ],
)
def test_each_hold_has_its_remedy(held: dict[str, Any], wanted: people.Remedy | None) -> None:
    assert people.remedy({"activeNode": "b"}, held, dice=0) == wanted


def test_a_word_is_said_once() -> None:
    said = {"activeNode": "b", "answers": [{"episode": "failover-3-x", "say": "Acknowledge"}]}
    assert people.remedy(said, status("Flapping"), dice=0) is None


def test_an_order_that_was_not_done_is_repeated_or_taken_back() -> None:
    left = status("OrderNotDone", orderNotDone="switchover-9-z")
    found = {people.remedy({"activeNode": "a"}, left, dice=dice) for dice in (0, 1)}
    assert found == {Answer("switchover-9-z", "Retry"), Order("b")}


def test_an_override_is_accepted_or_handed_back() -> None:
    moved = status(observedActiveNode="a")
    found = {people.remedy({"activeNode": "a"}, moved, dice=dice) for dice in (0, 1)}
    assert found == {Answer("failover-3-x", "HandBack"), Order("b")}


def test_an_order_that_waits_is_left_alone() -> None:
    assert people.remedy({"activeNode": "a"}, status(observedActiveNode="b"), dice=1) is None


def test_a_pause_is_ended_before_anything_else() -> None:
    assert people.remedy({"activeNode": "b", "management": "Paused"}, status("Paused"), dice=0) == Enforce()


def test_rest_needs_the_order_done_nothing_held_and_a_standby_that_could_take_over() -> None:
    unprotected = status()
    unprotected["conditions"][2]["status"] = "False"
    assert people.is_at_rest({"activeNode": "b"}, status())
    assert not people.is_at_rest({"activeNode": "a"}, status())
    assert not people.is_at_rest({"activeNode": "b"}, status("ServiceDown"))
    assert not people.is_at_rest({"activeNode": "b"}, status(episode=EPISODE))
    assert not people.is_at_rest({"activeNode": "b"}, unprotected)


def test_an_answer_joins_the_ones_before_it_once() -> None:
    before = [{"episode": "x", "say": "Acknowledge"}]
    patch = json.loads(people.answers_with({"answers": before}, Answer("x", "Acknowledge")))
    assert patch == {"spec": {"answers": before}}
