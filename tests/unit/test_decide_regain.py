"""A node that loses, in mid-episode, what its guard knew: what is done anew, what ends, and what a person is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.model.decision import Hold, Perform, Record
from maestro_operator.model.outcome import Refused
from maestro_operator.model.pair import Answer, Say
from maestro_operator.model.proof import Method
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState, NodeSeen, Seen
from maestro_operator.model.status import Epoch, EpochMark, StepRecord, Word
from maestro_operator.model.steps import EpisodeKind, StepName
from support.looks import (
    NEXT,
    NOW,
    OWNED,
    demoted_guard,
    move,
    node,
    outcome,
    owner_guard,
    seen,
    standby,
    standby_guard,
    status,
)

pytestmark = pytest.mark.unit

LOST, ABSENT = Guard(GuardState.LOST), Guard(GuardState.ABSENT)


def record(step: StepName, state: str = "Done") -> StepRecord:
    """Returns a step as the journal keeps it."""
    return StepRecord(name=step, state=state, attempts=1, term=1, started_at=NOW, deadline="2026-01-01T00:17:40Z")  # type: ignore[arg-type]


def brought_up(**changes: Any) -> NodeSeen:  # noqa: ANN401
    """Returns b after its promotion, with what was changed since."""
    copy = replace(standby().replica, promoted_episode=NEXT.episode)
    guard = standby_guard(promised=NEXT, in_force=NEXT, grant_epoch=None, grant_source=None)
    return standby(**{"replica": copy, "guard": guard, **changes})


def after_the_intent(step: StepName, target: NodeSeen, *, begun: tuple[StepName, ...] = (), **changes: Any) -> Seen:  # noqa: ANN401
    """Returns a look at a move to b whose promotion is in the journal."""
    kind = changes.pop("kind", EpisodeKind.SWITCHOVER)
    answers = changes.pop("answers", ())
    records = (record(StepName.PROMOTE), *(record(it) for it in begun), record(step, "Running"))
    episode = move(kind, step=step, steps=records, order="b", **changes)
    look = seen(
        nodes={"a": node("a", guard=demoted_guard()), "b": target},
        status=status(active_node="b", epoch=Epoch(promised=NEXT, in_force=NEXT), episode=episode),
    )
    return replace(look, spec=look.spec.model_copy(update={"active_node": "b", "answers": answers}))


def frozen_as(**machines: str) -> tuple[Any, ...]:
    """Returns the frozen sides with these machines."""
    return tuple(item.model_copy(update={"machine_id": machines.get(item.name)}) for item in move().frozen)


def to_step(look: Seen) -> StepName:
    """Returns the step that the episode goes back to."""
    found = decide(look).decision
    assert isinstance(found, Record), found
    assert found.status.episode is not None
    return found.status.episode.step


@pytest.mark.parametrize("step", [StepName.LOCALISE, StepName.MOVE_TRAFFIC, StepName.START_SERVICES])
def test_a_promoted_node_that_lost_its_guards_state_is_promoted_anew(step: StepName) -> None:
    assert to_step(after_the_intent(step, brought_up(guard=LOST))) is StepName.PROMOTE


def test_a_promoted_node_that_was_put_back_is_promoted_anew_as_long_as_it_cannot_have_written() -> None:
    assert to_step(after_the_intent(StepName.MOVE_TRAFFIC, standby())) is StepName.PROMOTE


def test_a_promoted_node_that_was_put_back_after_its_services_may_have_run_waits_for_a_person() -> None:
    look = after_the_intent(StepName.START_SERVICES, standby(), begun=(StepName.START_SERVICES,))

    found = decide(look).decision

    assert isinstance(found, Hold)
    assert found.reason is Reason.NODE_ROLLED_BACK
    assert f"answer FailOver of {NEXT.episode}" in found.message


@pytest.mark.parametrize("there", [standby(guard=ABSENT), brought_up(machine_id="machine-c")], ids=["bare", "another"])
def test_what_stands_in_the_place_of_a_promoted_machine_is_given_up_by_a_person(there: NodeSeen) -> None:
    look = after_the_intent(StepName.MOVE_TRAFFIC, there, frozen=frozen_as(a="machine-a", b="machine-b"))
    look = replace(look, nodes={**look.nodes, "b": replace(there, replica=standby().replica)})

    found = decide(look).decision

    assert isinstance(found, Hold)
    assert found.reason is Reason.STATE_LOST
    assert f"answer FailOver of {NEXT.episode}" in found.message


def test_a_take_back_remembers_the_machine_that_was_promoted() -> None:
    look = after_the_intent(
        StepName.MOVE_TRAFFIC,
        standby(guard=ABSENT, machine_id="machine-c"),
        frozen=frozen_as(a="machine-a", b="machine-b"),
        answers=(Answer(episode=NEXT.episode, say=Say.FAIL_OVER),),
    )

    found = decide(look).decision

    assert isinstance(found, Perform | Record)
    back = found.status.episode
    assert back is not None
    assert (back.kind, back.target) == (EpisodeKind.TAKE_BACK, "a")
    assert back.frozen_node("b").machine_id == "machine-b"  # type: ignore[union-attr]


def test_a_person_gives_up_a_target_whose_copy_cannot_be_brought_up() -> None:
    promised = standby(guard=standby_guard(promised=NEXT, in_force=NEXT))
    words = (Answer(episode=NEXT.episode, say=Say.FAIL_OVER),)

    found = decide(after_the_intent(StepName.PROMOTE, promised, answers=words)).decision

    assert isinstance(found, Perform | Record)
    assert found.status.episode is not None
    assert found.status.episode.kind is EpisodeKind.TAKE_BACK
    assert [item.say for item in found.status.taken_answers] == ["FailOver"]


def test_a_promotion_that_is_refused_says_how_to_give_it_up() -> None:
    promised = standby(guard=standby_guard(promised=NEXT, in_force=NEXT))
    look = after_the_intent(StepName.PROMOTE, promised)
    refused = replace(outcome(Refused(Reason.COPY_NOT_WHOLE, "no such copy"), step=StepName.PROMOTE), age_seconds=0.0)

    found = decide(replace(look, last=refused)).decision

    assert isinstance(found, Hold)
    assert found.message.startswith("Promote attempt 1: no such copy; answer FailOver")


@pytest.mark.parametrize("step", [StepName.LOCALISE, StepName.START_SERVICES])
def test_an_activation_begins_anew_with_what_stands_there_now(step: StepName) -> None:
    look = after_the_intent(step, standby(guard=ABSENT), kind=EpisodeKind.ACTIVATE)

    assert to_step(look) is StepName.EQUIP


def test_an_old_owner_that_is_replaced_while_it_takes_back_is_left_to_the_rules() -> None:
    look = after_the_intent(StepName.LOCALISE, standby(guard=ABSENT), kind=EpisodeKind.TAKE_BACK)

    found = decide(look).decision

    assert isinstance(found, Record)
    assert found.status.history[0].result == "Abandoned"


# ---------------------------------------------------------------- a Renew and a Restart


def renewing(step: StepName, **nodes: NodeSeen) -> Seen:
    """Returns a look at b's Renew under epoch 2, after its switchover to a was rolled back."""
    mark = EpochMark(number=1, owner="b", episode="activate-1")
    episode = move(EpisodeKind.RENEW, step=step, steps=(record(step, "Running"),))
    return seen(
        nodes={"a": node("a", guard=owner_guard(in_force=mark, promised=mark, may_run=False)), **nodes},
        status=status(active_node="b", epoch=Epoch(promised=NEXT, in_force=mark), episode=episode),
    )


