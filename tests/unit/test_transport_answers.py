"""What programs on a node print is read strictly, and each exit status is its own outcome."""

import pytest

from maestro_operator.drivers.replication.observation import generation_of, replica_of
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Replica, Unknown
from maestro_operator.model.status import Generation
from maestro_operator.transport.answers import BadAnswerError, Lines
from maestro_operator.transport.guard import guard_outcome
from maestro_operator.transport.session import Completed
from maestro_operator.transport.words import as_root


def outcome(status: int, stdout: str = "", stderr: str = "") -> Outcome:
    return guard_outcome(Completed(status, stdout, stderr), what="a: promote")


def test_what_is_done_gives_its_lines_as_facts() -> None:
    assert outcome(0, "epoch=7\n") == Done({"epoch": "7"})


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("ForeignPair", Reason.FOREIGN_PAIR),
        ("LowerTerm", Reason.LOWER_TERM),
        ("HoldsPermit", Reason.REFUSED_BY_GUARD),
    ],
)
def test_a_refusal_keeps_the_guards_word_and_sentence(word: str, reason: Reason) -> None:
    refused = outcome(10, f"refused={word}\nmessage=no, because\n")

    assert refused == Refused(reason, "a: promote: no, because", remote_reason=word)


def test_lost_state_is_a_refusal_of_its_own() -> None:
    refused = outcome(11, "unknown=StateLost\n")

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.remote_reason) == (Reason.STATE_LOST, "StateLost")


def test_what_the_guard_does_not_know_beside_its_state_has_failed() -> None:
    failed = outcome(11, "unknown=BootUnknown\nmessage=the boot id cannot be read\n")

    assert failed == Failed(Reason.COMMAND_FAILED, "a: promote: the boot id cannot be read")


def test_a_missing_guard_is_told_apart() -> None:
    refused = outcome(13, "absent=yes\n")

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.GUARD_ABSENT


@pytest.mark.parametrize("status", [1, 2, 12, 126, 127])
def test_every_other_status_has_failed(status: int) -> None:
    failed = outcome(status, stderr="sudo: a password is required")

    assert isinstance(failed, Failed)
    assert failed.reason is Reason.COMMAND_FAILED
    assert "password is required" in failed.message


def test_an_answer_that_is_no_answer_is_never_done() -> None:
    failed = outcome(0, "Welcome to this host\n")

    assert isinstance(failed, Failed)
    assert failed.reason is Reason.BAD_ANSWER


def test_what_is_not_known_has_failed_for_its_reason() -> None:
    failed = guard_outcome(Unknown(Reason.TIMED_OUT, "no answer"), what="a: promote")

    assert failed == Failed(Reason.TIMED_OUT, "a: promote: no answer")


def test_the_last_of_repeated_lines_counts_and_all_can_be_had() -> None:
    lines = Lines("q=1\nq=2\nother=\n")

    assert (lines.text("q"), lines.every("q"), lines.maybe("other")) == ("2", ("1", "2"), None)


@pytest.mark.parametrize("value", ["-1", "1.5", "0x1", "٣", "yes", " 1"])
def test_a_number_is_digits_and_nothing_else(value: str) -> None:
    with pytest.raises(BadAnswerError):
        Lines(f"term={value}").whole("term")


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon"])
def test_a_duration_is_finite_and_not_negative(value: str) -> None:
    with pytest.raises(BadAnswerError):
        Lines(f"age={value}").seconds("age")


@pytest.mark.parametrize("value", ["true", "1", "YES"])
def test_yes_is_only_yes(value: str) -> None:
    with pytest.raises(BadAnswerError):
        Lines(f"may_run={value}").yes("may_run")


@pytest.mark.parametrize("value", ["7", "7.", ".7", "7.1.2", "-7.1"])
def test_a_generation_is_two_numbers(value: str) -> None:
    with pytest.raises(BadAnswerError):
        generation_of(value, key="generation")


OBSERVED = """version=1
live=present
generation=3.14
whole=yes
announced_age_seconds=12.30
clock=uptime
source=a
sent=none
sent_age_seconds=unknown
run=none
run_result=none
run_age_seconds=unknown
running=no
promoted=3.13
promoted_episode=ep-9
journal=none
quarantine=ep-7:1024:99.10
quarantine=ep-8-replaced:unknown:unknown
receivers=1
"""


def test_one_side_of_the_replication_is_read_as_it_was_printed() -> None:
    assert replica_of(Lines(OBSERVED)) == Replica(
        newest=Generation(epoch=3, counter=14),
        announced_age_seconds=12.3,
        clock="uptime",
        is_whole=True,
        live_present=True,
        promoted=Generation(epoch=3, counter=13),
        promoted_episode="ep-9",
        quarantine=(("ep-7", 1024), ("ep-8-replaced", 0)),
        receivers=1,
    )


def test_an_age_that_is_not_known_is_not_zero() -> None:
    unknown = OBSERVED.replace("announced_age_seconds=12.30", "announced_age_seconds=unknown")

    assert replica_of(Lines(unknown)).announced_age_seconds is None


@pytest.mark.parametrize("left_seconds", [0.2, 1.0, 5.0, 300.0])
def test_a_command_is_killed_before_its_deadline_is_over(left_seconds: float) -> None:
    words = as_root(("true",), left_seconds=left_seconds)

    assert words[:4] == ("sudo", "-n", "timeout", "-k")
    assert words[6:] == ("true",)
    assert 0 < float(words[4]) + float(words[5]) <= left_seconds + 0.01
