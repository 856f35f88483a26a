"""What an entry of traffic, of localise and of the vantage points is, whatever its form."""

from typing import Any

import pytest

from maestro_operator.model.claims import claims_of
from maestro_operator.model.detection import Witness
from maestro_operator.model.localise import Localise
from maestro_operator.model.resource import Ssh
from maestro_operator.model.traffic import Traffic
from support.worlds import pair_spec

pytestmark = pytest.mark.unit

SSH = {"host": "gw.example.net", "hostKey": "ssh-ed25519 gw", "credentialsSecret": {"name": "gw"}}
FLOATING = {"name": "address", "floatingAddress": {"address": "10.77.0.99", "prefixLength": 24, "interface": "eth0"}}
NAT = {"name": "gateway", "nat": {"address": "192.0.2.1", "ssh": SSH}}
SERVICE = {"name": "service", "endpointSlice": {"service": "lists", "ports": [{"name": "http", "port": 80}]}}
EXTERNAL = {"name": "outside", "externalDNS": {"names": ["Lists.example.org."]}}
COMMAND = {"name": "script", "command": {"ssh": SSH, "read": ["where"], "move": ["to", "{{ address }}"]}}
NAMES: dict[str, Any] = {
    "name": "names",
    "dns": {"servers": ["10.77.0.53"], "zone": "example.org", "names": ["m.example.org"], "tsigSecret": {"name": "t"}},
}


def traffic(entry: dict[str, Any]) -> Traffic:
    return Traffic.model_validate(entry)


@pytest.mark.parametrize(
    ("entry", "claims"),
    [
        (FLOATING, {"host 10.77.0.99": "spec.traffic[address].floatingAddress.address"}),
        (NAT, {"translation of 192.0.2.1 on gw.example.net": "spec.traffic[gateway].nat.address"}),
        (SERVICE, {"service lists": "spec.traffic[service].endpointSlice.service"}),
        (EXTERNAL, {"name lists.example.org": "spec.traffic[outside].externalDNS.names"}),
        (COMMAND, {}),
    ],
    ids=("floating", "nat", "service", "external-dns", "command"),
)
def test_what_points_clients_at_a_pair_is_claimed_so_that_no_other_pair_moves_it(
    entry: dict[str, Any], claims: dict[str, str]
) -> None:
    plain = claims_of(pair_spec(traffic=()))

    assert claims_of(pair_spec(traffic=(traffic(entry),))) == {**plain, **claims}


@pytest.mark.parametrize(
    ("entry", "host"),
    [(NAT, "gw.example.net"), (COMMAND, "gw.example.net"), (FLOATING, None), (NAMES, None)],
    ids=("nat", "command", "floating", "dns"),
)
def test_an_entry_that_is_kept_on_a_third_host_names_it(entry: dict[str, Any], host: str | None) -> None:
    kept = traffic(entry).host

    assert (kept.host if kept else None) == host


def test_updates_go_to_the_primaries_and_without_any_to_the_first_server() -> None:
    alone, told = traffic(NAMES).dns, traffic({**NAMES, "dns": {**NAMES["dns"], "primaries": ["10.77.0.54"]}}).dns

    assert alone is not None
    assert told is not None
    assert alone.takes_updates == ("10.77.0.53",)
    assert told.takes_updates == ("10.77.0.54",)


def test_names_are_lowered_only_where_the_entry_says_so() -> None:
    lowered = {**NAMES, "dns": {**NAMES["dns"], "loweredTtlSeconds": 5}}

    assert traffic(lowered).lowered_ttl_seconds == 5
    assert traffic(NAMES).lowered_ttl_seconds is None
    assert traffic(FLOATING).lowered_ttl_seconds is None


def test_an_entry_gives_clients_an_address_of_its_own_where_it_has_one() -> None:
    entry = traffic({**NAMES, "addresses": {"a": "198.51.100.1"}})

    assert entry.address_for("a", "10.77.0.11") == "198.51.100.1"
    assert entry.address_for("b", "10.77.0.12") == "10.77.0.12"


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ({"properties": {"file": "/opt/lui.ini", "set": {"a": "b"}}}, "/opt/lui.ini"),
        ({"siteConfiguration": {"file": "/home/go.user", "set": {"A": "b"}}}, "/home/go.user"),
        ({"relayRules": {"file": "/etc/relay", "lines": ["{{ node.address }}"]}}, "/etc/relay"),
        ({"aliases": {"file": "/etc/aliases", "lines": ["x: y"]}}, "/etc/aliases"),
        ({"firewallSet": {"table": "filter", "set": "peers", "elements": ["{{ peer.address }}"]}}, None),
    ],
    ids=("properties", "site configuration", "relay rules", "aliases", "firewall set"),
)
def test_what_is_edited_on_the_node_that_takes_over_names_its_file(form: dict[str, Any], file: str | None) -> None:
    entry = Localise.model_validate({"name": "it", **form})

    assert entry.file == file
    assert entry.is_settled


def test_a_pin_of_names_is_no_file_that_is_edited() -> None:
    pin = Localise.model_validate({"name": "pins", "hostsPin": {"names": ["m.example.org"]}})

    assert pin.file is None
    assert not pin.is_settled


def test_a_witness_is_reached_as_a_node_is() -> None:
    witness = Witness.model_validate({"name": "w", **SSH})

    assert witness.ssh == Ssh.model_validate({**SSH, "port": 22, "user": "maestro"})
