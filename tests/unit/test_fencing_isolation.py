"""Isolation at a gateway: what it denies, when that suffices, and that it must be seen from outside."""

from __future__ import annotations

import asyncssh
import pytest

from maestro_operator.admission.spec import refused_spec
from maestro_operator.decide.brakes import fencing_ready
from maestro_operator.decide.prove import NoProof, prove
from maestro_operator.drivers.fencing.device import given
from maestro_operator.model.denial import Denial, denied_by, in_words, lacking, leaves_it_running
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import (
    Detection,
    Empty,
    FencingDevice,
    FencingRung,
    PairSpec,
    Replication,
    VantagePoint,
)
from maestro_operator.model.proof import FenceEvidence, PowerReading, Proof
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, LastOutcome, Seen, Vote
from maestro_operator.model.status import Episode
from support.looks import move, outage, outcome, seen, vote
from support.manifests import example
from support.worlds import pair_spec

ADDRESS = pair_spec().node("a").address
GATEWAY = FencingDevice(agent="gateway", identity=ADDRESS)
POWER = FencingDevice(agent="fence_redfish", identity="machine-a")
OWN_COPIES = pair_spec().replication
ONE_DISK = Replication()
"""A driver that is not known to keep copies of its own."""


def applied() -> PairSpec:
    """Returns the example that is refused by nobody."""
    (pair,) = example("maestro-linux.yaml")
    return PairSpec.model_validate(pair["spec"])


def with_rung(*devices: FencingDevice, of: PairSpec | None = None, **changes: object) -> PairSpec:
    """Returns the spec whose node a has one rung of these devices."""
    spec = (of or pair_spec()).model_copy(update=changes)
    first, second = spec.nodes
    rungs = (FencingRung(name="cut", devices=devices),)
    return spec.model_copy(update={"nodes": (first.model_copy(update={"fencing": rungs}), second)})


def under_way(spec: PairSpec) -> Episode:
    """Returns the failover that froze this spec's ladder."""
    frozen = tuple(item.model_copy(update={"fencing": spec.node(item.name).fencing}) for item in move().frozen)
    return move(rung="cut", frozen=frozen)


def answered(*states: str, device: FencingDevice = GATEWAY) -> LastOutcome:
    """Returns the outcome of an attempt in which the device said this, three seconds apart."""
    readings = tuple(
        PowerReading(device.agent, device.identity, state, 10.0 + 3 * number, 100 + number)
        for number, state in enumerate(states)
    )
    return outcome(Done(evidence=FenceEvidence("a", "cut", (device.identity,), readings)))


def isolated(**changes: object) -> Seen:
    """Returns the look after an isolation that both vantage points found from outside."""
    return outage(**{"spec": with_rung(GATEWAY), "last": answered("isolated", "isolated"), **changes})


# ---------------------------------------------------------------- what is denied, and whether it suffices


def test_a_gateway_denies_stream_and_traffic_and_what_switches_off_denies_everything() -> None:
    assert denied_by("gateway") == {Denial.STREAM, Denial.TRAFFIC}
    assert denied_by("fence_ipmilan") == set(Denial)


@pytest.mark.parametrize(
    ("devices", "replication", "left"),
    [
        ((GATEWAY,), OWN_COPIES, frozenset()),
        ((GATEWAY,), ONE_DISK, frozenset({Denial.SHARED_DATA})),
        ((GATEWAY, POWER), ONE_DISK, frozenset()),
        ((POWER,), ONE_DISK, frozenset()),
        ((), OWN_COPIES, frozenset({Denial.STREAM, Denial.TRAFFIC})),
    ],
)
def test_whether_a_rung_suffices_is_computed_from_what_it_denies(
    devices: tuple[FencingDevice, ...], replication: Replication, left: frozenset[Denial]
) -> None:
    assert lacking(devices, replication) == left
    assert leaves_it_running(devices) is (POWER not in devices)


def test_denials_are_said_in_their_own_order() -> None:
    assert in_words({Denial.TRAFFIC, Denial.SHARED_DATA}) == "shared data and traffic"


# ---------------------------------------------------------------- what it proves


def test_a_node_that_is_isolated_and_out_of_reach_of_both_is_fenced() -> None:
    found = prove(isolated(), under_way(with_rung(GATEWAY)))

    assert isinstance(found, Proof)
    assert found.evidence == (
        f"gateway {ADDRESS}: isolated at 10.000, process 100",
        f"gateway {ADDRESS}: isolated at 13.000, process 101",
    )


@pytest.mark.parametrize(
    ("silent", "named"),
    [
        ((vote(Vote.DEAD),), "peer"),
        ((vote(Vote.DEAD, point="peer"),), "operator"),
        ((vote(Vote.DEAD), vote(Vote.UNKNOWN, point="peer")), "peer"),
    ],
)
def test_isolation_that_nobody_found_from_outside_proves_nothing(silent: tuple[object, ...], named: str) -> None:
    found = prove(isolated(votes=silent), under_way(with_rung(GATEWAY)))

    assert isinstance(found, NoProof)
    assert f"and {named} did not say to find it cut off" in found.message


def test_an_isolated_node_that_somebody_reaches_is_a_sign_of_life() -> None:
    votes = (vote(Vote.DEAD), vote(Vote.SICK, point="peer"))
    found = prove(isolated(votes=votes), under_way(with_rung(GATEWAY)))

    assert isinstance(found, NoProof)
    assert found.reason is Reason.SIGN_OF_LIFE


