"""The rules one by one, on looks built by hand: what holds, what begins, what is waited for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.decide.brakes import fencing_ready, out_of_sync, peer_ready, standing
from maestro_operator.decide.brakes import outage as no_outage
from maestro_operator.decide.episodes import carry_on
from maestro_operator.decide.facts import accepted_loss_seconds
from maestro_operator.decide.phases import PHASES
from maestro_operator.decide.rules import strange_promise
from maestro_operator.model.decision import Decision, Hold, Perform, Record, Steady
from maestro_operator.model.errors import BadInput
from maestro_operator.model.outcome import Done, Failed, InProgress, Refused
from maestro_operator.model.pair import Answer, Automatic, Failover, Management, Platform, Replication, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Leadership, Maintenance, Replica, Seen, TrafficSeen, Unknown, Vote
from maestro_operator.model.status import (
    AutomaticMove,
    Episode,
    Epoch,
    Generation,
    PairStatus,
    StepRecord,
)
from maestro_operator.model.steps import STEPS, EpisodeKind, StepName, following, is_before
from support.looks import (
    GONE,
    NEXT,
    NOW,
    OWNED,
    dead_to_all,
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
    standby_guard,
    status,
    vote,
)
from support.worlds import KEY, pair_spec


def reason(decision: Decision | None) -> Reason | None:
    return decision.reason if isinstance(decision, Hold | Steady) else None


def record(step: StepName, state: str = "Running", **changes: Any) -> StepRecord:  # noqa: ANN401
    found = {"name": step, "state": state, "term": 1, "started_at": NOW, "deadline": NOW, **changes}
    return StepRecord.model_validate(found)


def under_way(kind: EpisodeKind, step: StepName, *, look: Seen | None = None, **changes: Any) -> Seen:  # noqa: ANN401
    """Returns a look in mid-episode, with the step's intent written."""
    episode = move(kind, step=step, steps=(record(step),), **changes)
    before = look or seen()
    return replace(before, status=before.status.model_copy(update={"episode": episode}))


# ---------------------------------------------------------------- before anything else


def test_a_good_pair_is_left_alone() -> None:
    assert decide(seen()).decision == Steady(Reason.AS_ORDERED, "a serves")


@pytest.mark.parametrize(("of_node", "of_status", "mine"), [(5, 1, 1), (1, 5, 1), (1, 1, 0)])
def test_a_leader_takes_a_term_above_all_that_is_known(of_node: int, of_status: int, mine: int) -> None:
    look = seen(
        nodes={"a": node("a", is_running=True, guard=owner_guard(term=of_node)), "b": standby()},
        status=status(term=of_status),
        leadership=Leadership(mine, has_lease=True, led_for_seconds=9, sure_for_seconds=9),
    )

    found = decide(look).decision

    assert isinstance(found, Record)
    assert found.status.term == 1 + max(of_node, of_status)


def test_another_pairs_terms_are_not_ours() -> None:
    foreign = node("a", is_running=True, guard=owner_guard(term=99, pair_uid="other"))

    assert decide(seen(nodes={"a": foreign, "b": standby()})).rule != "take_term"


# ---------------------------------------------------------------- brakes