PERMITTED_NOW = {
    "in_force": EpochMark(number=1, owner="b", episode="activate-1"),
    "max_permit_epoch": 1,
    "max_permit_boot": "boot-b",
    "grant_epoch": None,
    "grant_source": None,
}


def test_an_owner_that_lost_its_guards_state_does_not_go_on() -> None:
    found = decide(renewing(StepName.SWAP_PERMIT, b=standby(guard=LOST))).decision

    assert isinstance(found, Record)
    assert (found.status.episode, found.because) == (None, Reason.STATE_LOST)


def test_an_owner_permitted_in_this_boot_goes_on_beside_a_standby_that_lost_its_state() -> None:
    look = renewing(StepName.STORE_EPOCH, a=node("a", guard=LOST), b=standby(guard=standby_guard(**PERMITTED_NOW)))

    found = decide(look).decision

    assert isinstance(found, Perform)
    assert (found.step, found.proof) == (StepName.SWAP_PERMIT, None)


@pytest.mark.parametrize(
    ("guard", "words"),
    [(LOST, "switch it off and answer ConfirmFenced"), (ABSENT, "a has no guard; answer ConfirmFenced of a")],
)
def test_an_owner_that_rebooted_waits_for_a_person_beside_a_node_that_cannot_say(guard: Guard, words: str) -> None:
    rebooted = standby(guard=standby_guard(**{**PERMITTED_NOW, "max_permit_boot": "boot-before"}))

    found = decide(renewing(StepName.STORE_EPOCH, a=node("a", guard=guard), b=rebooted)).decision

    assert isinstance(found, Hold)
    assert found.reason is Reason.DEMOTION_UNPROVEN
    assert words in found.message