def test_isolation_is_never_enough_for_a_shared_disk_whatever_was_read() -> None:
    spec = with_rung(GATEWAY, replication=ONE_DISK)
    found = prove(isolated(spec=spec), under_way(spec))

    assert isinstance(found, NoProof)
    assert found.message == "rung cut leaves a its shared data"


@pytest.mark.parametrize(
    ("device", "states"),
    [(GATEWAY, ("off", "off")), (GATEWAY, ("isolated", "on")), (POWER, ("isolated", "isolated"))],
)
def test_off_and_isolated_are_not_each_other(device: FencingDevice, states: tuple[str, ...]) -> None:
    spec = with_rung(device)
    found = prove(isolated(spec=spec, last=answered(*states, device=device)), under_way(spec))

    assert isinstance(found, NoProof)


# ---------------------------------------------------------------- whether it is ready, and admitted


@pytest.mark.parametrize(("replication", "ready"), [(OWN_COPIES, True), (ONE_DISK, False)])
def test_a_rung_that_could_not_suffice_is_not_ready(replication: Replication, *, ready: bool) -> None:
    look = seen(
        spec=with_rung(GATEWAY, replication=replication),
        devices=(DeviceSeen("a", "cut", "gateway", "on", identity=ADDRESS),),
    )

    assert fencing_ready(look, "a") is ready


def test_what_a_rung_leaves_is_named_when_the_resource_is_applied() -> None:
    refused = refused_spec(with_rung(GATEWAY, of=applied(), replication=ONE_DISK), has_agent=lambda _: True)

    assert refused is not None
    assert refused.reason is Reason.INVALID_SPEC
    assert "spec.nodes[a].fencing[cut].devices: together they leave the node its shared data" in refused.message


def test_a_gateway_has_to_isolate_the_address_that_clients_are_sent_to() -> None:
    other = GATEWAY.model_copy(update={"identity": "192.0.2.99"})
    refused = refused_spec(with_rung(other, of=applied()), has_agent=lambda _: True)

    assert refused is not None
    assert f"no gateway isolates {applied().node('a').address}" in refused.message


def test_isolation_without_anybody_who_looks_from_outside_is_refused() -> None:
    alone = Detection(vantage_points=(VantagePoint(operator=Empty()),))
    own = GATEWAY.model_copy(update={"identity": applied().node("a").address})
    refused = refused_spec(with_rung(own, of=applied(), detection=alone), has_agent=lambda _: True)

    assert refused is not None
    assert refused.message.startswith("spec.detection.vantagePoints: a node that is isolated must be seen from outside")


def test_one_router_may_serve_both_nodes() -> None:
    parameters = {"ip": "192.0.2.1", "username": "maestro", "host_key": "ssh-ed25519 AAAA"}
    spec = applied()
    nodes = tuple(
        node.model_copy(
            update={
                "fencing": (
                    FencingRung(
                        name="cut",
                        devices=(FencingDevice(agent="gateway", identity=node.address, parameters=parameters),),
                    ),
                )
            }
        )
        for node in spec.nodes
    )

    assert refused_spec(spec.model_copy(update={"nodes": nodes}), has_agent=lambda _: False) is None


# ---------------------------------------------------------------- what a gateway is given


def _told(**changes: str | None) -> tuple[FencingDevice, dict[str, bytes]]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    told: dict[str, str | None] = {
        "ip": "192.0.2.1",
        "username": "maestro",
        "host_key": key.export_public_key().decode().strip(),
        **changes,
    }
    parameters = {name: value for name, value in told.items() if value is not None and name != "key"}
    secret = {"ssh-privatekey": key.export_private_key()} if changes.get("key", "") == "" else {}
    return _device(parameters), secret


def _device(parameters: dict[str, str]) -> FencingDevice:
    return FencingDevice(agent="gateway", identity=parameters.pop("identity", ADDRESS), parameters=parameters)


def test_a_gateway_is_given_an_address_a_user_a_host_key_and_a_private_key() -> None:
    device, secret = _told()

    assert set(given(device, secret).parameters) == {"ip", "username", "host_key", "ssh_privatekey"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ip": None}, "set the parameter ip"),
        ({"username": None}, "set the parameter username"),
        ({"host_key": "nonsense"}, "host_key is no public key"),
        ({"ip": "router.example.org"}, "the parameter ip must be an IPv4 address"),
        ({"identity": "node-a"}, "identity must be an IPv4 address"),
        ({"ipport": "ssh"}, "ipport is no port"),
        ({"plug": "3"}, "remove the parameter plug"),
        ({"key": None}, "a gateway needs a Secret with ssh-privatekey"),
    ],
)
def test_what_a_gateway_cannot_be_used_with_is_named(changes: dict[str, str | None], said: str) -> None:
    device, secret = _told(**changes)

    with pytest.raises(ValueError, match=said):
        given(device, secret)


def test_a_key_that_cannot_be_used_is_named_without_a_word_of_it() -> None:
    device, _ = _told()

    with pytest.raises(ValueError, match="is no key without a passphrase") as refusal:
        given(device, {"ssh-privatekey": b"hunter2"})

    assert "hunter2" not in str(refusal.value)