BRAKES: dict[str, tuple[Seen, Reason]] = {
    "nobody is active": (seen(status=PairStatus()), Reason.WAIT_FOR_USER),
    "by hand only": (seen(spec=pair_spec(failover=Failover())), Reason.AUTOMATIC_DISABLED),
    "paused": (seen(spec=pair_spec(management=Management.PAUSED)), Reason.PAUSED),
    "a maintenance": (seen(maintenance=Maintenance("until noon", 1.0)), Reason.MAINTENANCE),
    "another platform": (
        seen(
            spec=pair_spec(
                nodes=tuple(item.model_copy(update={"platform": Platform.SOLARIS}) for item in pair_spec().nodes)
            )
        ),
        Reason.PLATFORM_UNVERIFIED,
    ),
    "no device": (seen(devices=()), Reason.FENCING_NOT_READY),
    "the standby is gone": (seen(nodes={"a": node("a", is_running=True), "b": GONE}), Reason.PEER_NOT_READY),
    "an old copy": (
        seen(
            nodes={
                "a": node("a", is_running=True),
                "b": standby(replica=replace(standby().replica, announced_age_seconds=121.0)),
            }
        ),
        Reason.COPY_OVER_BUDGET,
    ),
    "cut off": (seen(operator_is_isolated=True), Reason.OBSERVER_ISOLATED),
    "most pairs fell silent": (seen(pairs_silent=2, pairs_known=3), Reason.TOO_MANY_AT_ONCE),
    "observed only": (seen(spec=pair_spec(management=Management.OBSERVE)), Reason.OBSERVE_ONLY),
    "being deleted": (seen(is_deleting=True), Reason.DELETING),
    "one vantage point": (seen(votes=(vote(Vote.ALIVE),)), Reason.TOO_FEW_VOTES),
    "a vantage point that knows nothing": (
        seen(votes=(vote(Vote.ALIVE), vote(Vote.UNKNOWN, point="peer"))),
        Reason.TOO_FEW_VOTES,
    ),
    "they disagree": (outage(votes=(vote(Vote.DEAD), vote(Vote.ALIVE, point="peer"))), Reason.SEEN_ALIVE),
    "not for long": (
        outage(votes=(vote(Vote.DEAD), vote(Vote.DEAD, point="peer", for_seconds=1.0))),
        Reason.NOT_DOWN_LONG_ENOUGH,
    ),
    "a fresh leader": (
        seen(leadership=Leadership(1, has_lease=True, led_for_seconds=3, sure_for_seconds=9)),
        Reason.LEADERSHIP_TOO_YOUNG,
    ),
    "a recent move": (
        seen(
            status=status(automatic_move=AutomaticMove(episode="failover-2", finished_at=NOW)),
            block_remaining_seconds=60.0,
        ),
        Reason.RECENT_AUTOMATIC_MOVE,
    ),
}


@pytest.mark.parametrize("what", BRAKES)
def test_a_brake_holds_the_automatic_failover(what: str) -> None:
    look, wanted = BRAKES[what]

    assert wanted in [hold.reason for hold in standing(look)]


def test_a_good_pair_has_no_brake() -> None:
    assert standing(seen()) == ()


@pytest.mark.parametrize(("silent", "known"), [(1, 1), (1, 2), (2, 4), (3, 7)])
def test_a_few_silent_pairs_among_many_are_outages_of_their_own(silent: int, known: int) -> None:
    assert standing(seen(pairs_silent=silent, pairs_known=known)) == ()


def test_every_device_of_a_rung_must_answer() -> None:
    only_b = (DeviceSeen("b", "bmc", "fence_redfish", "on"),)

    assert (fencing_ready(seen(devices=only_b), "a"), fencing_ready(seen(devices=only_b), "b")) == (False, True)


def test_nothing_is_said_of_a_standby_while_nobody_is_active() -> None:
    nobody = seen(status=PairStatus())

    assert reason(peer_ready(nobody)) is Reason.WAIT_FOR_USER
    assert reason(out_of_sync(nobody)) is Reason.NOT_YET_KNOWN


@pytest.mark.parametrize(
    ("replica", "wanted"),
    [
        (Replica(), Reason.RESYNCING),
        (replace(standby().replica, newest=Generation(epoch=0, counter=1)), Reason.RESYNCING),
        (replace(standby().replica, announced_age_seconds=21.0), Reason.SYNC_BEHIND),
        (replace(standby().replica, announced_age_seconds=None), Reason.SYNC_BEHIND),
        (standby().replica, None),
    ],
)
def test_a_copy_is_in_sync_when_it_is_whole_young_and_of_this_epoch(replica: Replica, wanted: Reason | None) -> None:
    look = seen(nodes={"a": node("a", is_running=True), "b": standby(replica=replica)})

    assert reason(out_of_sync(look)) is wanted