def test_a_machine_in_the_other_ones_place_is_no_second_writer_where_a_person_says_where_that_one_is() -> None:
    rebooted = standby(guard=standby_guard(**{**PERMITTED_NOW, "max_permit_boot": "boot-before"}))
    look = renewing(StepName.STORE_EPOCH, a=node("a", guard=ABSENT), b=rebooted)
    answer = Answer(episode=NEXT.episode, say=Say.CONFIRM_FENCED, of="a", by="ops", why="in the skip")
    word = Word(episode=NEXT.episode, of="a", by="ops", why="in the skip", seen_at=NOW)
    look = replace(look, spec=look.spec.model_copy(update={"answers": (answer,)}), fresh_words=(word,))

    found = decide(look).decision
    running = node("a", guard=ABSENT, is_running=True)
    held = decide(replace(look, nodes={**look.nodes, "a": running})).decision

    assert isinstance(found, Perform)
    assert found.proof is not None
    assert (found.step, found.proof.method) == (StepName.SWAP_PERMIT, Method.HUMAN)
    assert isinstance(held, Hold)
    assert held.message.endswith("and it runs something")


def test_a_side_that_is_back_before_the_owner_went_on_stores_the_epoch_first() -> None:
    swapping = renewing(StepName.SWAP_PERMIT, b=standby(guard=standby_guard(**PERMITTED_NOW)))
    look = replace(swapping, status=swapping.status.model_copy(update={"epoch": Epoch(promised=NEXT, in_force=NEXT)}))

    found = decide(look).decision

    assert isinstance(found, Perform)
    assert found.step is StepName.STORE_EPOCH


# ---------------------------------------------------------------- discovery, rejoin, a strange promise


def discovering(kind: EpisodeKind, step: StepName, other: NodeSeen) -> Seen:
    """Returns a look at the discovery of b, before anything was decided."""
    episode = move(kind, step=step, steps=(record(StepName.EQUIP), record(step, "Running")))
    mine = standby(guard=standby_guard(promised=NEXT, in_force=None, grant_epoch=None, grant_source=None))
    found = status(active_node=None, epoch=Epoch(promised=NEXT, in_force=None), episode=episode)
    return seen(nodes={"a": other, "b": mine}, status=found)


@pytest.mark.parametrize("kind", [EpisodeKind.ACTIVATE, EpisodeKind.ADOPT])
def test_a_discovery_equips_anew_where_a_state_was_lost_and_looks_anew_at_another_machine(kind: EpisodeKind) -> None:
    assert to_step(discovering(kind, StepName.RAISE, node("a", guard=LOST))) is StepName.EQUIP

    found = decide(discovering(kind, StepName.RAISE, node("a", guard=ABSENT))).decision

    assert isinstance(found, Record)
    assert (found.status.episode, found.status.history[0].result) == (None, "Abandoned")


