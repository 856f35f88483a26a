"""What failed checks lead to, and checks while the pair is at rest: only looks, unless going back was chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.decide import decide
from maestro_operator.model.pair import OnFailure, Say, VerificationPolicy
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import CheckSeen, RoundSeen
from maestro_operator.model.status import FailedCheck, HistoryEntry, HistoryStep, VerifiedAtRest
from maestro_operator.model.steps import EpisodeKind, StepName
from maestro_operator.observe.atrest import checks_at_rest
from maestro_operator.observe.wallclock import checks_due
from maestro_operator.report.verified import verified, verified_at_rest
from support.looks import NOW, seen, standby, status
from support.worlds import Pair, pair_spec

pytestmark = pytest.mark.unit

EARLIER, LATER = "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"


async def serving(**policy: object) -> Pair:
    pair = Pair(pair_spec(verification_policy=VerificationPolicy.model_validate(policy)))
    await pair.settle()
    return pair


def condition(pair: Pair, name: str) -> tuple[str, str]:
    found = next(item for item in pair.status.conditions if item.type == name)
    return found.status, found.message


async def take_turns(pair: Pair, number: int) -> None:
    for _ in range(number):
        await pair.turn()


# ---------------------------------------------------------------- after a start


async def test_a_failed_verification_moves_nothing_unless_that_was_chosen() -> None:
    pair = await serving()
    pair.world.failing_checks = {("b", "hub")}

    pair.order("b")
    await pair.settle()
    await take_turns(pair, 60)

    assert pair.status.active_node == "b"
    truth, message = condition(pair, "Verified")
    assert truth == "False"
    assert "hub: as it was planted" in message


async def test_as_many_attempts_are_made_as_the_policy_says() -> None:
    pair = await serving(attempts=5)
    pair.world.failing_checks = {("b", "hub")}
    before = pair.world.rounds_of_checks

    pair.order("b")
    await pair.settle()

    assert pair.world.rounds_of_checks - before == 5


async def test_where_that_was_chosen_the_old_side_serves_again_without_loss() -> None:
    pair = await serving(onFailure="GoBack")
    pair.world.failing_checks = {("b", "hub")}

    pair.order("b")
    await pair.run_until(lambda pair: pair.status.active_node == "b")
    await pair.run_until(lambda pair: pair.status.active_node == "a" and pair.status.episode is None)
    await pair.settle()

    assert pair.world.writers() == ["a"]
    assert pair.world.lost_records() == 0
    assert pair.world.moments_with_two_writers == []
    assert condition(pair, "Verified")[0] == "True"
    assert condition(pair, "ActiveNodeOverridden")[0] == "True"
    assert pair.store.spec.active_node == "b"


async def test_it_goes_back_once_and_never_a_second_time() -> None:
    pair = await serving(onFailure="GoBack")
    pair.world.failing_checks = {("a", "hub"), ("b", "hub")}

    pair.order("b")
    await pair.run_until(lambda pair: pair.status.active_node == "b")
    await pair.run_until(lambda pair: pair.status.active_node == "a" and pair.status.episode is None)
    await take_turns(pair, 100)

    moves = [entry for entry in pair.status.history if entry.kind is EpisodeKind.SWITCHOVER]
    assert [entry.target for entry in moves] == ["a", "b"]
    assert pair.status.active_node == "a"


async def test_a_person_can_have_the_move_again_that_went_back() -> None:
    pair = await serving(onFailure="GoBack")
    pair.world.failing_checks = {("b", "hub")}
    pair.order("b")
    await pair.run_until(lambda pair: pair.status.active_node == "b")
    await pair.run_until(lambda pair: pair.status.active_node == "a" and pair.status.episode is None)
    back = next(entry for entry in pair.status.history if entry.kind is EpisodeKind.SWITCHOVER)
    pair.world.failing_checks = set()

    pair.say(Say.HAND_BACK, back.id)
    await pair.run_until(lambda pair: pair.status.active_node == "b" and pair.status.episode is None)

    assert pair.world.writers() == ["b"]


def moved(**changes: object) -> HistoryEntry:
    """Returns a switchover to a, whose checks failed."""
    entry = HistoryEntry(
        id="switchover-1-x",
        kind=EpisodeKind.SWITCHOVER,
        source="b",
        target="a",
        trigger="Ordered",
        started_at=NOW,
        finished_at=NOW,
        result="Done",
        steps=(HistoryStep(name=StepName.VERIFY, state="Failed", seconds=1.0, message="hub: no"),),
    )
    return entry.model_copy(update=changes)


GOES_BACK = pair_spec(verification_policy=VerificationPolicy(on_failure=OnFailure.GO_BACK))


def test_going_back_is_begun_right_after_the_switchover() -> None:
    assert decide(seen(spec=GOES_BACK, status=status(history=(moved(),)))).rule == "go_back"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": EpisodeKind.FAILOVER},
        {"trigger": "VerificationFailed"},
        {"result": "RolledBack"},
        {"target": "b"},
        {"steps": ()},
        {"finished_at": "2026-01-01T00:00:00Z"},
    ],
)
def test_nothing_goes_back_after_any_other_move(change: dict[str, object]) -> None:
    assert decide(seen(spec=GOES_BACK, status=status(history=(moved(**change),)))).rule != "go_back"


def test_nothing_goes_back_to_a_side_that_could_not_take_over_or_too_soon_after_another_move() -> None:
    look = seen(spec=GOES_BACK, status=status(history=(moved(),)))
    old = replace(standby().replica, announced_age_seconds=9_999.0)
    for change in (
        {"nodes": {**look.nodes, "b": standby(replica=old)}},
        {"nodes": {**look.nodes, "b": standby(holders=1)}},
        {"block_remaining_seconds": 5.0},
        {"spec": GOES_BACK.model_copy(update={"active_node": "b"})},
    ):
        assert decide(replace(look, **change)).rule != "go_back"


# ---------------------------------------------------------------- at rest


async def test_checks_are_made_at_rest_and_their_failure_moves_nothing() -> None:
    pair = await serving(everySeconds=60, onFailure="GoBack")
    pair.world.failing_checks = {("a", "hub")}

    await pair.run_until(lambda pair: pair.status.verified_at_rest is not None, max_turns=400)

    rest = pair.status.verified_at_rest
    assert rest is not None
    assert (rest.node, rest.passed, rest.failed) == ("a", 0, (FailedCheck(name="hub", message="as it was planted"),))
    assert condition(pair, "Verified") == ("False", "hub: as it was planted (at rest)")
    await take_turns(pair, 30)
    assert pair.status.active_node == "a"


async def test_rounds_keep_their_distance() -> None:
    pair = await serving(everySeconds=120)
    before, began = pair.world.rounds_of_checks, pair.clock.monotonic_seconds()

    while pair.clock.monotonic_seconds() - began < 400:
        await pair.turn()

    assert pair.world.rounds_of_checks - before == 3
    assert condition(pair, "Verified") == ("True", "every check passed at rest")


async def test_without_a_schedule_nothing_is_checked_at_rest() -> None:
    pair = await serving()
    before = pair.world.rounds_of_checks

    await take_turns(pair, 200)

    assert pair.world.rounds_of_checks == before
    assert pair.status.verified_at_rest is None


async def test_an_operator_that_does_not_lead_checks_nothing() -> None:
    pair = await serving(everySeconds=60)
    pair.leader.lose()
    before = pair.world.rounds_of_checks

    await take_turns(pair, 200)

    assert pair.world.rounds_of_checks == before


def test_at_rest_a_log_need_not_say_again_that_it_started_and_what_was_taken_out_takes_its_followers_along() -> None:
    mailing = {"subject": "x", "mailbox": {"host": "192.0.2.1", "secret": {"name": "m"}}}
    spec = pair_spec(
        verification=tuple(
            type(pair_spec().verification[0]).model_validate(check)
            for check in (
                {"name": "log", "log": {"path": "/l", "ok": ["up"], "fail": ["SEVERE"]}},
                {"name": "mail", "atRest": False, "mailing": mailing},
                {"name": "click", "click": {"of": "mail"}},
                {"name": "page", "http": {}},
            )
        )
    )

    chosen = checks_at_rest(spec)

    assert [check.name for check in chosen] == ["log", "page"]
    assert chosen[0].log is not None
    assert (chosen[0].log.ok, chosen[0].log.fail, chosen[0].log.settle_seconds) == ((), ("SEVERE",), 0)


def test_a_round_is_due_after_the_last_one_or_the_last_episode() -> None:
    spec = pair_spec(verification_policy=VerificationPolicy(every_seconds=60))
    rest = VerifiedAtRest(node="a", at="2026-01-01T00:00:00Z")
    at_rest = status(verified_at_rest=rest)
    assert checks_due(spec, at_rest, "2026-01-01T00:00:59Z", leads=True) is None
    assert checks_due(spec, at_rest, "2026-01-01T00:01:00Z", leads=True) == "2026-01-01T00:00:00Z"
    assert checks_due(spec, status(), NOW, leads=True) == NOW
    other = status(verified_at_rest=rest.model_copy(update={"node": "b"}), history=(moved(finished_at=NOW),))
    assert checks_due(spec, other, NOW, leads=True) is None


def test_what_is_said_is_the_newest_of_both() -> None:
    look = seen()
    after = moved(finished_at="2026-06-01T00:00:00Z")
    well = VerifiedAtRest(node="a", at=LATER, passed=1)
    ill = VerifiedAtRest(node="a", at=EARLIER, failed=(FailedCheck(name="hub", message="no"),))
    assert verified(look, status(history=(after,)))[0] == "False"
    assert verified(look, status(history=(after,), verified_at_rest=well)) == (
        "True",
        Reason.ALL_GOOD,
        "every check passed at rest",
    )
    assert verified(look, status(history=(after,), verified_at_rest=ill))[2] == "hub: no (after switchover-1-x)"
    assert verified(look, status(verified_at_rest=ill))[0] == "False"
    assert verified(look, status())[1] is Reason.NOT_YET_KNOWN


def test_a_round_of_a_node_that_is_active_no_more_says_nothing() -> None:
    made = RoundSeen("b", LATER, (CheckSeen("hub", passed=False, message="no"),))
    old = VerifiedAtRest(node="b", at=EARLIER)
    assert verified_at_rest(seen(checked=made), status(verified_at_rest=old)) is None
    newest = VerifiedAtRest(node="a", at=LATER)
    stale = RoundSeen("a", EARLIER, ())
    assert verified_at_rest(seen(checked=stale), status(verified_at_rest=newest)) == newest