# ---------------------------------------------------------------- votes

VOTES: dict[str, tuple[Seen, Reason | None]] = {
    "all dead for long": (outage(), None),
    "one sees it alive": (outage(votes=(vote(Vote.DEAD), vote(Vote.ALIVE, point="peer"))), Reason.SEEN_ALIVE),
    "one sees it sick": (outage(votes=(vote(Vote.SICK), vote(Vote.DEAD, point="peer"))), Reason.TIMED_OUT),
    "one vote": (outage(votes=(vote(Vote.DEAD),)), Reason.TOO_FEW_VOTES),
    "one unknown": (outage(votes=(vote(Vote.DEAD), vote(Vote.UNKNOWN, point="peer"))), Reason.TOO_FEW_VOTES),
    "about the other node": (outage(votes=dead_to_all("b")), Reason.TOO_FEW_VOTES),
    "not for long": (
        outage(votes=(vote(Vote.DEAD), vote(Vote.DEAD, point="peer", for_seconds=9.9))),
        Reason.NOT_DOWN_LONG_ENOUGH,
    ),
    "cut off": (outage(operator_is_isolated=True), Reason.OBSERVER_ISOLATED),
    "it can be read": (seen(votes=dead_to_all()), Reason.ANSWERS),
    "it can be read and is sick": (
        seen(nodes={"a": node("a"), "b": standby()}, votes=dead_to_all()),
        Reason.SERVICE_DOWN,
    ),
}


@pytest.mark.parametrize("what", VOTES)
def test_an_outage_is_concluded_from_nothing_less_than_all(what: str) -> None:
    look, wanted = VOTES[what]

    assert reason(no_outage(look)) is wanted


# ---------------------------------------------------------------- before an episode's first effect

SWITCHOVER_LOOKS: dict[str, tuple[Seen, Reason]] = {
    "the source is gone": (seen(nodes={"a": GONE, "b": standby()}), Reason.UNCERTAIN),
    "the target is gone": (seen(nodes={"a": node("a", is_running=True), "b": GONE}), Reason.TARGET_UNREADABLE),
    "an old systemd": (
        seen(nodes={"a": node("a", is_running=True), "b": standby(systemd_version=242)}),
        Reason.SYSTEMD_TOO_OLD,
    ),
    "a strange guard": (
        seen(nodes={"a": node("a", is_running=True), "b": standby(guard=standby_guard(pair_uid="other"))}),
        Reason.TARGET_NOT_ABLE,
    ),
    "a process on the data": (
        seen(nodes={"a": node("a", is_running=True), "b": standby(holders=1)}),
        Reason.TARGET_NOT_ABLE,
    ),
    "no copy": (
        seen(nodes={"a": node("a", is_running=True), "b": standby(replica=Replica())}),
        Reason.COPY_NOT_WHOLE,
    ),
    "a copy of no age": (
        seen(
            nodes={
                "a": node("a", is_running=True),
                "b": standby(replica=replace(standby().replica, announced_age_seconds=None)),
            }
        ),
        Reason.SYNC_BEHIND,
    ),
    "no driver": (seen(spec=pair_spec(replication=Replication())), Reason.NOT_CONFIGURED),
}


@pytest.mark.parametrize("what", SWITCHOVER_LOOKS)
def test_a_switchover_begins_only_where_it_can_end(what: str) -> None:
    look, wanted = SWITCHOVER_LOOKS[what]
    episode = move(EpisodeKind.SWITCHOVER, step=StepName.PREFLIGHT)

    assert reason(PHASES[StepName.PREFLIGHT].ready(look, episode)) is wanted


@pytest.mark.parametrize(
    ("age", "budget", "wanted"),
    [(None, 600, Reason.COPY_OVER_BUDGET), (5.0, 60, Reason.COPY_OVER_BUDGET), (5.0, 65, None)],
)
def test_a_failover_weighs_the_loss_with_the_fences_deadline(
    age: float | None, budget: int, wanted: Reason | None
) -> None:
    copy = replace(standby().replica, announced_age_seconds=age)
    spec = pair_spec(failover=Failover(automatic=Automatic.ENABLED, max_data_loss_seconds=budget))
    look = outage(nodes={"a": GONE, "b": standby(replica=copy)}, spec=spec)

    assert reason(PHASES[StepName.PREFLIGHT].ready(look, move(step=StepName.PREFLIGHT))) is wanted


