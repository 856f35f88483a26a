"""What a fence device may be told, what it is believed, and what of it may be seen."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.model.status import FrozenNode

pytestmark = pytest.mark.timeout(30)

NAMES = ("plug", "ip", "ipport", "username", "password", "systems_uri", "ssl_insecure", "cipher", "lanplus")
METADATA = (
    '<?xml version="1.0" ?><resource-agent name="fence_fake"><parameters>'
    + "".join(f'<parameter name="{name}" required="0"><content type="string"/></parameter>' for name in NAMES)
    + "</parameters><actions>"
    + "".join(f'<action name="{name}"/>' for name in ("off", "status", "metadata"))
    + "</actions></resource-agent>"
)
RECORDS = """#!/usr/bin/python3
import json, sys
told = sys.stdin.read().splitlines()
if "action=metadata" in told:
    sys.exit(print({metadata!r}) or 0)
with open({log!r}, "a") as log:
    log.write(json.dumps(dict(line.split("=", 1) for line in told)) + "\\n")
action = next(line.split("=", 1)[1] for line in told if line.startswith("action="))
print({words!r})
sys.exit({status} if action == "status" else 0)
"""
SSH = Ssh(host="192.0.2.1", host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="a-ssh"))


class Bench:
    """A folder of agents that write down what they are told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "told.jsonl"
        self.secret: Mapping[str, bytes] | Exception = {"password": b"s3cret\n"}
        self.clock = MemoryClock()
        self.fencing = AgentFencing(namespace="pairs", folder=folder, secrets=self._secrets, clock=self.clock)

    def write(self, name: str, *, words: str = "Status: OFF", status: int = 2) -> None:
        self.write_text(name, RECORDS.format(log=str(self.log), words=words, status=status, metadata=METADATA))

    def write_shell(self, name: str, text: str) -> None:
        """Writes an agent in shell that knows its metadata; the action stands in `$told`."""
        (self.folder / "metadata.xml").write_text(METADATA)
        says = f'told=$(cat)\ncase "$told" in *action=metadata*) cat {self.folder}/metadata.xml; exit 0;; esac\n'
        self.write_text(name, f"#!/bin/sh\n{says}{text}")

    def write_text(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def told(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    async def off(self, *devices: FencingDevice) -> Outcome:
        return await self.fencing.off(node(*devices), rung="pdu", deadline_seconds=20)

    async def _secrets(self, namespace: str, name: str) -> Mapping[str, bytes]:
        assert (namespace, name) == ("pairs", "a-pdu")
        if isinstance(self.secret, Exception):
            raise self.secret
        return self.secret


def node(*devices: FencingDevice) -> FrozenNode:
    rungs = (FencingRung(name="graceful"), FencingRung(name="pdu", devices=devices))
    return FrozenNode(name="a", address="192.0.2.1", ssh=SSH, fencing=rungs)


def device(agent: str = "fence_apc", identity: str = "outlet 7", **parameters: str) -> FencingDevice:
    return FencingDevice(
        agent=agent, identity=identity, parameters={"plug": "7", **parameters}, secret=SecretReference(name="a-pdu")
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.write("fence_apc")
    return bench


# ---------------------------------------------------------------- the order and the readings


async def test_off_is_ordered_once_and_read_twice_at_least_two_seconds_apart_by_processes_of_their_own(
    bench: Bench,
) -> None:
    outcome = await bench.off(device())
    assert [told["action"] for told in bench.told()] == ["off", "status", "status"]
    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    first, second = outcome.evidence.readings
    assert (first.state, second.state) == ("off", "off")
    assert second.at_seconds - first.at_seconds >= 2
    assert first.process != second.process


async def test_off_is_ordered_of_what_is_off_already(bench: Bench) -> None:
    for _ in range(2):
        assert isinstance(await bench.off(device()), Done)
    assert [told["action"] for told in bench.told()].count("off") == 2


async def test_every_device_of_a_rung_is_switched_off_and_read(bench: Bench) -> None:
    outcome = await bench.off(device(identity="outlet 7"), device(identity="outlet 8", plug="8"))
    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    assert outcome.evidence.devices == ("outlet 7", "outlet 8")
    assert sorted(reading.identity for reading in outcome.evidence.readings) == ["outlet 7"] * 2 + ["outlet 8"] * 2
    assert sorted(told["plug"] for told in bench.told() if told["action"] == "off") == ["7", "8"]


async def test_two_devices_that_could_pass_for_each_other_are_refused(bench: Bench) -> None:
    outcome = await bench.off(device(plug="7"), device(plug="8"))
    assert isinstance(outcome, Refused)
    assert bench.told() == []
    seen = await bench.fencing.check(node(device(plug="7"), device(plug="8")))
    assert [type(item) for item in seen] == [Unknown, Unknown]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("/usr/bin/python3: can't open file 'fence_apc': [Errno 24] Too many open files", 2),
        ("Status: ON", 2),
        ("Status: OFF", 0),
        ("Status: OFF", 1),
        ("4.12.1", 0),
        ("", 2),
    ],
)
async def test_a_status_without_its_words_or_words_without_their_status_are_unknown(
    bench: Bench, words: str, status: int
) -> None:
    bench.write("fence_apc", words=words, status=status)
    outcome = await bench.off(device())
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.DEVICE_FAILED
    (seen,) = await bench.fencing.check(node(device()))
    assert isinstance(seen, Unknown)


async def test_on_is_evidence_that_proves_nothing_and_is_kept(bench: Bench) -> None:
    bench.write("fence_apc", words="Status: ON", status=0)
    outcome = await bench.off(device())
    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    assert [reading.state for reading in outcome.evidence.readings] == ["on", "on"]


async def test_a_check_orders_nothing(bench: Bench) -> None:
    (seen,) = await bench.fencing.check(node(device()))
    assert isinstance(seen, DeviceSeen)
    assert (seen.node, seen.rung, seen.device, seen.state) == ("a", "pdu", "fence_apc", "off")
    assert (seen.identity, seen.tells_identity) == ("outlet 7", False)
    assert [told["action"] for told in bench.told()] == ["status"]


async def test_an_agent_that_hangs_leaves_time_for_the_readings(bench: Bench) -> None:
    bench.write_shell("fence_apc", 'case "$told" in *action=off*) sleep 60;; esac\necho "Status: ON"\n')
    outcome = await bench.fencing.off(node(device()), rung="pdu", deadline_seconds=6)
    assert isinstance(outcome, Done), outcome
    assert "killed at its deadline" in outcome.facts["said"]


async def test_a_rung_that_is_not_there_switches_nothing(bench: Bench) -> None:
    for rung in ("graceful", "ipmi"):
        assert isinstance(await bench.fencing.off(node(device()), rung=rung, deadline_seconds=5), Refused)
    assert bench.told() == []


# ---------------------------------------------------------------- what a device may be told


@pytest.mark.parametrize(
    "name",
    [
        *("action", "method", "missing_as_off", "missing-as-off", "delay", "power-wait", "port_as_ip", "help"),
        *("version", "password_script", "passwd-script", "ssh_options", "ipmitool_path", "debug_file", "debug"),
    ],
)
async def test_a_parameter_that_makes_an_agent_say_run_or_write_something_else_is_refused(
    bench: Bench, name: str
) -> None:
    outcome = await bench.off(device(**{name: "1"}))
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.INVALID_SPEC
    assert bench.told() == []


@pytest.mark.parametrize("name", ["plug", "port", "action", "missing-as-off"])
async def test_a_secret_cannot_lead_an_agent_elsewhere(bench: Bench, name: str) -> None:
    bench.secret = {"password": b"s3cret", name: b"on"}
    outcome = await bench.off(device())
    assert isinstance(outcome, Refused)
    assert bench.told() == []


@pytest.mark.parametrize(
    ("agent", "parameters"),
    [
        ("fence_pve", {}),
        ("fence_vmware_rest", {}),
        ("fence_dummy", {}),
        ("../fence_apc", {}),
        ("fence_apc", {"plug": ""}),
        ("fence_ipmilan", {"ip": ""}),
        ("fence_redfish", {"ip": "192.0.2.9"}),
        ("fence_redfish", {"ip": "192.0.2.9", "systems_uri": "@192.0.2.10/redfish/v1/Systems/1"}),
        ("fence_redfish", {"ip": "192.0.2.9/", "systems_uri": "/redfish/v1/Systems/1"}),
        ("fence_redfish", {"ip": "192.0.2.9", "ipport": "443@192.0.2.10", "systems_uri": "/redfish/v1/Systems/1"}),
    ],
)
async def test_a_device_that_may_mean_another_machine_or_lie_is_refused(
    bench: Bench, agent: str, parameters: dict[str, str]
) -> None:
    bench.write(Path(agent).name)
    outcome = await bench.off(device(agent, **parameters))
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason is Reason.INVALID_SPEC
    assert bench.told() == []
    (seen,) = await bench.fencing.check(node(device(agent, **parameters)))
    assert isinstance(seen, Unknown)


async def test_the_line_break_at_the_end_of_a_secret_is_not_part_of_the_password(bench: Bench) -> None:
    assert isinstance(await bench.off(device()), Done)
    assert {told["password"] for told in bench.told()} == {"s3cret"}


@pytest.mark.parametrize("value", ["0", "false", "off"])
async def test_a_certificate_that_shall_be_checked_is_checked(bench: Bench, value: str) -> None:
    bench.write("fence_apc")
    assert isinstance(await bench.off(device(ssl_insecure=value)), Done)
    assert not [told for told in bench.told() if "ssl_insecure" in told]


# ---------------------------------------------------------------- what is told of a failure


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (KeyError("a-pdu"), Reason.SECRET_MISSING),
        (RuntimeError("the API server says s3cret"), Reason.SECRET_MISSING),
        ({"password": b"\xff\xfe"}, Reason.INVALID_SPEC),
        ({"password": b"s3cret\naction=on"}, Reason.INVALID_SPEC),
    ],
)
async def test_a_secret_that_cannot_be_used_is_said_so_and_not_shown(
    bench: Bench, secret: Mapping[str, bytes] | Exception, reason: Reason
) -> None:
    bench.secret = secret
    outcome = await bench.off(device())
    assert isinstance(outcome, Refused)
    assert outcome.reason is reason
    assert "s3cret" not in outcome.message
    (seen,) = await bench.fencing.check(node(device()))
    assert isinstance(seen, Unknown)
    assert seen.reason is reason


