"""What is concluded of the active side and of the standby, on looks built by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.decide.ability import target_able
from maestro_operator.decide.brakes import peer_ready, standing
from maestro_operator.decide.verdict import FULL_BYTES, Verdict, conclude, conclude_service
from maestro_operator.model.decision import Hold
from maestro_operator.model.detection import Detection, Standby, VersionsRule
from maestro_operator.model.pair import FencingRung, Version
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Grace, Seen, Unit, Unknown, Vote, VoteSeen
from maestro_operator.model.status import NodeStatus
from maestro_operator.report.conditions import reported
from support.looks import GONE, dead_to_all, move, node, outage, seen, standby, status, vote
from support.worlds import UNITS, pair_spec

GRACE = Grace(Reason.STARTING, "a booted less than 300 s ago", 100.0)
REFUSED = Unknown(Reason.CONNECTION_REFUSED, "a refuses")


def said(value: Vote, point: str, reason: Reason, *, for_seconds: float = 60.0) -> VoteSeen:
    return replace(vote(value, point=point, for_seconds=for_seconds), reason=reason)


def few_looks() -> tuple[VoteSeen, ...]:
    return tuple(replace(item, times=2) for item in dead_to_all())


NODE: dict[str, tuple[Seen, Verdict, Reason]] = {
    "dead to all for long": (outage(), Verdict.DOWN, Reason.OUTAGE_CONCLUDED),
    "dead in too few looks": (outage(votes=few_looks()), Verdict.UNCERTAIN, Reason.NOT_DOWN_LONG_ENOUGH),
    "dead and just booted": (outage(grace=GRACE), Verdict.UNCERTAIN, Reason.STARTING),
    "dead to two, and a witness says nothing": (
        outage(votes=(*dead_to_all(), vote(Vote.UNKNOWN, point="witness"))),
        Verdict.DOWN,
        Reason.OUTAGE_CONCLUDED,
    ),
    "dead to two and alive to a witness": (
        outage(votes=(*dead_to_all(), vote(Vote.ALIVE, point="witness"))),
        Verdict.UNCERTAIN,
        Reason.SEEN_ALIVE,
    ),
    "dead to two and sick to a witness": (
        outage(votes=(*dead_to_all(), said(Vote.SICK, "witness", Reason.TOO_MANY_CONNECTIONS))),
        Verdict.SICK,
        Reason.TOO_MANY_CONNECTIONS,
    ),
    "dead to all, and its SSH server refuses": (
        outage(nodes={"a": REFUSED, "b": standby()}),
        Verdict.UNCERTAIN,
        Reason.SEEN_ALIVE,
    ),
}


@pytest.mark.parametrize("name", NODE)
def test_a_node_is_down_only_where_everything_says_so(name: str) -> None:
    look, verdict, reason = NODE[name]

    found = conclude(look, "a")

    assert (found.verdict, found.reason) == (verdict, reason)


def running(**changes: Any) -> dict[str, object]:  # noqa: ANN401
    return {"a": node("a", is_running=True, **changes), "b": standby()}


SICK = (said(Vote.SICK, "operator", Reason.SLOW), vote(Vote.ALIVE, point="peer"))
SERVICE: dict[str, tuple[Seen, Verdict, Reason]] = {
    "nobody is active": (seen(status=status(active_node=None)), Verdict.UNCERTAIN, Reason.NOT_YET_KNOWN),
    "it answers": (seen(), Verdict.HEALTHY, Reason.ANSWERS),
    "its node is down": (outage(), Verdict.DOWN, Reason.OUTAGE_CONCLUDED),
    "a unit is down": (seen(nodes={"a": node("a"), "b": standby()}), Verdict.SICK, Reason.SERVICE_DOWN),
    "a unit is not up yet": (
        seen(nodes={"a": node("a"), "b": standby()}, grace=GRACE),
        Verdict.UNCERTAIN,
        Reason.STARTING,
    ),
    "its disk is full": (seen(nodes=running(disk_free_bytes=FULL_BYTES - 1)), Verdict.SICK, Reason.DISK_FULL),
    "its disk was not read": (seen(nodes=running(disk_free_bytes=None)), Verdict.HEALTHY, Reason.ANSWERS),
    "who asks it is told that it is slow": (seen(votes=SICK), Verdict.SICK, Reason.SLOW),
    "not for long": (
        seen(votes=(said(Vote.SICK, "operator", Reason.SLOW, for_seconds=3), SICK[1])),
        Verdict.HEALTHY,
        Reason.ANSWERS,
    ),
    "not often": (seen(votes=(replace(SICK[0], times=1), SICK[1])), Verdict.HEALTHY, Reason.ANSWERS),
    "a witness is answered well": (
        seen(votes=(*SICK, vote(Vote.ALIVE, point="witness"))),
        Verdict.HEALTHY,
        Reason.ANSWERS,
    ),
    "only the peer was asked": (seen(votes=(vote(Vote.SICK, point="peer"),)), Verdict.HEALTHY, Reason.ANSWERS),
    "it is silent and its node is read": (
        seen(votes=(said(Vote.DEAD, "operator", Reason.TIMED_OUT),)),
        Verdict.SICK,
        Reason.TIMED_OUT,
    ),
    "its names cannot be read": (
        seen(traffic=(Unknown(Reason.TIMED_OUT, "the server is silent"),)),
        Verdict.UNCERTAIN,
        Reason.TRAFFIC_UNPROVEN,
    ),
}


@pytest.mark.parametrize("name", SERVICE)
def test_a_service_is_sick_where_those_who_ask_it_are_told_so(name: str) -> None:
    look, verdict, reason = SERVICE[name]

    found = conclude_service(look)

    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_sick_service_is_held_and_said_and_moves_nothing() -> None:
    look = seen(votes=SICK)

    decided = decide(look)
    shown = reported(look, decided, look.status)

    assert (decided.rule, decided.decision) == ("service_down", Hold(Reason.SLOW, "a lives; operator: as it looks"))
    available = next(item for item in shown.conditions if item.type == "Available")
    assert (available.status, available.reason) == ("False", "Slow")
    assert shown.service is not None
    assert (shown.service.verdict, shown.service.reason) == ("Sick", "Slow")


def test_a_node_that_nobody_reads_and_that_is_sick_is_not_left_by_itself() -> None:
    look = outage(votes=(*dead_to_all(), said(Vote.SICK, "witness", Reason.DISK_FULL)))

    assert [hold.reason for hold in standing(look)] == [Reason.DISK_FULL]


# ---------------------------------------------------------------- the standby


def wanting(**wishes: Any) -> Seen:  # noqa: ANN401
    return seen(spec=pair_spec(standby=Standby(**wishes)))


def with_standby(look: Seen, **changes: Any) -> Seen:  # noqa: ANN401
    return replace(look, nodes={**look.nodes, "b": standby(**changes)})


VERSIONED = pair_spec(versions=(Version(name="app", package="app"),), standby=Standby(versions=VersionsRule.REQUIRE))


def versioned(a: dict[str, str], b: dict[str, str]) -> Seen:
    nodes = {"a": node("a", is_running=True, versions=a), "b": standby(versions=b)}
    return seen(spec=VERSIONED, nodes=nodes)


READY: dict[str, tuple[Seen, Reason | None]] = {
    "all there": (seen(), None),
    "no room on its disk": (with_standby(seen(), disk_free_bytes=64 * 2**20 - 1), Reason.PEER_NOT_READY),
    "its disk was not read": (with_standby(seen(), disk_free_bytes=None), Reason.PEER_NOT_READY),
    "no memory": (with_standby(seen(), memory_available_bytes=2**20), Reason.PEER_NOT_READY),
    "its memory was not read": (with_standby(seen(), memory_available_bytes=None), Reason.PEER_NOT_READY),
    "no licence": (wanting(files=("/etc/licence",)), Reason.PEER_NOT_READY),
    "an empty licence": (
        with_standby(wanting(files=("/etc/licence",)), files={"/etc/licence": False}),
        Reason.PEER_NOT_READY,
    ),
    "its licence": (with_standby(wanting(files=("/etc/licence",)), files={"/etc/licence": True}), None),
    "other versions, which are only said": (
        replace(versioned({"app": "1"}, {"app": "2"}), spec=pair_spec(versions=VERSIONED.versions)),
        None,
    ),
    "other versions, which must be one": (versioned({"app": "1"}, {"app": "2"}), Reason.VERSIONS_DIFFER),
    "the same versions": (versioned({"app": "1"}, {"app": "1"}), None),
    "no version said": (versioned({"app": "1"}, {}), Reason.VERSIONS_DIFFER),
    "no version said on the other side": (versioned({}, {"app": "1"}), None),
    "the other side is silent": (
        replace(versioned({}, {"app": "1"}), nodes={"a": GONE, "b": standby(versions={"app": "1"})}),
        None,
    ),
    "quarantined": (seen(quarantined=("b",)), Reason.NODE_FLAPPING),
    "flapping since now": (seen(flapping=("b",)), Reason.NODE_FLAPPING),
    "the other one flaps": (seen(flapping=("a",)), None),
    "names that cannot be moved": (
        seen(traffic=(Unknown(Reason.WRONG_CREDENTIALS, "the key is refused"),)),
        Reason.TRAFFIC_UNPROVEN,
    ),
    "a fence that does not answer": (seen(devices=()), Reason.FENCING_NOT_READY),
}


@pytest.mark.parametrize("name", READY)
def test_a_standby_is_ready_only_with_all_that_a_failover_needs(name: str) -> None:
    look, reason = READY[name]

    hold = peer_ready(look)

    assert (hold.reason if hold is not None else None) is reason


def test_a_ladder_without_devices_waits_for_a_person_and_keeps_nobody_from_being_ready() -> None:
    spec = pair_spec()
    nodes = tuple(item.model_copy(update={"fencing": (FencingRung(name="human"),)}) for item in spec.nodes)

    assert peer_ready(seen(spec=spec.model_copy(update={"nodes": nodes}), devices=())) is None


def test_a_target_without_one_of_the_units_is_not_able() -> None:
    units = (Unit(name=UNITS[0], active="inactive"), Unit(name=UNITS[1], active="inactive", is_installed=False))
    hold = target_able(with_standby(seen(), units=units), move())

    assert hold is not None
    assert (hold.reason, UNITS[1] in hold.message) == (Reason.TARGET_NOT_ABLE, True)


# ---------------------------------------------------------------- what is written


def shown_of_b(look: Seen) -> NodeStatus:
    return reported(look, decide(look), look.status).nodes[1]


def test_a_flapping_node_is_quarantined_once_and_until_that_is_over() -> None:
    spec = pair_spec(detection=Detection(quarantine_seconds=60))
    first = shown_of_b(seen(spec=spec, flapping=("b",)))
    before = status(nodes=(first,))

    later = shown_of_b(seen(spec=spec, status=before, quarantined=("b",), flapping=("b",)))
    calm = shown_of_b(seen(spec=spec, status=before))

    assert first.quarantined_until == "2026-01-01T00:17:40+00:00"
    assert later.quarantined_until == first.quarantined_until
    assert calm.quarantined_until is None


def test_the_plan_says_now_where_an_outage_is_concluded_and_no_brake_holds() -> None:
    look = outage()
    decided = replace(decide(look), decision=Hold(Reason.UNCERTAIN, "not asked"))

    shown = reported(look, decided, look.status)

    assert shown.plan == "would fail over now: the active node is conclusively down"