def test_a_failover_needs_a_target_that_is_able() -> None:
    look = outage(nodes={"a": GONE, "b": standby(replica=Replica())})

    assert reason(PHASES[StepName.PREFLIGHT].ready(look, move(step=StepName.PREFLIGHT))) is Reason.COPY_NOT_WHOLE


def test_an_activation_needs_both_nodes() -> None:
    look = outage()

    found = PHASES[StepName.PREFLIGHT].ready(look, move(EpisodeKind.ACTIVATE, step=StepName.PREFLIGHT))

    assert reason(found) is Reason.TARGET_UNREADABLE


def test_a_loss_that_is_not_known_is_not_declared() -> None:
    look = outage(nodes={"a": GONE, "b": GONE})

    assert reason(PHASES[StepName.DECLARE].ready(look, move(step=StepName.DECLARE))) is Reason.TARGET_UNREADABLE


@pytest.mark.parametrize(
    ("word", "accepted"),
    [("600", 600.0), ("600s", 600.0), ("5", 120.0), ("much", 120.0), (None, 120.0)],
)
def test_an_accepted_loss_is_an_amount_and_never_less_than_the_specs(word: str | None, accepted: float) -> None:
    answer = Answer(episode=NEXT.episode, say=Say.ACCEPT_LOSS, of=word)

    assert accepted_loss_seconds(seen(spec=pair_spec(answers=(answer,))), move()) == accepted


# ---------------------------------------------------------------- in mid-episode


@pytest.mark.parametrize("result", [Failed(Reason.TIMED_OUT, "late"), InProgress("still at it")])
def test_an_attempt_that_failed_is_waited_on_a_little_and_then_repeated(result: Failed | InProgress) -> None:
    look = under_way(EpisodeKind.SWITCHOVER, StepName.QUIESCE)
    just_now = replace(outcome(result, step=StepName.QUIESCE), age_seconds=0.1)
    later = replace(just_now, age_seconds=0.3)

    waited, repeated = carry_on(replace(look, last=just_now)), carry_on(replace(look, last=later))

    assert isinstance(waited, Hold)
    assert isinstance(repeated, Perform)
    assert repeated.episode.steps[-1].attempts == 2


def test_the_step_of_a_former_leader_is_waited_for_where_no_guard_refuses_it() -> None:
    episode = move(steps=(record(StepName.FENCE, term=0),))
    look = outage(status=status(episode=episode), deadline_passed=False)

    assert reason(carry_on(look)) is Reason.INHERITED_STEP
    assert isinstance(carry_on(replace(look, deadline_passed=True)), Perform)


def test_nodes_that_became_indistinct_are_not_promoted() -> None:
    demoted = node("a", guard=demoted_guard(), machine_id="machine-b")
    look = seen(nodes={"a": demoted, "b": standby(guard=standby_guard(promised=NEXT))})

    assert reason(carry_on(under_way(EpisodeKind.SWITCHOVER, StepName.DEMOTE, look=look))) is Reason.NODES_INDISTINCT


def test_services_are_not_started_where_the_public_names_lead_elsewhere() -> None:
    promoted = standby_guard(promised=NEXT, in_force=NEXT)
    there = standby(guard=promoted, pins={}, replica=replace(standby().replica, promoted_episode=NEXT.episode))
    look = seen(
        nodes={"a": node("a", guard=demoted_guard()), "b": there},
        status=status(active_node="b", epoch=Epoch(promised=NEXT, in_force=NEXT)),
    )

    assert reason(carry_on(under_way(EpisodeKind.SWITCHOVER, StepName.START_SERVICES, look=look))) is Reason.STEP_FAILED