@pytest.mark.parametrize(
    "words",
    [
        "Parse error: Ignoring unknown option 'passphrase=s3cret-long'",
        "x" * 195 + "s3cret-long",
        "user s3cret, password s3cret-long",
    ],
)
async def test_no_value_of_a_secret_is_in_anything_that_leaves_the_driver(bench: Bench, words: str) -> None:
    bench.secret = {"username": b"s3cret", "password": b"s3cret-long"}
    (bench.folder / "words").write_text(f"Status: OFF\nERROR: {words}\n{words}\n")
    for status, kind in (("1", Failed), ("2", Done)):
        bench.write_shell("fence_apc", f"cat {bench.folder}/words\nexit {status}\n")
        outcome = await bench.off(device())
        assert isinstance(outcome, kind)
        shown = repr(outcome) + repr(await bench.fencing.check(node(device())))
        assert "s3c" not in shown
        assert "-long" not in shown


async def test_an_agent_that_is_not_installed_is_named(bench: Bench) -> None:
    outcome = await bench.off(device("fence_raritan"))
    assert isinstance(outcome, Refused)
    assert "fence_raritan" in outcome.message
    (seen,) = await bench.fencing.check(node(device("fence_raritan")))
    assert isinstance(seen, Unknown)


# ---------------------------------------------------------------- what an agent says of itself


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"lan_plus": "1"},
            "parameters.lan_plus: fence_apc has no such parameter and would ignore it; did you mean lanplus",
        ),
        ({"outlet_colour": "red"}, "take it out"),
    ],
)
async def test_a_parameter_that_the_agent_would_ignore_is_named_with_its_remedy(
    bench: Bench, parameters: dict[str, str], said: str
) -> None:
    outcome = await bench.off(device(**parameters))
    assert isinstance(outcome, Refused)
    assert (outcome.reason, said in outcome.message) == (Reason.INVALID_SPEC, True), outcome.message
    assert bench.told() == []
    (seen,) = await bench.fencing.check(node(device(**parameters)))
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.INVALID_SPEC


