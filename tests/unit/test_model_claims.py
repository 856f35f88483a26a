"""What a pair claims, and who comes first."""

import pytest

from maestro_operator.model.claims import Claimant, claims_held, claims_of, host_claim
from maestro_operator.model.pair import PairKey
from support.worlds import pair_spec

pytestmark = pytest.mark.unit


def claimant(name: str, *, created_at: str, holds: frozenset[str] = frozenset()) -> Claimant:
    key = PairKey(namespace="lists", name=name, uid=name)
    return Claimant(key=key, created_at=created_at, wants=frozenset(), holds=holds)


def test_a_pair_claims_its_hosts_addresses_devices_and_names_each_with_its_field() -> None:
    assert claims_of(pair_spec()) == {
        "host ssh-a.example.net": "spec.nodes[a].ssh.host",
        "host 10.77.0.11": "spec.nodes[a].address",
        "device machine-a": "spec.nodes[a].fencing[bmc].devices",
        "host ssh-b.example.net": "spec.nodes[b].ssh.host",
        "host 10.77.0.12": "spec.nodes[b].address",
        "device machine-b": "spec.nodes[b].fencing[bmc].devices",
        "name maestro.example.org": "spec.traffic[names].dns.names",
    }


def test_what_a_pair_holds_has_its_machines_beside() -> None:
    held = claims_held(pair_spec(), ["m1", None])

    assert "machine m1" in held
    assert list(held) == sorted(held)
    assert len(held) == 1 + len(claims_of(pair_spec()))


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:0:0::1", "2001:db8::1"), ("LISTS.example.org", "lists.example.org."), ("[::1]", "::1")],
)
def test_one_host_is_one_claim_however_it_is_written(one: str, other: str) -> None:
    assert host_claim(one) == host_claim(other)


def test_who_holds_comes_before_who_was_created_first_and_that_before_the_uid() -> None:
    holder = claimant("z", created_at="2026-03-01", holds=frozenset({"host h"}))
    older, newer, twin = (
        claimant(name, created_at=at) for name, at in (("m", "2026-01-01"), ("b", "2026-02-01"), ("a", "2026-02-01"))
    )

    queue = sorted((newer, twin, older, holder), key=lambda one: one.rank("host h"))

    assert [one.key.name for one in queue] == ["z", "m", "a", "b"]
    assert holder.rank("host other") > older.rank("host other")
