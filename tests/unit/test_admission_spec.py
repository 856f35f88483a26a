"""What the schema lets through and the operator refuses: the field, and what to write."""

from __future__ import annotations

from typing import Any

import pytest

from maestro_operator.admission.patterns import fault_of_pattern
from maestro_operator.admission.spec import refused_address, refused_spec
from maestro_operator.model.addresses import AddressPolicy, networks_of
from maestro_operator.model.pair import PairSpec
from maestro_operator.model.reasons import Reason
from support.manifests import changed, example

pytestmark = pytest.mark.unit
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
RESOLVERS = {"name": "names", "names": {"names": ["lists.example.org"], "resolvers": ["192.0.2.53", "127.0.0.53"]}}
MAILING = {
    "name": "mail",
    "mailing": {
        "subject": "x",
        "smtp": {"sender": "a@example.org", "recipient": "b@example.org"},
        "mailbox": {"host": "127.0.0.1", "secret": {"name": "x"}},
    },
}
DEVICES = "spec.nodes.1.fencing.1.devices.0"


def but(*changes: tuple[str, Any]) -> PairSpec:
    """Return the example's spec with changes."""
    (pair,) = example("maestro-linux.yaml")
    for path, value in changes:
        pair = changed(pair, path, value)
    return PairSpec.model_validate(pair["spec"])


def of_a(path: str) -> Any:  # noqa: ANN401
    """Return what the example says at a place of node a."""
    (pair,) = example("maestro-linux.yaml")
    found: Any = pair["spec"]["nodes"][0]
    for word in path.split("."):
        found = found[int(word)] if isinstance(found, list) else found[word]
    return found


def test_the_example_is_refused_by_nobody() -> None:
    assert refused_address(but(), AddressPolicy()) is None
    assert refused_spec(but(), has_agent=lambda _: True) is None


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("spec.nodes.0.address", "127.0.0.1", "spec.nodes[a].address"),
        ("spec.nodes.0.ssh.host", "169.254.169.254", "spec.nodes[a].ssh.host"),
        ("spec.traffic.0.dns.servers", ["192.0.2.53", "::1"], "spec.traffic[dns].dns.servers"),
        (f"{DEVICES}.parameters.ip", "127.0.0.1", "parameters.ip"),
        ("spec.verification.0", RESOLVERS, "spec.verification[names].names.resolvers"),
        ("spec.verification.0", MAILING, "spec.verification[mail].mailing.mailbox.host"),
        (f"{DEVICES}.parameters.ip", "127.0.0.1:623", "parameters.ip"),
        (f"{DEVICES}.parameters.ipaddr", "[fe80::1]", "parameters.ipaddr"),
    ],
)
def test_an_address_that_leads_to_the_operator_itself_is_refused_unless_allowed(
    path: str, value: object, field: str
) -> None:
    spec = but((path, value))

    barred = refused_address(spec, AddressPolicy())

    assert barred is not None
    assert barred.reason is Reason.ADDRESS_REFUSED
    assert barred.forbids_contact
    assert f"{field}: " in barred.message
    assert "write an address of the network, or allow it by MAESTRO_ALLOWED_ADDRESSES" in barred.message
    everything = AddressPolicy(networks_of("127.0.0.0/8,169.254.0.0/16,fe80::/10,::1"))
    assert refused_address(spec, everything) is None


@pytest.mark.parametrize(
    ("changes", "reason", "field", "remedy"),
    [
        (
            [("spec.nodes.0.ssh.hostKey", f"{OTHER} one"), ("spec.nodes.1.ssh.hostKey", f"{OTHER} two")],
            Reason.NODES_INDISTINCT,
            "spec.nodes[b].ssh.hostKey",
            "make a new host key on one of them",
        ),
        (
            [("spec.nodes.0.ssh.hostKey", "ssh-ed25519 AAAA")],
            Reason.NODES_INDISTINCT,
            "spec.nodes[a].ssh.hostKey",
            "write what ssh-keyscan prints",
        ),
        (
            [("spec.nodes.0.ssh.host", "2001:db8::1"), ("spec.nodes.1.ssh.host", "2001:db8:0::1")],
            Reason.NODES_INDISTINCT,
            "spec.nodes[b].ssh.host",
            "write each node's own",
        ),
        (
            [("spec.replication.rsync.paths", ["/srv/a$b"])],
            Reason.INVALID_SPEC,
            "live of node a",
            "characters the guard does not read",
        ),
        (
            [("spec.services.0.readiness", [{"http": {"pattern": "[unclosed"}}])],
            Reason.INVALID_SPEC,
            "spec.services[mariadb].readiness.http.pattern",
            "write a simpler pattern",
        ),
        (
            [("spec.detection.probes", [{"http": {"pattern": "(a+)+$"}}])],
            Reason.INVALID_SPEC,
            "spec.detection.probes.http.pattern",
            "may take for ever",
        ),
        (
            [("spec.verification.0", {"name": "log", "log": {"path": "/x", "ok": ["fine"], "fail": ["(x"]}})],
            Reason.INVALID_SPEC,
            "spec.verification[log].log.fail",
            "write a simpler pattern",
        ),
        (
            [("spec.verification.0", {"name": "web", "http": {"pattern": "*"}})],
            Reason.INVALID_SPEC,
            "spec.verification[web].http.pattern",
            "write a simpler pattern",
        ),
        (
            [(f"{DEVICES}.parameters", of_a("fencing.1.devices.0.parameters"))],
            Reason.INVALID_SPEC,
            "spec.nodes[b].fencing[bmc].devices",
            "write the address of b's own",
        ),
    ],
)
def test_a_fault_is_named_with_its_field_and_what_to_write(
    changes: list[tuple[str, Any]], reason: Reason, field: str, remedy: str
) -> None:
    barred = refused_spec(but(*changes), has_agent=lambda _: True)

    assert barred is not None
    assert barred.reason is reason
    assert field in barred.message
    assert remedy in barred.message