def test_the_ladder_is_climbed_rung_by_rung_and_again_after_a_pause() -> None:
    alive = seen(votes=(), spec=pair_spec(active_node="b"))
    tried = replace(fenced(reading("on", 1.0, 1)), age_seconds=1.0)

    def rung(look: Seen, at: str | None) -> str | None:
        found = carry_on(replace(under_way(EpisodeKind.FAILOVER, StepName.FENCE, look=look, rung=at, order="b")))
        return found.episode.rung if isinstance(found, Perform) else None

    assert rung(alive, None) == "graceful"
    assert rung(replace(alive, last=tried), "graceful") == "bmc"
    assert rung(replace(alive, last=tried), "bmc") is None
    assert rung(replace(alive, last=replace(tried, age_seconds=21.0)), "bmc") == "graceful"


def test_a_ladder_without_rungs_waits_for_a_person() -> None:
    bare = tuple(item.model_copy(update={"fencing": ()}) for item in move().frozen)
    look = outage(status=status(episode=move(frozen=bare, steps=(record(StepName.FENCE),))))

    assert reason(carry_on(look)) is Reason.FENCE_UNPROVEN


def test_a_failover_is_abandoned_without_a_renew_where_nothing_was_promised() -> None:
    episode = move(step=StepName.PREFLIGHT)

    found = carry_on(seen(status=status(episode=episode)))

    assert isinstance(found, Record)
    assert (found.status.episode, found.status.history[0].result) == (None, "Abandoned")


@pytest.mark.parametrize(
    ("kind", "step", "gone"),
    [
        (EpisodeKind.REJOIN, StepName.STOP, "a"),
        (EpisodeKind.REJOIN, StepName.STOP, "b"),
        (EpisodeKind.RESTART, StepName.CONFIRM, "b"),
        (EpisodeKind.REPAIR, StepName.LOCALISE, "b"),
    ],
)
def test_an_episode_that_only_puts_right_ends_when_a_node_it_needs_is_gone(
    kind: EpisodeKind, step: StepName, gone: str
) -> None:
    nodes = {"a": node("a", is_running=True), "b": standby(), gone: GONE}

    found = carry_on(under_way(kind, step, look=seen(nodes=nodes)))

    assert isinstance(found, Record)
    assert found.status.episode is None


def test_a_copy_under_way_is_not_asked_for_twice() -> None:
    sending = node("a", is_running=True, replica=Replica(is_sending=True))
    look = seen(nodes={"a": sending, "b": standby(replica=Replica())})

    assert reason(carry_on(under_way(EpisodeKind.REJOIN, StepName.RESYNC, look=look))) is Reason.RESYNCING


def test_a_copy_that_was_begun_and_does_not_show_is_begun_again_a_little_later() -> None:
    idle = node("a", is_running=True, replica=Replica())
    look = under_way(EpisodeKind.REJOIN, StepName.RESYNC, look=seen(nodes={"a": idle, "b": standby(replica=Replica())}))
    begun = outcome(Done(), step=StepName.RESYNC)

    just_now = carry_on(replace(look, last=replace(begun, age_seconds=1.0)))
    later = carry_on(replace(look, last=replace(begun, age_seconds=6.0)))

    assert reason(just_now) is Reason.RESYNCING
    assert isinstance(later, Perform)


PEERS: dict[str, Any] = {
    "promised away": standby(guard=standby_guard(promised=NEXT)),
    "another epoch": standby(guard=standby_guard(in_force=NEXT)),
    "running": node("b", is_running=True),
    "another pair's": standby(guard=standby_guard(pair_uid="other")),
    "gone": GONE,
}


@pytest.mark.parametrize("what", PEERS)
def test_a_rebooted_owner_is_vouched_for_by_nothing_less_than_its_standby(what: str) -> None:
    look = seen(nodes={"a": node("a", guard=owner_guard(may_run=False)), "b": PEERS[what]})
    episode = move(EpisodeKind.RESTART, step=StepName.CONFIRM, source="b", target="a", epoch=1)

    assert reason(PHASES[StepName.CONFIRM].ready(look, episode)) is Reason.CONFIRMATION_UNPROVEN


