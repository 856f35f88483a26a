"""What people read: every condition from the first turn on, the one printed word, and the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.model.backing import Backup, RestoreTest
from maestro_operator.model.decision import Decided, Decision, Hold, Steady
from maestro_operator.model.pair import Failover, Platform
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import Rehearsal, RehearsalKind, RehearsalResult, Rehearsals, StartTest
from maestro_operator.model.seen import Replica, Seen, TrafficSeen, TriedRestore, Unknown
from maestro_operator.model.status import (
    HistoryEntry,
    HistoryStep,
    PairStatus,
    QuarantineEntry,
    Recorded,
    State,
)
from maestro_operator.model.steps import EpisodeKind, StepName
from maestro_operator.report.conditions import CONDITIONS, reported
from support.beginnings import serving
from support.looks import GONE, NOW, move, node, outage, owner_guard, seen, standby, standby_guard, status
from support.worlds import Pair, pair_spec


def report(look: Seen, decision: Decision | None = None) -> PairStatus:
    decided = decide(look)
    if decision is not None:
        decided = Decided(decided.rule, decision, decided.assessment)
    return reported(look, decided, look.status)


def condition(look: Seen, name: str, decision: Decision | None = None) -> tuple[str, str]:
    found = next(item for item in report(look, decision).conditions if item.type == name)
    return found.status, found.reason


def verified(state: str) -> HistoryEntry:
    step = HistoryStep.model_validate({"name": StepName.VERIFY, "state": state, "seconds": 1})
    return HistoryEntry(
        id="switchover-1",
        kind=EpisodeKind.SWITCHOVER,
        source="b",
        target="a",
        trigger="Ordered",
        started_at=NOW,
        finished_at=NOW,
        result="Done",
        steps=(step,),
    )


def passed(when: str) -> Rehearsal:
    return Rehearsal(
        id="spring",
        kind=RehearsalKind.DRILL,
        node="a",
        started_at=when,
        finished_at=when,
        result=RehearsalResult.PASSED,
    )


RESTORES = pair_spec(backup=Backup(restore_test=RestoreTest()))


def restored(result: str, *, days: float | None = 1) -> Seen:
    """A standby that tested a restore some days ago; the active node did long before, when it stood by."""
    last = TriedRestore("20261129", None if days is None else days * 86400, result)
    before = None if days is None else TriedRestore("20260101", 300 * 86400, "passed")
    owner = node("a", is_running=True, replica=Replica(tested=before, live_present=True))
    return seen(spec=RESTORES, nodes={"a": owner, "b": standby(replica=Replica(tested=last))})


DRILLED = pair_spec(rehearsals=Rehearsals(drill_within_days=90))
STARTS = pair_spec(rehearsals=Rehearsals(start_test=StartTest()))


def started(result: RehearsalResult, *, at: str = NOW) -> Seen:
    """A pair whose last start test ended so."""
    test = Rehearsal(
        id="s", kind=RehearsalKind.START_TEST, node="a", started_at=at, finished_at=at, result=result, message="why"
    )
    return seen(spec=STARTS, status=status(rehearsals=(test,)))


FIRST = seen(status=PairStatus(), nodes={"a": GONE, "b": GONE}, traffic=(), devices=(), votes=())
BOTH_RUN = seen(nodes={"a": node("a", is_running=True), "b": node("b", is_running=True)})
STOPPED = seen(nodes={"a": node("a"), "b": standby()})
OVERRIDDEN = seen(spec=pair_spec(active_node="b"), status=status(observed_active_node="b"))
TWO_VERSIONS = seen(nodes={"a": node("a", is_running=True), "b": standby(guard=standby_guard(version="2"))})
MID_SWITCHOVER = seen(status=status(episode=move(EpisodeKind.SWITCHOVER, step=StepName.QUIESCE)))
MID_REJOIN = seen(status=status(episode=move(EpisodeKind.REJOIN, step=StepName.RESYNC)))

TABLE: list[tuple[str, str, Seen, tuple[str, str]]] = [
    ("Ready", "good", seen(), ("True", "Answers")),
    ("Ready", "held", STOPPED, ("False", "ServiceDown")),
    ("Ready", "under way", MID_SWITCHOVER, ("False", "EpisodeUnderWay")),
    ("Ready", "rejoining", MID_REJOIN, ("True", "Answers")),
    ("Ready", "alone", seen(nodes={"a": node("a", is_running=True), "b": GONE}), ("True", "Answers")),
    ("Reconciling", "good", seen(), ("False", "AsOrdered")),
    ("Reconciling", "under way", MID_SWITCHOVER, ("True", "EpisodeUnderWay")),
    ("Stalled", "good", seen(), ("False", "AsOrdered")),
    ("Stalled", "held", STOPPED, ("True", "ServiceDown")),
    ("Available", "good", seen(), ("True", "Answers")),
    ("Available", "nobody", FIRST, ("False", "WaitForUser")),
    ("Available", "unread", outage(), ("Unknown", "TimedOut")),
    ("Available", "stopped", STOPPED, ("False", "ServiceDown")),
    (
        "Available",
        "without a permit",
        seen(nodes={"a": node("a", is_running=True, guard=owner_guard(may_run=False)), "b": standby()}),
        ("False", "ServiceDown"),
    ),
    ("PeerReady", "good", seen(), ("True", "AllGood")),
    ("PeerReady", "nobody", FIRST, ("Unknown", "NotYetKnown")),
    ("PeerReady", "gone", seen(nodes={"a": node("a", is_running=True), "b": GONE}), ("False", "PeerNotReady")),
    ("Protected", "good", seen(), ("True", "AllGood")),
    ("Protected", "no device", seen(devices=()), ("False", "FencingNotReady")),
    ("DataInSync", "good", seen(), ("True", "AllGood")),
    ("DataInSync", "none", seen(nodes={"a": node("a"), "b": standby(replica=Replica())}), ("False", "Resyncing")),
    ("FencingReady", "good", seen(), ("True", "AllGood")),
    ("FencingReady", "nobody", FIRST, ("Unknown", "NotYetKnown")),
    ("FencingReady", "unread", seen(devices=()), ("False", "FencingNotReady")),
    (
        "FencingReady",
        "failed",
        seen(devices=(Unknown(Reason.DEVICE_FAILED, "no answer"),)),
        ("False", "FencingNotReady"),
    ),
    ("Verified", "never", seen(), ("Unknown", "NotYetKnown")),
    ("Verified", "nothing to verify", seen(spec=pair_spec(verification=())), ("Unknown", "NotConfigured")),
    ("Verified", "passed", seen(status=status(history=(verified("Done"),))), ("True", "AllGood")),
    ("Verified", "failed", seen(status=status(history=(verified("Failed"),))), ("False", "VerificationFailed")),
    (
        "Verified",
        "passed before a move without checks",
        seen(status=status(history=(verified("Done").model_copy(update={"steps": ()}), verified("Done")))),
        ("True", "AllGood"),
    ),
    ("TrafficOnActive", "good", seen(), ("True", "AllGood")),
    ("TrafficOnActive", "nobody", FIRST, ("Unknown", "NotYetKnown")),
    (
        "TrafficOnActive",
        "unread",
        seen(traffic=(Unknown(Reason.TIMED_OUT, "no answer"),)),
        ("Unknown", "TrafficUnproven"),
    ),
    (
        "TrafficOnActive",
        "elsewhere",
        seen(traffic=(TrafficSeen("names", ("192.0.2.9",)),)),
        ("False", "TrafficElsewhere"),
    ),
    (
        "TrafficOnActive",
        "told by one server of two",
        seen(traffic=(TrafficSeen("names", ("10.77.0.11",), silent=("10.77.0.54 does not answer",)),)),
        ("Unknown", "TrafficUnproven"),
    ),
    (
        "TrafficOnActive",
        "nowhere, or at a node that is silent",
        seen(traffic=(TrafficSeen("float", (), silent=("b did not answer",)),)),
        ("Unknown", "TrafficUnproven"),
    ),
    ("TrafficOnActive", "nowhere", seen(traffic=(TrafficSeen("names", ()),)), ("False", "TrafficElsewhere")),
    ("BackupFresh", "good", seen(), ("Unknown", "NotConfigured")),
    ("RestoreTested", "not asked for", seen(), ("Unknown", "NotConfigured")),
    ("RestoreTested", "no test asked for", seen(spec=pair_spec(backup=Backup())), ("Unknown", "NotConfigured")),
    ("RestoreTested", "never", seen(spec=RESTORES), ("False", "NeverRehearsed")),
    (
        "RestoreTested",
        "unread",
        seen(spec=RESTORES, nodes={"a": node("a", is_running=True), "b": GONE}),
        ("Unknown", "NotYetKnown"),
    ),
    ("RestoreTested", "good", restored("passed"), ("True", "AllGood")),
    ("RestoreTested", "failed", restored("CheckFailed"), ("False", "RestoreTestFailed")),
    ("RestoreTested", "old", restored("passed", days=15), ("False", "RehearsalOverdue")),
    ("RestoreTested", "of no known age", restored("passed", days=None), ("False", "NeverRehearsed")),
    ("DrillRecent", "not asked for", seen(), ("Unknown", "NotConfigured")),
    ("DrillRecent", "never", seen(spec=DRILLED), ("False", "NeverRehearsed")),
    ("DrillRecent", "good", seen(spec=DRILLED, status=status(rehearsals=(passed(NOW),))), ("True", "AllGood")),
    (
        "DrillRecent",
        "old",
        seen(spec=DRILLED, status=status(rehearsals=(passed("2025-09-01T00:00:00.000Z"),))),
        ("False", "RehearsalOverdue"),
    ),
    ("StartTested", "not asked for", seen(spec=DRILLED), ("Unknown", "NotConfigured")),
    ("StartTested", "never", seen(spec=STARTS), ("False", "NeverRehearsed")),
    ("StartTested", "refused only", started(RehearsalResult.REFUSED), ("False", "NeverRehearsed")),
    ("StartTested", "good", started(RehearsalResult.PASSED), ("True", "AllGood")),
    ("StartTested", "failed", started(RehearsalResult.FAILED), ("False", "StartTestFailed")),
    (
        "StartTested",
        "old",
        started(RehearsalResult.PASSED, at="2025-12-01T00:00:00.000Z"),
        ("False", "RehearsalOverdue"),
    ),
    ("AutomaticFailoverAllowed", "good", seen(), ("True", "AllGood")),
    ("AutomaticFailoverAllowed", "braked", seen(spec=pair_spec(failover=Failover())), ("False", "AutomaticDisabled")),
    ("AutomaticFailoverAllowed", "under way", MID_SWITCHOVER, ("False", "EpisodeUnderWay")),
    ("VersionsMatch", "good", seen(), ("True", "AllGood")),
    ("VersionsMatch", "unread", outage(), ("Unknown", "NotYetKnown")),
    ("VersionsMatch", "two", TWO_VERSIONS, ("False", "VersionsDiffer")),
    ("ActiveNodeOverridden", "good", seen(), ("False", "NotOverridden")),
    ("ActiveNodeOverridden", "overridden", OVERRIDDEN, ("True", "ActiveNodeOverridden")),
    (
        "ActiveNodeOverridden",
        "a new order",
        seen(spec=pair_spec(active_node="b")),
        ("False", "NotOverridden"),
    ),
    ("ObserverIsolated", "good", seen(), ("False", "Answers")),
    ("ObserverIsolated", "isolated", outage(operator_is_isolated=True), ("True", "ObserverIsolated")),
    ("SplitBrainDetected", "good", seen(), ("False", "OneWriter")),
    ("SplitBrainDetected", "unread", outage(), ("Unknown", "NotYetKnown")),
    ("SplitBrainDetected", "both run", BOTH_RUN, ("True", "SplitBrain")),
]


@pytest.mark.parametrize(
    ("name", "look", "wanted"), [(name, look, wanted) for name, _, look, wanted in TABLE],
    ids=[f"{name}: {what}" for name, what, _, _ in TABLE],
)  # fmt: skip
def test_a_condition_says_what_was_seen(name: str, look: Seen, wanted: tuple[str, str]) -> None:
    assert condition(look, name) == wanted


def test_the_table_asks_for_every_condition() -> None:
    assert {name for name, *_ in TABLE} == set(CONDITIONS)


def test_every_condition_is_there_from_the_first_turn_on() -> None:
    found = report(FIRST)

    assert [item.type for item in found.conditions] == list(CONDITIONS)
    assert all(item.reason and item.message and item.last_transition_time == NOW for item in found.conditions)


def test_a_transition_time_moves_only_with_the_status_of_its_condition() -> None:
    before = report(seen())
    later = replace(outage(status=before), now="2026-01-01T00:20:00.000Z", spec=pair_spec(failover=Failover()))

    after = {item.type: item.last_transition_time for item in report(later).conditions}

    assert after["Available"] == "2026-01-01T00:20:00.000Z"
    assert after["ObserverIsolated"] == NOW


@pytest.mark.parametrize(
    ("look", "decision", "wanted"),
    [
        (seen(), None, State.ACTIVE),
        (FIRST, None, State.ADOPTING),
        (BOTH_RUN, None, State.SPLIT_BRAIN),
        (STOPPED, None, State.LOST),
        (MID_SWITCHOVER, None, State.SWITCHING_OVER),
        (MID_REJOIN, None, State.REJOINING),
        (seen(), Hold(Reason.PAUSED, "paused"), State.PAUSED),
        (seen(), Hold(Reason.FLAPPING, "the third move"), State.WAIT_FOR_USER),
        (MID_SWITCHOVER, Hold(Reason.TIMED_OUT, "late"), State.SWITCHING_OVER),
    ],
)
def test_one_word_says_how_the_pair_is(look: Seen, decision: Decision | None, wanted: State) -> None:
    assert report(look, decision).state is wanted


@pytest.mark.parametrize(
    ("look", "decision", "wanted"),
    [
        (seen(), None, "would not fail over now: a runs its services; no brake holds once it is conclusively down"),
        (
            seen(spec=pair_spec(failover=Failover())),
            None,
            "would not fail over by itself: AutomaticDisabled: failover.automatic is Disabled",
        ),
        (FIRST, Hold(Reason.NOBODY_READABLE, "neither can be read"), "neither can be read"),
        (seen(spec=pair_spec(active_node="b")), None, "Switchover"),
        (seen(status=PairStatus()), Steady(Reason.AS_ORDERED, "as it is"), "as it is"),
    ],
)
def test_the_plan_is_one_sentence(look: Seen, decision: Decision | None, wanted: str) -> None:
    assert (report(look, decision).plan or "").startswith(wanted)


def test_a_node_that_cannot_be_read_keeps_what_is_known_of_it() -> None:
    kept = QuarantineEntry(node="a", episode="rejoin-1", bytes=7)
    known = Recorded(node="a", epoch=9, machine_id="machine-a")
    look = outage(status=status(quarantine=(kept,), recorded=(known,)))

    found = report(look)

    assert found.quarantine == (kept,)
    assert found.recorded[0] == known.model_copy(update={"address": "10.77.0.11"})
    assert (found.nodes[0].reachable, found.nodes[0].reason) == (False, "TimedOut")


def test_a_node_of_a_platform_that_was_never_tried_says_so_always() -> None:
    spec = pair_spec()
    nodes = (spec.nodes[0].model_copy(update={"platform": Platform.SOLARIS}), spec.nodes[1])

    found = report(seen(spec=spec.model_copy(update={"nodes": nodes})))

    shown = {item.name: (item.platform, item.platform_reason) for item in found.nodes}

    assert shown == {"a": ("Solaris", "PlatformUnverified"), "b": (None, None)}


def test_a_node_that_was_never_read_is_recorded_with_nothing() -> None:
    assert report(FIRST).recorded == (Recorded(node="a", epoch=0), Recorded(node="b", epoch=0))


def test_the_highest_epoch_of_a_node_is_kept_when_it_knows_less() -> None:
    look = seen(status=status(recorded=(Recorded(node="a", epoch=9, machine_id="machine-a"),)))

    assert report(look).recorded[0] == Recorded(node="a", epoch=9, machine_id="machine-a", address="10.77.0.11")


async def test_an_idle_pair_writes_nothing() -> None:
    pair = await serving()
    await pair.settle()
    for _ in range(8):
        await pair.turn()
    writes = pair.store.writes

    for _ in range(50):
        await pair.turn()

    assert pair.store.writes == writes


@pytest.mark.parametrize("kind", ["activate", "switchover", "failover", "rejoin"])
async def test_the_same_spec_applied_again_and_again_changes_nothing(kind: str) -> None:
    calm, busy = await begin(kind), await begin(kind)

    for pair in (calm, busy):
        for _ in range(40):
            if pair is busy:
                for _ in range(3):
                    pair.change()
            await pair.turn()

    assert told(busy) == told(calm)


async def begin(kind: str) -> Pair:
    if kind == "activate":
        return Pair()
    pair = await serving()
    if kind == "switchover":
        pair.order("b")
    else:
        pair.world.power_cut("a")
    if kind == "rejoin":
        await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
        pair.world.power_on("a")
    return pair


def told(pair: Pair) -> dict[str, Any]:
    found = pair.status
    return {
        "active": found.active_node,
        "epoch": found.epoch,
        "history": [(entry.kind, entry.result) for entry in found.history],
        "generation": pair.store.generation,
        "two writers": pair.world.moments_with_two_writers,
    }


@pytest.mark.parametrize(
    ("pointed", "address"), [("10.77.0.11", "10.77.0.11"), ("10.77.0.98", "10.77.0.98"), ("192.0.2.9", "10.77.0.98")]
)
def test_the_address_at_which_names_found_a_node_is_kept_over_an_edit(pointed: str, address: str) -> None:
    frozen = tuple(item.model_copy(update={"address": "10.77.0.98"}) for item in move().frozen if item.name == "a")
    look = seen(
        traffic=(TrafficSeen("names", (pointed,), 5),),
        status=status(
            recorded=(Recorded(node="a", epoch=1, address="10.77.0.98"),),
            episode=move(EpisodeKind.REPAIR, step=StepName.LOCALISE, frozen=frozen),
        ),
    )

    assert report(look).recorded[0].address == address
