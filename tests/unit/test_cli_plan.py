"""`kubectl maestro plan`: the operator's own word on a move that nobody ordered yet, and what it takes."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import pytest

from maestro_operator.cli.change import CannotError
from maestro_operator.cli.plan import ASKED_NOW, DOWN_FROM, NEEDS, plain, plan, shown
from maestro_operator.decide import decide
from maestro_operator.model.pair import Management
from maestro_operator.model.seen import Replica
from maestro_operator.model.status import Generation, HistoryEntry, HistoryStep
from maestro_operator.model.steps import DEADLINE_SECONDS, STEPS, EpisodeKind, StepName
from support.looks import GONE, NOW, move, node, outage, seen, standby, status


def young(age_seconds: float = 3.0) -> Replica:
    return Replica(
        newest=Generation(epoch=1, counter=7), announced_age_seconds=age_seconds, clock="uptime", is_whole=True
    )


def finished(kind: EpisodeKind, *, result: str = "Done", seconds: float = 1.5) -> HistoryEntry:
    steps = tuple(HistoryStep(name=step, seconds=seconds) for step in STEPS[kind])
    return HistoryEntry.model_validate(
        {
            "id": "before", "kind": kind, "source": "b", "target": "a", "trigger": "Ordered",
            "startedAt": NOW, "finishedAt": "2025-12-01T00:00:00.000Z", "result": result, "steps": steps,
        }
    )  # fmt: skip


def test_a_pair_at_rest_would_switch_over_by_the_steps_of_the_table() -> None:
    look = seen(nodes={"a": node("a", is_running=True), "b": standby(replica=young())})

    made = plan(look, None)

    assert made.said == "Switchover a → b, were b ordered now"
    assert made.in_the_way is None
    assert [item.step for item in made.steps] == list(STEPS[EpisodeKind.SWITCHOVER])
    assert {item.stands for item in made.steps} == {"ok", "comes with the steps before"}
    assert made.seconds == sum(DEADLINE_SECONDS[step] for step in STEPS[EpisodeKind.SWITCHOVER])
    assert not any(item.is_measured for item in made.steps)


def test_what_stands_in_the_way_is_the_operators_own_word() -> None:
    old = seen(nodes={"a": node("a", is_running=True), "b": standby(replica=young(9999.0))})
    gone = seen(nodes={"a": node("a", is_running=True), "b": GONE})
    paused = replace(old, spec=old.spec.model_copy(update={"management": Management.PAUSED}))

    assert str(plan(old, "b").in_the_way).startswith("SyncBehind: b's newest copy is older than")
    assert "b cannot be read" in str(plan(gone, "b").in_the_way)
    assert str(plan(paused, "b").in_the_way).startswith("Paused: ")
    for look in (old, gone, paused):
        assert look.spec.active_node == "a", "the look itself is as it was"
        assert decide(look) == decide(dataclasses.replace(look))


def test_an_outage_would_be_a_failover_and_a_fence_that_is_not_ready_is_said() -> None:
    made = plan(outage(), None)

    stands = {item.step: item.stands for item in made.steps}
    assert made.said == "Failover a → b, were b ordered now"
    assert list(stands) == list(STEPS[EpisodeKind.FAILOVER])
    assert stands[StepName.FENCE] in ("ok", "not known to work for a")


def test_a_step_takes_what_it_took_in_the_last_move_of_the_kind_that_was_carried_out() -> None:
    past = (
        finished(EpisodeKind.SWITCHOVER, result="RolledBack", seconds=99.0),
        finished(EpisodeKind.FAILOVER, seconds=50.0),
        finished(EpisodeKind.SWITCHOVER, seconds=1.5),
    )
    look = seen(status=status(history=past), nodes={"a": node("a", is_running=True), "b": standby(replica=young())})

    made = plan(look, "b")

    assert {(item.seconds, item.is_measured) for item in made.steps} == {(1.5, True)}
    assert "In all about 18 s, about 12 s of it while nobody serves." in shown(made, key="k")


def test_nobody_serves_from_the_stop_of_the_source_or_from_the_outage_to_the_start() -> None:
    steps = EpisodeKind.SWITCHOVER, EpisodeKind.FAILOVER
    looks = seen(nodes={"a": node("a", is_running=True), "b": standby(replica=young())}), outage()
    for kind, look in zip(steps, looks, strict=True):
        made = plan(look, None)
        down = [item.step for item in made.steps if item.is_down]
        order = list(STEPS[kind])
        first = StepName.QUIESCE if kind is EpisodeKind.SWITCHOVER else StepName.CONCLUDE
        assert down == order[order.index(first) : order.index(StepName.START_SERVICES) + 1]
        assert made.down_seconds == sum(DEADLINE_SECONDS[step] for step in down)
        assert plain(made)["downSeconds"] == made.down_seconds


def test_of_a_move_that_needs_no_stop_no_downtime_is_foretold() -> None:
    assert not {EpisodeKind.MIGRATE, EpisodeKind.REJOIN, EpisodeKind.REPAIR, EpisodeKind.RENEW} & set(DOWN_FROM)


def test_an_episode_under_way_is_shown_as_it_goes_on() -> None:
    made = plan(outage(status=status(episode=move())), None)

    assert made.said == "Failover a → b under way: move-2"
    assert {item.stands for item in made.steps} >= {"to come"}
    assert made.in_the_way is None or ": " in made.in_the_way


@pytest.mark.parametrize(
    ("wanted", "words"), [("a", "a is active already"), ("c", "there is no node c; the pair has a and b")]
)
def test_a_move_that_cannot_be_meant_is_refused(wanted: str, words: str) -> None:
    with pytest.raises(CannotError, match=words):
        plan(seen(), wanted)


def test_without_an_active_node_nothing_can_be_planned() -> None:
    with pytest.raises(CannotError, match="no node is known to be active"):
        plan(seen(status=status(active_node=None)), None)


def test_every_step_says_what_it_needs_and_the_same_stands_in_text_and_json() -> None:
    made = plan(seen(), None)
    text = shown(made, key="2026 lists/maestro")

    assert set(NEEDS) == set(StepName)
    assert set(ASKED_NOW) < set(StepName)
    assert text.startswith("2026 lists/maestro: Switchover a → b")
    told = plain(made)
    assert told["inTheWay"] == made.in_the_way
    assert isinstance(told["steps"], list)
    assert [item["name"] for item in told["steps"]] == [item.step.value for item in made.steps]
    assert all(item.step in text for item in made.steps)