def test_a_verification_that_is_taken_out_of_the_spec_counts_as_done() -> None:
    promoted = standby_guard(promised=NEXT, in_force=NEXT, may_run=True)
    look = seen(
        spec=pair_spec(verification=()),
        status=status(active_node="b", epoch=Epoch(promised=NEXT, in_force=NEXT)),
        nodes={"a": GONE, "b": node("b", is_running=True, guard=promoted)},
    )

    found = carry_on(under_way(EpisodeKind.FAILOVER, StepName.VERIFY, look=look))

    assert isinstance(found, Record)
    assert [step.state for step in found.status.history[0].steps] == ["Done"]


def test_a_check_that_fails_often_enough_is_written_down_and_the_episode_ends() -> None:
    promoted = standby_guard(promised=NEXT, in_force=NEXT, may_run=True)
    last = outcome(Refused(Reason.VERIFICATION_FAILED, "hub: 503"), step=StepName.VERIFY)
    look = seen(
        status=status(active_node="b", epoch=Epoch(promised=NEXT, in_force=NEXT)),
        nodes={"a": GONE, "b": node("b", is_running=True, guard=promoted)},
        last=last,
    )
    episode = move(step=StepName.VERIFY, steps=(record(StepName.VERIFY, attempts=3),))

    found = carry_on(replace(look, status=look.status.model_copy(update={"episode": episode})))

    assert isinstance(found, Record)
    assert [step.state for step in found.status.history[0].steps] == ["Failed"]


@pytest.mark.parametrize(
    ("source", "last_step", "state"),
    [
        (GONE, StepName.VERIFY, "Failed"),
        (node("a", guard=demoted_guard()), StepName.REVERSE, "Failed"),
        (node("a", guard=demoted_guard(grant_epoch=2, grant_source="b")), StepName.VERIFY, "Done"),
    ],
    ids=["gone", "tried in vain", "another leader did it"],
)
def test_a_source_that_does_not_receive_is_left_to_its_rejoin(source: Any, last_step: StepName, state: str) -> None:  # noqa: ANN401
    promoted = standby_guard(promised=NEXT, in_force=NEXT, may_run=True)
    look = seen(
        status=status(active_node="b", epoch=Epoch(promised=NEXT, in_force=NEXT)),
        nodes={"a": source, "b": node("b", is_running=True, guard=promoted)},
        last=outcome(Failed(Reason.COMMAND_FAILED, "no"), step=last_step),
    )
    episode = move(EpisodeKind.SWITCHOVER, step=StepName.REVERSE, steps=(record(StepName.REVERSE, attempts=3),))

    found = carry_on(replace(look, status=look.status.model_copy(update={"episode": episode})))

    assert isinstance(found, Record)
    assert (found.status.episode, found.status.history[0].steps[0].state) == (None, state)


def test_a_step_asks_for_its_own_outcome_and_not_for_the_one_before() -> None:
    raised = replace(outcome(Done(), step=StepName.RAISE))
    quiesced = node("a", guard=owner_guard(may_run=False, permit_epoch=None, final_epoch=1))
    nodes = {"a": quiesced, "b": standby(guard=standby_guard(promised=NEXT))}

    found = carry_on(under_way(EpisodeKind.SWITCHOVER, StepName.RAISE, look=seen(nodes=nodes, last=raised)))

    assert isinstance(found, Perform)
    assert found.step is StepName.FINAL_SYNC


def test_nobody_is_granted_anything_while_no_epoch_is_in_force() -> None:
    bare = seen(status=PairStatus(term=1))

    assert not PHASES[StepName.GRANT].done(bare, move(EpisodeKind.REJOIN))


# ---------------------------------------------------------------- at rest