def test_a_name_that_stands_in_two_traffic_entries_is_refused() -> None:
    (pair,) = example("maestro-linux.yaml")
    entry = {**pair["spec"]["traffic"][0], "name": "again"}

    barred = refused_spec(but(("spec.traffic.1", entry)), has_agent=lambda _: True)

    assert barred is not None
    assert barred.message.startswith("spec.traffic[again].dns.names: ")


def test_an_agent_that_the_operator_does_not_have_is_refused() -> None:
    barred = refused_spec(but(), has_agent=lambda name: name != "fence_ipmilan")

    assert barred is None or "no agent fence_ipmilan" in barred.message
    nothing = refused_spec(but(), has_agent=lambda _: False)
    assert nothing is not None
    assert "write one that it has" in nothing.message


def test_two_devices_of_one_rung_that_cannot_be_told_apart_are_refused() -> None:
    twin = of_a("fencing.1.devices.0")

    barred = refused_spec(but(("spec.nodes.0.fencing.1.devices", [twin, twin])), has_agent=lambda _: True)

    assert barred is not None
    assert "two devices of rung" in barred.message


@pytest.mark.parametrize("pattern", ["LISTSERV Maestro", "a.*b", "SEVERE|ERROR", "^x{1,3}$", "(?i)ready", "[^a]+b+"])
def test_a_plain_pattern_may_be_used(pattern: str) -> None:
    assert fault_of_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+b", "repeats what itself repeats"),
        ("((?:x|y*)z)*", "repeats what itself repeats"),
        ("(?=(.*)*)x", "repeats what itself repeats"),
        (r"(a)\1", "refers back"),
        ("(a)(?(1)b|c)", "refers back"),
        (".*.*.*.*x", "4 times"),
        ("(", "is no pattern"),
        ("a{99999999999}", "is no pattern"),
    ],
)
def test_a_pattern_that_may_hold_everybody_up_is_refused(pattern: str, why: str) -> None:
    assert why in (fault_of_pattern(pattern) or "")


def test_names_are_looked_up_at_the_node_and_at_witnesses_alone() -> None:
    office = {"name": "office", "host": "192.0.2.9", "hostKey": OTHER, "credentialsSecret": {"name": "office"}}

    def told(*places: str) -> str:
        names = {**RESOLVERS["names"], "resolvers": ["192.0.2.53"], "vantagePoints": list(places)}  # type: ignore[dict-item]
        spec = but(
            ("spec.verification", [{"name": "names", "names": names}]),
            ("spec.detection.vantagePoints", [{"operator": {}}, {"ssh": office}]),
        )
        found = refused_spec(spec, has_agent=lambda _: True)
        return found.message if found else ""

    assert told("node", "office") == ""
    assert "spec.verification[names].names.vantagePoints: home is neither node nor an ssh witness" in told("home")


@pytest.mark.parametrize(
    ("one", "other", "is_refused"),
    [
        ({}, {}, True),
        ({}, {"servers": ["192.0.2.54"]}, False),
        ({}, {"signQuestions": True}, False),
        ({"signQuestions": True}, {"signQuestions": True}, True),
        ({"signQuestions": True}, {"signQuestions": True, "tsigSecret": {"name": "outside"}}, False),
        ({}, {"tsigSecret": {"name": "outside"}}, True),
    ],
)
def test_a_name_stands_in_two_entries_only_where_they_are_two_views(
    one: dict[str, object],
    other: dict[str, object],
    is_refused: bool,  # noqa: FBT001
) -> None:
    kept = {"servers": ["192.0.2.53"], "zone": "example.org", "names": ["a.example.org"], "tsigSecret": {"name": "in"}}
    spec = but(("spec.traffic", [{"name": "x", "dns": kept | one}, {"name": "y", "dns": kept | other}]))

    found = refused_spec(spec, has_agent=lambda _: True)

    assert (found is not None) is is_refused
    if found is not None:
        assert "a.example.org stands in traffic x too" in found.message
