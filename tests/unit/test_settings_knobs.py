"""The operator's knobs: each read from its variable, refused with its name, and told to readers as it is."""

import dataclasses
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from maestro_operator.model.addresses import AddressPolicy
from maestro_operator.model.errors import BadInput
from maestro_operator.model.shards import Shard
from maestro_operator.settings import KNOBS, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"

DEFAULTS = Settings(
    kubeconfig=None,
    watch_namespace=None,
    lease_namespace="maestro-system",
    lease_name="maestro-operator",
    lease_seconds=15,
    shard=Shard(),
    listen_address="0.0.0.0",
    listen_port=8080,
    relist_seconds=120,
    fence_agents=Path("/usr/sbin"),
    addresses=AddressPolicy(),
    status_page_port=None,
    status_page_address="127.0.0.1",
    log_level="INFO",
)


def test_nothing_set_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == DEFAULTS


def test_a_variable_that_is_set_to_nothing_counts_as_unset() -> None:
    assert Settings.from_environment({knob.variable: "" for knob in KNOBS}) == DEFAULTS


def test_every_knob_turns_something() -> None:
    chosen = {
        "MAESTRO_KUBECONFIG": "/etc/kubeconfig",
        "MAESTRO_WATCH_NAMESPACE": "lists",
        "MAESTRO_LEASE_NAMESPACE": "home",
        "MAESTRO_LEASE_NAME": "mine",
        "MAESTRO_LEASE_SECONDS": "30",
        "MAESTRO_SHARD": "2/3",
        "MAESTRO_LISTEN_ADDRESS": "127.0.0.1",
        "MAESTRO_LISTEN_PORT": "0",
        "MAESTRO_RELIST_SECONDS": "60",
        "MAESTRO_FENCE_AGENTS": "/opt/agents",
        "MAESTRO_ALLOWED_ADDRESSES": "127.0.0.0/8, fe80::1",
        "MAESTRO_STATUS_PAGE_PORT": "8081",
        "MAESTRO_STATUS_PAGE_ADDRESS": "0.0.0.0",
        "MAESTRO_LOG_LEVEL": "DEBUG",
    }
    assert set(chosen) == {knob.variable for knob in KNOBS}

    settings = Settings.from_environment(chosen)

    shown = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    assert shown.pop("addresses") == AddressPolicy((ip_network("127.0.0.0/8"), ip_network("fe80::1/128")))
    assert shown.pop("lease_name") == "mine-2-of-3"
    del chosen["MAESTRO_ALLOWED_ADDRESSES"], chosen["MAESTRO_LEASE_NAME"]
    assert [str(value) for value in shown.values()] == list(chosen.values())


def test_two_shares_never_wait_for_one_lease() -> None:
    shares = [f"{number}/{count}" for count in (1, 2, 3, 12) for number in range(1, count + 1)]

    names = {Settings.from_environment({"MAESTRO_SHARD": share}).lease_name for share in shares}

    assert len(names) == len(shares)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MAESTRO_LEASE_SECONDS", "11"),
        ("MAESTRO_LEASE_SECONDS", "15s"),
        ("MAESTRO_LEASE_SECONDS", "-15"),
        ("MAESTRO_LEASE_SECONDS", "3601"),
        ("MAESTRO_SHARD", "3/2"),
        ("MAESTRO_LISTEN_PORT", "65536"),
        ("MAESTRO_RELIST_SECONDS", "0"),
        ("MAESTRO_LOG_LEVEL", "loud"),
        ("MAESTRO_ALLOWED_ADDRESSES", "localhost"),
    ],
)
def test_a_value_the_knob_does_not_take_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(BadInput, match=rf"^{variable}: write .*{re.escape(repr(value))}"):
        Settings.from_environment({variable: value})


def test_the_page_has_every_knob_with_its_default_and_its_words() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:`([^`]*)`|\(unset\)) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)

    assert rows == [(knob.variable, knob.default, knob.effect) for knob in KNOBS]