@pytest.mark.parametrize(
    ("traffic", "pins", "trigger"),
    [
        ((TrafficSeen("names", ("192.0.2.9",), 5),), None, "astray: names"),
        ((TrafficSeen("names", (), 5),), None, "astray: names"),
        (None, {}, "astray: pins"),
    ],
)
def test_names_and_pins_that_lead_elsewhere_are_repaired(
    traffic: tuple[TrafficSeen, ...] | None, pins: dict[str, str] | None, trigger: str
) -> None:
    look = seen()
    owner = node("a", is_running=True) if pins is None else node("a", is_running=True, pins=pins)
    found = decide(replace(look, traffic=traffic or look.traffic, nodes={**look.nodes, "a": owner})).decision

    begun = getattr(found, "status", PairStatus()).episode
    assert begun is not None
    assert (begun.kind, begun.trigger) == (EpisodeKind.REPAIR, trigger)


def test_names_that_could_not_be_read_are_not_repaired() -> None:
    look = seen(traffic=(Unknown(Reason.TIMED_OUT, "no answer"),))

    assert decide(look).decision == Steady(Reason.AS_ORDERED, "a serves")


def test_an_owner_that_just_rebooted_is_left_to_its_own_guard_first() -> None:
    young = node("a", guard=owner_guard(may_run=False), uptime_seconds=12.0)

    found = decide(seen(nodes={"a": young, "b": standby()})).decision

    assert reason(found) is Reason.CONFIRMATION_UNPROVEN


def test_a_promise_that_no_journal_knows_of_is_renewed_over_by_an_owner_that_can_be_read() -> None:
    promised = standby(guard=standby_guard(promised=NEXT))
    serving, gone = node("a", is_running=True), node("a", guard=owner_guard(in_force=NEXT))

    found = decide(seen(nodes={"a": serving, "b": promised})).decision

    assert isinstance(found, Perform)
    assert (found.episode.kind, found.episode.target, found.episode.epoch) == (EpisodeKind.RENEW, "a", 3)
    assert strange_promise(seen(nodes={"a": GONE, "b": promised})) is None
    assert strange_promise(seen(nodes={"a": gone, "b": promised})) is None
    assert strange_promise(seen()) is None


def test_a_sick_owner_is_no_outage() -> None:
    sick = node("a", is_running=True)
    units = (sick.units[0], replace(sick.units[1], active="failed"))

    found = decide(seen(nodes={"a": replace(sick, units=units), "b": standby()})).decision

    assert reason(found) is Reason.SERVICE_DOWN


# ---------------------------------------------------------------- the tables


@pytest.mark.parametrize("kind", EpisodeKind)
def test_every_step_of_an_episode_follows_from_the_one_before(kind: EpisodeKind) -> None:
    walked: list[StepName] = []
    step: StepName | None = STEPS[kind][0]
    while step is not None:
        walked.append(step)
        step = following(kind, step)

    assert tuple(walked) == STEPS[kind]


@pytest.mark.parametrize("kind", [kind for kind in EpisodeKind if StepName.PROMOTE in STEPS[kind]])
def test_a_promotion_stands_after_a_step_that_stops_the_other_node(kind: EpisodeKind) -> None:
    stopping = (StepName.DEMOTE, StepName.FENCE, StepName.STORE_EPOCH, StepName.MIGRATE)
    stops = [step for step in stopping if step in STEPS[kind]]

    assert stops
    assert all(is_before(kind, step, StepName.PROMOTE) for step in stops)


def test_what_is_said_of_the_model_is_said_in_words() -> None:
    wrong = BadInput("spec.nodes", "write two nodes")

    assert (wrong.field, wrong.remedy, str(wrong)) == ("spec.nodes", "write two nodes", "spec.nodes: write two nodes")
    assert str(KEY) == "default/pair"
    assert str(Generation(epoch=2, counter=7)) == "2.7"
    with pytest.raises(KeyError):
        pair_spec().node("c")


def test_an_episode_knows_only_what_it_froze() -> None:
    episode: Episode = move(frozen=())

    assert (episode.frozen_node("a"), episode.record(StepName.FENCE)) == (None, None)
    assert OWNED.owner == "a"
