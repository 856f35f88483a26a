"""Which addresses a pair may not lead the operator to, and how the settings allow them."""

import pytest

from maestro_operator.model.addresses import AddressPolicy, networks_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "a loopback address"),
        ("127.255.1.2", "a loopback address"),
        ("::1", "a loopback address"),
        ("[::1]", "a loopback address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("64:ff9b::7f00:1", "a loopback address"),
        ("2002:7f00:1::", "a loopback address"),
        ("169.254.10.10", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("169.254.169.254", "a cloud's metadata address"),
        ("::ffff:169.254.169.254", "a cloud's metadata address"),
        ("fd00:ec2::254", "a cloud's metadata address"),
        ("100.100.100.200", "a cloud's metadata address"),
        ("0.0.0.0", "an unspecified address"),
        ("0.1.2.3", "an unspecified address"),
        ("::", "an unspecified address"),
        ("255.255.255.255", "an unspecified address"),
        ("224.0.0.251", "a multicast address"),
        ("ff02::1", "a multicast address"),
    ],
)
def test_an_address_of_the_operator_itself_is_refused_however_it_is_written(address: str, kind: str) -> None:
    assert AddressPolicy().why_not(address) == kind


@pytest.mark.parametrize("word", ["10.77.0.11", "192.0.2.10", "2001:db8::1", "fd12::1", "lists-a.example.org"])
def test_an_address_of_a_network_and_a_name_may_be_used(word: str) -> None:
    assert AddressPolicy().why_not(word) is None


def test_the_settings_allow_networks_and_no_more() -> None:
    policy = AddressPolicy(networks_of("127.77.0.0/16, ::1,"))

    assert policy.why_not("127.77.1.2") is None
    assert policy.why_not("::ffff:127.77.1.2") is None
    assert policy.why_not("::1") is None
    assert policy.why_not("127.0.0.1") == "a loopback address"
