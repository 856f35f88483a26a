"""What the rules make of a disk that both nodes reach: who holds it, and what is no fence of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.admission.spec import refused_spec
from maestro_operator.decide.ability import preflight
from maestro_operator.decide.brakes import out_of_sync, peer_ready
from maestro_operator.decide.prove import NoProof, prove
from maestro_operator.model.claims import claims_of
from maestro_operator.model.denial import lacking
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import FencingDevice, FencingRung, PairSpec, Replication
from maestro_operator.model.proof import FenceEvidence, PowerReading, Proof
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import LastOutcome, NodeSeen, Replica, Seen, SharedSide, Vote
from maestro_operator.model.sharing import SharedDisk
from maestro_operator.model.status import Episode, Generation
from maestro_operator.model.steps import EpisodeKind, StepName
from support.looks import GONE, move, node, outage, outcome, seen, standby, vote
from support.manifests import example
from support.worlds import pair_spec

IDENTITY = "60014050000000010000000000000001"
SHARED = Replication(
    shared_disk=SharedDisk(disk="/dev/disk/by-id/wwn-0x6001405", identity=IDENTITY, mount="/srv/maestro")
)
ADDRESS = pair_spec().node("a").address
RESERVATION = FencingDevice(agent="reservation", identity=IDENTITY)
GATEWAY = FencingDevice(agent="gateway", identity=ADDRESS)
OWNERS = SharedSide(
    holder="a", holder_epoch=1, keys=1, is_exclusive=True, persists=True, is_mounted=True, holds=True, enforces=None
)
STANDBYS = replace(OWNERS, is_mounted=False, holds=False, enforces=True)


def owner(side: SharedSide | None = OWNERS) -> NodeSeen:
    return node("a", is_running=True, replica=Replica(live_present=True, disk=side))


def other(side: SharedSide | None = STANDBYS) -> NodeSeen:
    whole = Replica(newest=Generation(epoch=1, counter=1), announced_age_seconds=0.0, clock="uptime", is_whole=True)
    return replace(standby(), replica=replace(whole, live_present=True, disk=side))


def look(**changes: Any) -> Seen:  # noqa: ANN401
    spec = changes.pop("spec", pair_spec(replication=SHARED))
    nodes = {"a": changes.pop("a", owner()), "b": changes.pop("b", other())}
    return seen(spec=spec, nodes=nodes, **changes)


def test_a_disk_that_the_owner_alone_holds_in_the_eyes_of_both_is_in_sync() -> None:
    assert out_of_sync(look()) is None
    assert peer_ready(look()) is None


@pytest.mark.parametrize(
    ("side", "reason", "says"),
    [
        (None, Reason.DISK_UNREADABLE, "b says nothing"),
        (SharedSide(problem="there is no /dev/x here"), Reason.DISK_UNREADABLE, "there is no /dev/x here"),
        (replace(STANDBYS, holder="foreign", holder_epoch=None), Reason.DISK_FOREIGN, "not this pair's"),
        (replace(STANDBYS, is_mounted=True), Reason.DISK_MOUNTED_TWICE, "b has the disk mounted"),
        (replace(STANDBYS, holder_epoch=7), Reason.DISK_NOT_HELD, "epoch 7 of a"),
        (replace(STANDBYS, keys=2), Reason.DISK_NOT_HELD, "2 keys"),
        (SharedSide(), Reason.DISK_NOT_HELD, "held by nobody"),
        (replace(STANDBYS, is_exclusive=False), Reason.DISK_UNGUARDED, "does not keep others out"),
        (replace(STANDBYS, enforces=False), Reason.DISK_UNGUARDED, "does not keep reservations"),
        (replace(STANDBYS, persists=False), Reason.DISK_UNGUARDED, "no APTPL"),
    ],
)
def test_what_the_second_reader_finds_wrong_is_named_and_holds_a_switchover(
    side: SharedSide | None, reason: Reason, says: str
) -> None:
    found = look(b=other(side))
    sync, held = out_of_sync(found), preflight(found, move(kind=EpisodeKind.SWITCHOVER, step=StepName.PREFLIGHT))

    assert sync is not None
    assert (sync.reason, says in sync.message) == (reason, True)
    assert held is not None


@pytest.mark.parametrize(
    ("side", "says"),
    [
        (replace(OWNERS, holder="b", holds=False), "a does not hold the disk: b does"),
        (SharedSide(problem="it does not answer"), "a does not hold the disk: it does not answer"),
    ],
)
def test_an_owner_that_lost_the_disk_is_named(side: SharedSide, says: str) -> None:
    found = out_of_sync(look(a=owner(side)))

    assert found is not None
    assert (found.reason, found.message) == (Reason.DISK_NOT_HELD, says)


def test_an_owner_that_cannot_be_read_says_nothing_against_the_disk() -> None:
    assert out_of_sync(look(a=GONE)) is None


def test_nobody_is_in_sync_before_an_epoch_is_in_force() -> None:
    found = look()
    status = found.status.model_copy(update={"epoch": found.status.epoch.model_copy(update={"in_force": None})})

    assert out_of_sync(replace(found, status=status)) is None


def test_a_standby_whose_disk_is_another_one_s_is_not_able_to_fail_over() -> None:
    found = peer_ready(look(b=other(replace(STANDBYS, holder="foreign"))))

    assert found is not None
    assert found.reason is Reason.PEER_NOT_READY


# ---------------------------------------------------------------- what is a fence of it


@pytest.mark.parametrize(
    ("devices", "suffices"),
    [
        ((GATEWAY,), False),
        ((RESERVATION,), False),
        ((GATEWAY, RESERVATION), True),
        ((FencingDevice(agent="fence_redfish", identity="machine-a"),), True),
    ],
)
def test_neither_isolation_nor_the_storage_s_refusal_is_enough_alone(
    devices: tuple[FencingDevice, ...], *, suffices: bool
) -> None:
    assert (not lacking(devices, SHARED)) is suffices


def test_the_storage_s_refusal_does_not_stand_for_the_stream_of_copies() -> None:
    assert lacking((RESERVATION,), pair_spec().replication)


def fenced_by(*devices: FencingDevice) -> tuple[PairSpec, Episode]:
    spec = pair_spec(replication=SHARED)
    first, second = spec.nodes
    rungs = (FencingRung(name="apart", devices=devices),)
    spec = spec.model_copy(update={"nodes": (first.model_copy(update={"fencing": rungs}), second)})
    frozen = tuple(item.model_copy(update={"fencing": spec.node(item.name).fencing}) for item in move().frozen)
    return spec, move(rung="apart", frozen=frozen)


def answered(*, disk: tuple[str, str] = ("preempted", "preempted")) -> LastOutcome:
    words = ((RESERVATION, disk), (GATEWAY, ("isolated", "isolated")))
    readings = tuple(
        PowerReading(device.agent, device.identity, said[time], 10.0 + 3 * time, 100 + 10 * time + number)
        for time in range(2)
        for number, (device, said) in enumerate(words)
    )
    return outcome(Done(evidence=FenceEvidence("a", "apart", (IDENTITY, ADDRESS), readings)))


def test_a_disk_that_was_taken_from_an_isolated_node_is_a_proof_with_both_read_twice() -> None:
    spec, episode = fenced_by(RESERVATION, GATEWAY)

    found = prove(outage(spec=spec, last=answered()), episode)

    assert isinstance(found, Proof)
    assert found.evidence[0] == f"reservation {IDENTITY}: preempted at 10.000, process 100"


@pytest.mark.parametrize("disk", [("on", "on"), ("preempted", "on"), ("off", "off"), ("unknown", "preempted")])
def test_a_disk_that_was_not_read_twice_to_be_taken_proves_nothing(disk: tuple[str, str]) -> None:
    spec, episode = fenced_by(RESERVATION, GATEWAY)

    found = prove(outage(spec=spec, last=answered(disk=disk)), episode)

    assert isinstance(found, NoProof)
    assert found.reason is Reason.FENCE_UNPROVEN


def test_a_node_that_anybody_still_reaches_is_not_out_though_the_disk_was_taken() -> None:
    spec, episode = fenced_by(RESERVATION, GATEWAY)
    votes = (vote(Vote.DEAD), vote(Vote.ALIVE, point="peer"))

    found = prove(outage(spec=spec, last=answered(), votes=votes), episode)

    assert isinstance(found, NoProof)
    assert found.reason is Reason.SIGN_OF_LIFE


# ---------------------------------------------------------------- what is refused when it is applied


def applied(device: FencingDevice, *, replication: Replication = SHARED) -> PairSpec:
    (pair,) = example("maestro-linux.yaml")
    spec = PairSpec.model_validate(pair["spec"]).model_copy(update={"replication": replication})
    nodes = tuple(
        item.model_copy(
            update={
                "fencing": (
                    FencingRung(name="apart", devices=(device, FencingDevice(agent="gateway", identity=item.address))),
                )
            }
        )
        for item in spec.nodes
    )
    return spec.model_copy(update={"nodes": nodes})


def test_one_disk_is_a_device_of_both_nodes() -> None:
    assert refused_spec(applied(RESERVATION), has_agent=lambda _: False) is None


@pytest.mark.parametrize(
    ("device", "replication", "says"),
    [
        (RESERVATION, pair_spec().replication, "there is no shared disk to take away"),
        (RESERVATION.model_copy(update={"identity": "6" * 16}), SHARED, f"is not the pair's disk: write {IDENTITY}"),
        (RESERVATION.model_copy(update={"parameters": {"devices": "/dev/sda"}}), SHARED, "remove parameters"),
    ],
)
def test_a_reservation_of_something_else_is_refused(device: FencingDevice, replication: Replication, says: str) -> None:
    refused = refused_spec(applied(device, replication=replication), has_agent=lambda _: True)

    assert refused is not None
    assert says in refused.message


def test_two_pairs_cannot_have_one_disk() -> None:
    assert claims_of(pair_spec(replication=SHARED))[f"disk {IDENTITY}"] == "spec.replication.sharedDisk.identity"


def test_who_shares_data_is_the_driver_s_to_say() -> None:
    said = (pair_spec().replication, SHARED, Replication())

    assert [item.shares_data for item in said] == [False, True, True]
