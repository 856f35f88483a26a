"""What an agent's metadata allows to be written in a resource, and how a slip is named."""

import pytest

from maestro_operator.drivers.fencing.believed import IDENTITY_BY_DEVICE, REFUSED_AGENTS, SECOND_READER
from maestro_operator.drivers.fencing.ipmi import names_of, quietly
from maestro_operator.drivers.fencing.metadata import complaint, parsed

DOCUMENT = """/usr/sbin/fence_fake:5: DeprecationWarning: 'pipes' is deprecated
  from pipes import quote
<?xml version="1.0" ?>
<resource-agent name="fence_fake" shortdesc="A fake">
<parameters>
  <parameter name="action" required="1"><content type="string" default="reboot"/></parameter>
  <parameter name="ip" required="1" obsoletes="ipaddr"><content type="string"/></parameter>
  <parameter name="ipaddr" required="1" deprecated="1"><content type="string"/></parameter>
  <parameter name="ipport" required="0"><content type="integer" default="623"/></parameter>
  <parameter name="power_timeout" required="0"><content type="second" default="20"/></parameter>
  <parameter name="lanplus" required="0"><content type="boolean" default="0"/></parameter>
  <parameter name="auth" required="0"><content type="select"><option value="md5"/>
    <option value="none"/></content></parameter>
  <parameter name="auth-url" required="0"><content type="string"/></parameter>
  <parameter name="vmtype" required="1"><content type="string" default="qemu"/></parameter>
</parameters>
<actions><action name="on"/><action name="off"/><action name="status"/></actions>
</resource-agent>
"""
METADATA = parsed(DOCUMENT)


def said_of(**told: str) -> str | None:
    return complaint("fence_fake", METADATA, {"ip": "192.0.2.9", **told}, from_secret=())


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"ipport": "623", "power_timeout": "60", "lanplus": "1", "auth": "md5", "auth_url": "x", "vmtype": "lxc"},
        {"lanplus": "false"},
        {"lanplus": "On"},
    ],
)
def test_what_the_agent_takes_is_accepted(told: dict[str, str]) -> None:
    assert said_of(**told) is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"lanpluss": "1"},
            "parameters.lanpluss: fence_fake has no such parameter and would ignore it; did you mean lanplus?",
        ),
        ({"zone": "x"}, "parameters.zone: fence_fake has no such parameter and would ignore it; take it out"),
        ({"ipport": "sixty"}, "parameters.ipport: fence_fake takes a whole number, not 'sixty'"),
        ({"power_timeout": "20s"}, "parameters.power_timeout: fence_fake takes a whole number, not '20s'"),
        ({"lanplus": "maybe"}, 'parameters.lanplus: fence_fake takes true or false: write "1" or "0", not \'maybe\''),
        ({"auth": "sha1"}, "parameters.auth: fence_fake takes one of md5, none, not 'sha1'"),
        ({"ip": ""}, "parameters.ip is missing: fence_fake needs it; write it in parameters or in the Secret"),
    ],
)
def test_a_slip_is_named_with_field_and_remedy(told: dict[str, str], said: str) -> None:
    assert said_of(**told) == said


def test_a_slip_in_a_secret_is_named_without_its_value() -> None:
    found = complaint("fence_fake", METADATA, {"ip": "x", "lanplus": "s3cret"}, from_secret=["lanplus"])
    assert found == 'the Secret\'s lanplus: fence_fake takes true or false: write "1" or "0"'


def test_an_agent_that_cannot_switch_off_or_say_so_is_refused() -> None:
    resets = parsed('<resource-agent name="x"><actions><action name="reboot"/></actions></resource-agent>')
    assert complaint("fence_x", resets, {}, from_secret=()) is not None


@pytest.mark.parametrize("text", ["", "Status: OFF", "<resource-agent name='x'><open></resource-agent>"])
def test_what_is_no_metadata_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match="metadata"):
        parsed(text)


def test_a_guid_is_the_machines_in_every_order_that_makers_write_it_in() -> None:
    as_read = bytes.fromhex("efcdab89674523a1efcdab89674523a1")
    assert names_of(as_read) == (
        "efcdab89-6745-23a1-efcd-ab89674523a1",
        "89abcdef-4567-a123-efcd-ab89674523a1",
        "a1234567-89ab-cdef-a123-456789abcdef",
    )


@pytest.mark.parametrize("guid", [bytes(16), b"\xff" * 16, b"", b"\x01" * 15])
def test_a_controller_without_a_guid_of_its_own_names_no_machine(guid: bytes) -> None:
    assert names_of(guid) == ()


def test_an_ipmi_password_goes_to_the_environment_and_every_other_one_to_standard_input() -> None:
    told, environment = quietly("fence_ipmilan", {"ip": "x", "password": "s3cret"})
    assert "s3cret" not in told.values()
    assert told["ipmitool_path"].endswith("ipmitool_quiet.py")
    assert environment == {"IPMI_PASSWORD": "s3cret"}
    assert quietly("fence_apc", {"password": "s3cret"}) == ({"password": "s3cret"}, {})


def test_no_agent_is_both_refused_and_believed() -> None:
    assert not set(REFUSED_AGENTS) & (set(SECOND_READER) | set(IDENTITY_BY_DEVICE))
