"""What proves that a node cannot write, and everything that must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.decide.prove import NoProof, could_not_be_left, may_permit, prove
from maestro_operator.model.outcome import Done, Failed
from maestro_operator.model.pair import Answer, FencingDevice, FencingRung, Say
from maestro_operator.model.proof import Method, Proof
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState, LastOutcome, NodeSeen, Seen, Unknown, Vote
from maestro_operator.model.status import Episode, EpochMark, TakenAnswer, Word
from maestro_operator.model.steps import EpisodeKind, StepName
from support.looks import (
    GONE,
    NEXT,
    NOW,
    demoted_guard,
    fenced,
    move,
    node,
    outage,
    outcome,
    owner_guard,
    reading,
    seen,
    standby,
    status,
    vote,
)
from support.worlds import pair_spec

OFF_TWICE = (reading("off", 10.0, 101), reading("off", 12.05, 102))


def read_from_a(found: NodeSeen, **changes: object) -> Seen:
    return seen(nodes={"a": found, "b": standby()}, **changes)


DEMOTED = node("a", guard=demoted_guard())
HUMAN = Answer(episode=NEXT.episode, say=Say.CONFIRM_FENCED, of="a", by="ops", why="pulled the plug")
WORD = Word(episode=NEXT.episode, of="a", by="ops", why="pulled the plug", written_by="kubectl at 00:16", seen_at=NOW)
RECORDED = Proof(
    node="a", method=Method.FENCED, evidence=("off twice",), epoch=2, episode=NEXT.episode, term=1, proved_at=NOW
)


# ---------------------------------------------------------------- what proves


def test_a_node_that_was_read_demoted_and_stopped_is_a_proof() -> None:
    found = prove(read_from_a(DEMOTED), move(EpisodeKind.SWITCHOVER))

    assert found == Proof(
        node="a",
        method=Method.DEMOTED,
        evidence=(
            "guard a: epoch 2 of b in force, no permit",
            (
                "boot boot-a: mariadb.service=inactive,maestro.service=inactive; "
                "0 processes hold the data, 0 service ports open"
            ),
        ),
        epoch=2,
        episode=NEXT.episode,
        term=1,
        proved_at=NOW,
    )


def test_two_answers_of_two_processes_that_the_machine_is_off_are_a_proof() -> None:
    found = prove(outage(last=fenced(*OFF_TWICE)), move())

    assert found == Proof(
        node="a",
        method=Method.FENCED,
        evidence=(
            "fence_redfish machine-a: off at 10.000, process 101",
            "fence_redfish machine-a: off at 12.050, process 102",
        ),
        epoch=2,
        episode=NEXT.episode,
        term=1,
        proved_at=NOW,
    )


def test_on_before_off_does_not_spoil_the_last_two_answers() -> None:
    found = prove(outage(last=fenced(reading("on", 5.0, 100), *OFF_TWICE)), move())

    assert isinstance(found, Proof)


def test_a_person_is_a_proof_where_the_ladder_ends_with_one() -> None:
    found = prove(outage(spec=pair_spec(answers=(HUMAN,)), fresh_words=(WORD,)), move())

    assert isinstance(found, Proof)
    assert found.method is Method.HUMAN
    assert found.evidence == (
        "ops says that a is off: pulled the plug",
        f"seen {NOW}, written by kubectl at 00:16",
    )


@pytest.mark.parametrize(
    ("kind", "guard", "method"),
    [
        (EpisodeKind.ACTIVATE, demoted_guard(max_permit_epoch=0), Method.NEVER_RAN),
        (EpisodeKind.ACTIVATE, demoted_guard(), Method.DEMOTED),
        (EpisodeKind.ADOPT, demoted_guard(), Method.ADOPTED),
    ],
)
def test_the_method_says_what_was_known_before(kind: EpisodeKind, guard: Guard, method: Method) -> None:
    found = prove(read_from_a(replace(DEMOTED, guard=guard)), move(kind))

    assert isinstance(found, Proof)
    assert found.method is method


@pytest.mark.parametrize("method", [Method.FENCED, Method.HUMAN])
def test_a_recorded_proof_stands_while_its_leader_speaks_and_nothing_lives(method: Method) -> None:
    recorded = RECORDED.model_copy(update={"method": method})

    assert prove(outage(), move(proof=recorded)) == recorded


# ---------------------------------------------------------------- what does not

NOT_FROM_READING: dict[str, tuple[NodeSeen, Reason]] = {
    "still permitted": (node("a", is_running=True), Reason.DEMOTION_UNPROVEN),
    "stopped under its old epoch": (node("a", guard=owner_guard(may_run=False)), Reason.DEMOTION_UNPROVEN),
    "an epoch too low": (
        node("a", guard=demoted_guard(in_force=EpochMark(number=1, owner="b", episode="x"))),
        Reason.DEMOTION_UNPROVEN,
    ),
    "an epoch too high": (
        node("a", guard=demoted_guard(in_force=EpochMark(number=3, owner="b", episode="x"))),
        Reason.DEMOTION_UNPROVEN,
    ),
    "another owner": (
        node("a", guard=demoted_guard(in_force=EpochMark(number=2, owner="a", episode="x"))),
        Reason.DEMOTION_UNPROVEN,
    ),
    "only promised": (node("a", guard=owner_guard(promised=NEXT, may_run=False)), Reason.DEMOTION_UNPROVEN),
    "no epoch at all": (node("a", guard=demoted_guard(in_force=None)), Reason.DEMOTION_UNPROVEN),
    "another pair's guard": (node("a", guard=demoted_guard(pair_uid="other")), Reason.DEMOTION_UNPROVEN),
    "another node's guard": (node("a", guard=demoted_guard(node="b")), Reason.DEMOTION_UNPROVEN),
    "a unit that runs": (node("a", is_running=True, guard=demoted_guard()), Reason.DEMOTION_UNPROVEN),
    "a process on the data": (node("a", guard=demoted_guard(), holders=1), Reason.DEMOTION_UNPROVEN),
    "an open port": (node("a", guard=demoted_guard(), listeners=(80,)), Reason.DEMOTION_UNPROVEN),
    "a final right": (node("a", guard=demoted_guard(final_epoch=1)), Reason.DEMOTION_UNPROVEN),
    "a permit": (node("a", guard=demoted_guard(may_run=True)), Reason.DEMOTION_UNPROVEN),
    "the target's machine-id": (node("a", guard=demoted_guard(), machine_id="machine-b"), Reason.NODES_INDISTINCT),
}


@pytest.mark.parametrize("what", NOT_FROM_READING)
def test_a_reading_that_shows_less_is_no_proof(what: str) -> None:
    found, reason = NOT_FROM_READING[what]

    why = prove(read_from_a(found), move(EpisodeKind.SWITCHOVER))

    assert isinstance(why, NoProof)
    assert why.reason is reason


def test_a_unit_that_was_not_read_is_not_stopped() -> None:
    half = node("a", guard=demoted_guard())

    why = prove(read_from_a(replace(half, units=half.units[:1])), move())

    assert why == NoProof(Reason.DEMOTION_UNPROVEN, "a: maestro.service was not read")


@pytest.mark.parametrize("state", ["activating", "deactivating", "reloading", "maintenance"])
def test_a_unit_that_is_not_certainly_stopped_is_no_proof(state: str) -> None:
    half = node("a", guard=demoted_guard())
    units = (half.units[0], replace(half.units[1], active=state))

    assert isinstance(prove(read_from_a(replace(half, units=units)), move()), NoProof)


NOT_FROM_DEVICES: dict[str, LastOutcome | None] = {
    "nothing": None,
    "a command that failed": outcome(Failed(Reason.DEVICE_FAILED, "no answer")),
    "a return code": outcome(Done()),
    "one reading": fenced(reading("off", 10.0, 101)),
    "one process twice": fenced(reading("off", 10.0, 101), reading("off", 12.05, 101)),
    "two readings of one moment": fenced(reading("off", 10.0, 101), reading("off", 11.99, 102)),
    "on after off": fenced(reading("off", 10.0, 101), reading("on", 12.05, 102)),
    "off after on": fenced(reading("on", 10.0, 101), reading("off", 12.05, 102)),
    "unknown after off": fenced(reading("off", 10.0, 101), reading("unknown", 12.05, 102)),
    "on after off twice": fenced(*OFF_TWICE, reading("on", 14.1, 103)),
    "another machine": fenced(*(replace(item, identity="machine-b") for item in OFF_TWICE)),
    "another machine beside it": fenced(*OFF_TWICE, reading("off", 13.0, 103, identity="machine-c")),
    "another node": fenced(*OFF_TWICE, node="b"),
    "another rung": fenced(*OFF_TWICE, rung="pdu"),
    "a rung without devices": fenced(*OFF_TWICE, rung="graceful"),
    "another episode's": replace(fenced(*OFF_TWICE), episode="move-1"),
    "another step's": replace(fenced(*OFF_TWICE), step=StepName.SEVER),
}


@pytest.mark.parametrize("what", NOT_FROM_DEVICES)
def test_evidence_that_shows_less_is_no_proof(what: str) -> None:
    why = prove(outage(last=NOT_FROM_DEVICES[what]), move())

    assert isinstance(why, NoProof)
    assert why.reason is Reason.FENCE_UNPROVEN


def test_every_device_of_a_rung_must_be_off() -> None:
    devices = tuple(FencingDevice(agent="fence_redfish", identity=f"machine-a{item}") for item in ("", "2"))
    frozen = tuple(
        item.model_copy(update={"fencing": (FencingRung(name="bmc", devices=devices),)}) for item in move().frozen
    )

    one = prove(outage(last=fenced(*OFF_TWICE)), move(frozen=frozen))
    both = (*OFF_TWICE, *(replace(item, identity="machine-a2") for item in OFF_TWICE))

    assert isinstance(one, NoProof)
    assert isinstance(prove(outage(last=fenced(*both)), move(frozen=frozen)), Proof)


def test_two_devices_of_one_identity_cannot_pass_for_one_that_was_read_twice() -> None:
    devices = tuple(FencingDevice(agent=agent, identity="machine-a") for agent in ("fence_redfish", "fence_ipmilan"))
    frozen = tuple(
        item.model_copy(update={"fencing": (FencingRung(name="bmc", devices=devices),)}) for item in move().frozen
    )

    why = prove(outage(last=fenced(*OFF_TWICE)), move(frozen=frozen))

    assert isinstance(why, NoProof)
    assert "one identity" in why.message


@pytest.mark.parametrize("value", [Vote.ALIVE, Vote.SICK])
@pytest.mark.parametrize("point", ["operator", "peer"])
def test_whoever_sees_the_node_ends_every_proof(value: Vote, point: str) -> None:
    votes = (vote(value, point=point),)
    spec = pair_spec(answers=(HUMAN,))

    devices = prove(outage(votes=votes, last=fenced(*OFF_TWICE), spec=spec, fresh_words=(WORD,)), move())
    recorded = prove(outage(votes=votes), move(proof=RECORDED))
    permit = may_permit(outage(votes=votes), move(proof=RECORDED))

    reasons = [found.reason for found in (devices, recorded, permit) if isinstance(found, NoProof)]
    assert reasons == [Reason.SIGN_OF_LIFE] * 3


def test_a_vote_about_the_other_node_says_nothing() -> None:
    votes = (vote(Vote.ALIVE, about="b"),)

    assert isinstance(prove(outage(votes=votes, last=fenced(*OFF_TWICE)), move()), Proof)


@pytest.mark.parametrize(
    "change",
    [{"episode": "move-1"}, {"epoch": 1}, {"term": 2}, {"method": Method.DEMOTED}, {"method": Method.ADOPTED}],
)
def test_a_recorded_proof_of_something_else_has_expired(change: dict[str, object]) -> None:
    why = prove(outage(last=fenced(*OFF_TWICE)), move(proof=RECORDED.model_copy(update=change)))

    assert isinstance(why, NoProof)
    assert why.reason is Reason.PROOF_EXPIRED


def without_human(episode: Episode) -> Episode:
    frozen = tuple(item.model_copy(update={"fencing": item.fencing[:-1]}) for item in episode.frozen)
    return episode.model_copy(update={"frozen": frozen})


@pytest.mark.parametrize(
    ("answer", "episode", "taken"),
    [
        (HUMAN.model_copy(update={"of": "b"}), move(), False),
        (HUMAN.model_copy(update={"episode": "move-1"}), move(), False),
        (HUMAN.model_copy(update={"say": Say.FAIL_OVER}), move(), False),
        (HUMAN, without_human(move()), False),
        (HUMAN, move(frozen=()), False),
        (HUMAN, move(), True),
    ],
)
def test_a_persons_word_about_something_else_is_no_proof(answer: Answer, episode: Episode, *, taken: bool) -> None:
    said = (TakenAnswer(episode=answer.episode, say=answer.say.value, of=answer.of),) if taken else ()

    look = outage(spec=pair_spec(answers=(answer,)), status=status(taken_answers=said), fresh_words=(WORD,))

    why = prove(look, episode)

    assert isinstance(why, NoProof)
    assert why.reason is Reason.FENCE_UNPROVEN


@pytest.mark.parametrize("change", [{"by": "another"}, {"why": "another"}, {"of": "b"}, {"episode": "move-1"}])
def test_a_persons_word_counts_only_once_it_is_recorded_and_while_it_is_fresh(change: dict[str, str]) -> None:
    spec = pair_spec(answers=(HUMAN,))

    unrecorded = prove(outage(spec=spec), move())
    another = prove(outage(spec=spec, fresh_words=(WORD.model_copy(update=change),)), move())

    assert [type(why) for why in (unrecorded, another)] == [NoProof, NoProof]


def test_a_word_that_was_given_anew_counts_beside_the_old_one() -> None:
    anew = HUMAN.model_copy(update={"why": "looked again"})
    fresh = WORD.model_copy(update={"why": "looked again"})

    found = prove(outage(spec=pair_spec(answers=(HUMAN, anew)), fresh_words=(fresh,)), move())

    assert isinstance(found, Proof)
    assert found.evidence[0] == "ops says that a is off: looked again"


# ---------------------------------------------------------------- after the intent of the promotion


def test_the_proof_of_the_intent_serves_the_permit_whoever_leads() -> None:
    old = RECORDED.model_copy(update={"term": 0})

    assert may_permit(outage(), move(proof=old)) == old


def test_a_node_that_answers_must_be_read_back_stopped() -> None:
    running = may_permit(seen(), move(proof=RECORDED))
    stopped = may_permit(read_from_a(DEMOTED), move(proof=RECORDED))

    assert isinstance(running, NoProof)
    assert running.reason is Reason.SIGN_OF_LIFE
    assert stopped == RECORDED


def test_without_a_recorded_proof_the_node_itself_or_a_person_speaks() -> None:
    from_node = may_permit(read_from_a(DEMOTED), move())
    from_person = may_permit(outage(spec=pair_spec(answers=(HUMAN,)), fresh_words=(WORD,)), move())
    nobody = may_permit(outage(), move())

    assert isinstance(from_node, Proof)
    assert isinstance(from_person, Proof)
    assert isinstance(nobody, NoProof)
    assert (from_node.method, from_person.method) == (Method.DEMOTED, Method.HUMAN)
    assert nobody.reason is Reason.CONFIRMATION_UNPROVEN


def test_nothing_is_proven_of_a_node_that_is_only_silent() -> None:
    why = prove(seen(nodes={"a": GONE, "b": GONE}, votes=()), move())

    assert why == NoProof(
        Reason.FENCE_UNPROVEN,
        "no device has answered for a; answer ConfirmFenced of a once it is certainly off",
    )


def test_another_machine_than_the_episode_began_with_proves_nothing() -> None:
    frozen = tuple(item.model_copy(update={"machine_id": "machine-of-before"}) for item in move().frozen)

    found = prove(read_from_a(DEMOTED), move(EpisodeKind.SWITCHOVER, frozen=frozen))

    assert isinstance(found, NoProof)
    assert found.reason is Reason.DEMOTION_UNPROVEN
    assert "another machine" in found.message


# ---------------------------------------------------------------- whom nobody can have taken over from

RENEWED = move(EpisodeKind.RENEW, source="b", target="a")
STRANGE = EpochMark(number=2, owner="b", episode="somebody-2")


def owned_by(found: NodeSeen | Unknown, *, other: NodeSeen | Unknown = GONE) -> bool:
    return could_not_be_left(seen(nodes={"a": found, "b": other}), RENEWED)


def test_an_owner_that_was_permitted_in_this_boot_and_knows_no_later_owner_was_never_left() -> None:
    assert owned_by(node("a"))
    assert owned_by(node("a"), other=node("b", guard=Guard(state=GuardState.ABSENT)))


@pytest.mark.parametrize(
    "found",
    [
        GONE,
        node("a", boot_id="boot-later"),
        node("a", guard=owner_guard(in_force=None)),
        node("a", guard=owner_guard(in_force=STRANGE)),
    ],
    ids=["unreadable", "rebooted", "nothing-in-force", "another-owner-in-force"],
)
def test_an_owner_that_somebody_may_have_taken_over_from_is_not_said_to_be_safe(found: NodeSeen | Unknown) -> None:
    assert not owned_by(found)


@pytest.mark.parametrize(
    "other",
    [node("b"), node("b", is_running=True, guard=Guard(state=GuardState.ABSENT))],
    ids=["its-guard-speaks-for-itself", "it-runs-something"],
)
def test_where_the_other_side_can_be_asked_or_runs_it_is_no_question_of_the_owner_alone(other: NodeSeen) -> None:
    assert not owned_by(node("a"), other=other)