async def test_an_agent_that_says_nothing_of_itself_is_not_used(bench: Bench) -> None:
    bench.write_text("fence_apc", "#!/bin/sh\necho 'Status: OFF'\nexit 2\n")
    outcome = await bench.off(device())
    assert isinstance(outcome, Refused)
    assert "metadata" in outcome.message


async def test_an_agent_is_asked_for_its_metadata_once_until_it_changes(bench: Bench) -> None:
    asked = bench.folder / "asked"
    counts = 'case "$told" in *) ;; esac\necho "Status: OFF"\nexit 2\n'
    bench.write_shell("fence_apc", counts)
    text = (
        (bench.folder / "fence_apc")
        .read_text()
        .replace("cat " + str(bench.folder), f"echo x >>{asked}; cat {bench.folder}", 1)
    )
    bench.write_text("fence_apc", text)
    for _ in range(3):
        await bench.fencing.check(node(device()))
    assert asked.read_text().count("x") == 1
    bench.write_text("fence_apc", text + "# another version\n")
    await bench.fencing.check(node(device()))
    assert asked.read_text().count("x") == 2


# ---------------------------------------------------------------- again, within the rung's one deadline


async def test_a_rung_is_tried_again_as_often_as_it_says_and_the_last_attempt_counts(bench: Bench) -> None:
    tries = bench.folder / "tries"
    bench.write_shell(
        "fence_apc",
        f'case "$told" in *action=off*) echo x >>{tries};; esac\n'
        f'[ "$(wc -l <{tries})" -ge 3 ] && echo "Status: OFF" && exit 2\necho "Status: ON"\n',
    )
    patient = FencingRung(name="pdu", devices=(device(),), retries=2)
    ladder = node(device()).model_copy(update={"fencing": (patient,)})
    outcome = await bench.fencing.off(ladder, rung="pdu", deadline_seconds=30)
    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    assert [reading.state for reading in outcome.evidence.readings] == ["off", "off"]
    assert tries.read_text().count("x") == 3


async def test_a_refusal_is_not_tried_again(bench: Bench) -> None:
    patient = FencingRung(name="pdu", devices=(device(colour="red"),), retries=3)
    ladder = node(device()).model_copy(update={"fencing": (patient,)})
    assert isinstance(await bench.fencing.off(ladder, rung="pdu", deadline_seconds=30), Refused)
    assert bench.told() == []