@pytest.mark.parametrize(
    "there",
    [
        standby(guard=LOST),
        standby(guard=standby_guard(in_force=None)),
        standby(guard=standby_guard(quarantined_epoch=None)),
        standby(guard=standby_guard(grant_epoch=None)),
    ],
)
def test_a_node_that_forgot_an_earlier_step_of_its_rejoin_rejoins_from_the_beginning(there: NodeSeen) -> None:
    steps = (record(StepName.EQUIP), record(StepName.RESYNC, "Running"))
    episode = move(EpisodeKind.REJOIN, step=StepName.RESYNC, steps=steps)
    owner = node("a", is_running=True)

    found = decide(seen(nodes={"a": owner, "b": there}, status=status(episode=episode))).decision

    assert isinstance(found, Record)
    assert (found.status.episode, found.status.history[0].result) == (None, "Abandoned")


STRANGE = EpochMark(number=5, owner="b", episode="move-of-another")
YIELDED = EpochMark(number=5, owner="a", episode="yield-boot-b-5")


def promised(mark: EpochMark) -> Seen:
    """Returns a look at a promoted node that was promised a later epoch meanwhile."""
    guard = standby_guard(promised=mark, in_force=NEXT, grant_epoch=None, grant_source=None)
    return after_the_intent(StepName.START_SERVICES, brought_up(guard=guard))


def test_an_episode_whose_owner_was_promised_more_by_nobody_known_is_left_to_a_renew() -> None:
    found = decide(promised(STRANGE)).decision
    other = decide(promised(YIELDED)).decision

    assert isinstance(found, Record)
    assert (found.status.episode, found.because) == (None, Reason.OVERTAKEN)
    assert isinstance(other, Perform)


# ---------------------------------------------------------------- after everything was taken off


def released(**nodes: NodeSeen) -> Seen:
    """Returns a look at a pair that is managed again after its release."""
    return seen(nodes={"a": node("a", guard=ABSENT, is_running=True), "b": standby(guard=ABSENT), **nodes})


def kind(look: Seen) -> EpisodeKind:
    """Returns what kind of episode begins."""
    found = decide(look).decision
    assert isinstance(found, Record | Perform), found
    assert found.status.episode is not None
    return found.status.episode.kind


def test_a_pair_that_is_managed_again_is_adopted_as_it_runs() -> None:
    assert kind(released()) is EpisodeKind.ADOPT
    assert kind(released(a=node("a", guard=ABSENT))) is EpisodeKind.ACTIVATE


def test_a_pair_that_is_managed_again_is_not_given_to_another_node_than_status_knows() -> None:
    look = released(a=node("a", guard=ABSENT))

    found = decide(replace(look, spec=look.spec.model_copy(update={"active_node": "b"}))).decision

    assert isinstance(found, Hold)
    assert found.message.endswith("set activeNode to a")


def test_what_was_promised_and_never_permitted_is_activated_by_whoever_finds_it() -> None:
    guards = {"max_permit_epoch": 0, "permit_epoch": None, "permit_boot": None, "may_run": False}
    found = status(active_node=None, observed_active_node=None, epoch=Epoch(promised=None, in_force=None))
    told = standby(guard=standby_guard(in_force=OWNED, grant_epoch=None, grant_source=None))
    nodes = {"a": node("a", guard=owner_guard(in_force=None, **guards)), "b": told}

    assert kind(seen(nodes=nodes, status=found)) is EpisodeKind.ACTIVATE


def test_an_owner_without_a_copy_anywhere_is_restored_by_people() -> None:
    empty = standby(replica=replace(standby().replica, is_whole=False))

    found = decide(seen(nodes={"a": node("a", guard=LOST), "b": empty})).decision

    assert isinstance(found, Hold)
    assert found.message.endswith("put the data back on a and make the resource anew")
