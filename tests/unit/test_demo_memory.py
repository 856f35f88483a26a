"""The demo's report on memory nodes: each claim fails when what it is about did not hold."""

from __future__ import annotations

from typing import Any

import pytest

from support.demo.memory_report import Told, judge, table
from support.demo.memory_world import LiveClock, LivingWorld
from support.judge.evidence import Ack

LOST_BY_PART = (0, 0, 0, 20, 20, 20)
SECOND_NS = 10**9


def episode(kind: str, *, source: str, target: str, epoch: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    proof = {"epoch": epoch, "method": "Demoted"}
    return {"id": f"{kind}-{epoch}", "kind": kind, "result": "Done", "trigger": "Order", "source": source,
            "target": target, "proof": proof, **more}  # fmt: skip


HISTORY = (
    episode("Switchover", source="a", target="b", epoch=4) | {"trigger": "HandBack"},
    episode("Failover", source="b", target="a", epoch=3, declaredLossSeconds=2.5),
    episode("Switchover", source="a", target="b", epoch=2),
    episode("Activate", source="b", target="a", epoch=1),
)


def ack(number: int, *, node: str, epoch: int) -> Ack:
    """An acknowledgement a tenth of a second after the one before it."""
    at_ns = number * SECOND_NS // 10
    return Ack("c1", number, sha256="", address="", sent_ns=at_ns, received_ns=at_ns, node=node, boot_id="1",
               epoch=epoch, monotonic_ns=at_ns, duplicate=False)  # fmt: skip


def told(*, lost: tuple[int, ...] = LOST_BY_PART, declared_seconds: float = 2.5, trouble: str | None = None) -> Told:
    """A story that went well: 25 writes an epoch, and the failover lost the last 20 before it, which took 1.9 s."""
    living = LivingWorld()
    living.acks = [ack(25 * epoch + item, node="ab"[(epoch + 1) % 2], epoch=epoch)
                   for epoch in (1, 2, 3, 4) for item in range(25)]  # fmt: skip
    living.knocks = {"accepted": 0, "refused": 25, "silent": 3}
    parts = [{"title": f"{place}.", "lost_records": item, "acknowledged": 100} for place, item in enumerate(lost, 1)]
    history = [item | {"declaredLossSeconds": declared_seconds} if item["kind"] == "Failover" else item
               for item in HISTORY]  # fmt: skip
    return Told("no root", trouble, parts=parts, history=history, living=living)


def failed(story: Told) -> list[str]:
    return [claim.id for claim in judge(story) if not claim.ok]


def test_a_story_that_went_well_says_first_what_it_was_played_on() -> None:
    claims = judge(told())

    assert failed(told()) == []
    assert (claims[0].id, claims[0].measured, claims[0].evidence) == (
        "parts", "memory nodes on a real API server", ("no root",)
    )  # fmt: skip


@pytest.mark.parametrize("lost", [(0, 0, 1, 21, 21, 21), (0, 0, 0, 20, 20, 21)])
def test_a_planned_switch_that_lost_a_record_fails(lost: tuple[int, ...]) -> None:
    assert failed(told(lost=lost)) == ["switchovers-lost-nothing"]


def test_a_failover_that_lost_more_than_it_declared_fails() -> None:
    assert failed(told(declared_seconds=1.9)) == []
    assert failed(told(declared_seconds=1.8)) == ["failover-loss-was-declared"]


def test_two_writers_fail() -> None:
    story = told()
    story.living.world.moments_with_two_writers.append("at noon: a and b")

    assert failed(story) == ["one-writer"]


def test_a_returner_that_served_or_was_never_asked_fails() -> None:
    served, unasked = told(), told()
    served.living.knocks["accepted"] = 1
    unasked.living.knocks["refused"] = 0

    assert failed(served) == failed(unasked) == ["returner-started-nothing"]


def test_writes_that_never_reached_a_target_fail() -> None:
    story = told()
    story.living.acks = [item for item in story.living.acks if item.epoch != 4]

    assert failed(story) == ["names-followed"]


def test_a_story_that_got_stuck_fails_and_its_table_is_still_there() -> None:
    stuck = told(lost=(0, 0), trouble="the switchover did not come")

    assert {"story-was-told", "switchovers-lost-nothing", "failover-loss-was-declared"} <= set(failed(stuck))
    assert len(table(stuck).splitlines()) == 1 + len(HISTORY)


def test_the_table_says_downtime_loss_and_proof_of_each_move() -> None:
    failover = table(told()).splitlines()[3].split()

    assert failover == ["Failover", "b", "a", "0.10", "s", "2.50", "s", "20", "records,", "1.90", "s", "Demoted"]


def test_nobody_moves_the_machines_clock() -> None:
    with pytest.raises(RuntimeError):
        LiveClock().pass_seconds(1)
