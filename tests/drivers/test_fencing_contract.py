"""The contract of fencing, held over the memory world and over real BMCs that cut real nodes' power."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import pytest
from typing_extensions import override

from maestro_operator.clock import Clock, SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.memory.ports import MemoryFencing
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import FencingPort
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference, Ssh
from maestro_operator.model.proof import FenceEvidence
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.model.status import FrozenNode
from support.bed import Account, Bed

pytestmark = pytest.mark.timeout(60)

Device = Literal["honest", "lying", "denying", "dead"]
RUNG = "bmc"


class FencingWorld(Protocol):
    """Two nodes with power and a fence device each."""

    fencing: FencingPort

    def node(self, name: str) -> FrozenNode:
        """Return a node as an episode would freeze it, with one rung of one device."""

    def is_on(self, name: str) -> bool:
        """Tell whether a node really has power."""

    def set_device(self, name: str, device: Device) -> None:
        """Let a node's device behave like that from now on."""

    def change_secret(self, name: str) -> None:
        """Change the password in the Secret of a node's device."""


class MemoryFences(FencingWorld):
    def __init__(self) -> None:
        self._world = MemoryWorld(nodes=[("a", "192.0.2.1"), ("b", "192.0.2.2")], units=("x",), clock=MemoryClock())
        self.fencing = MemoryFencing(self._world)

    @override
    def node(self, name: str) -> FrozenNode:
        return frozen(name, FencingDevice(agent="fence_memory", identity=f"machine-{name}"))

    @override
    def is_on(self, name: str) -> bool:
        return self._world.nodes[name].is_on

    @override
    def set_device(self, name: str, device: Device) -> None:
        self._world.devices[name] = device

    @override
    def change_secret(self, name: str) -> None:
        self._world.secret_changes[name] += 1


class BedFences(FencingWorld):
    def __init__(self, bed: Bed, *, clock: Clock | None = None) -> None:
        self._bed = bed
        self.changed: dict[str, str] = {}
        self.fencing = AgentFencing(
            namespace="pairs", folder=Path("/usr/sbin"), secrets=self.secrets, clock=clock or SystemClock()
        )

    @override
    def node(self, name: str) -> FrozenNode:
        return frozen(name, redfish(self._bed.bmcs[name].account, name))

    @override
    def is_on(self, name: str) -> bool:
        return self._bed.nodes[name].is_on()

    @override
    def set_device(self, name: str, device: Device) -> None:
        self._bed.bmcs[name].set_mode("offline" if device == "dead" else device)

    @override
    def change_secret(self, name: str) -> None:
        self.changed[name] = self.changed.get(name, "") + "+"

    async def secrets(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        node = name.removesuffix("-bmc")
        return {"password": (self._bed.bmcs[node].account.password + self.changed.get(node, "")).encode()}


def frozen(name: str, device: FencingDevice) -> FrozenNode:
    ssh = Ssh(host="192.0.2.1", host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="ssh"))
    rungs = (FencingRung(name=RUNG, devices=(device,)), FencingRung(name="human"))
    return FrozenNode(name=name, address="192.0.2.1", ssh=ssh, fencing=rungs)


def redfish(account: Account, secret: str, *, identity: str | None = None) -> FencingDevice:
    return FencingDevice(
        agent="fence_redfish",
        identity=identity or account.uuid,
        parameters={
            "ip": account.host,
            "ipport": str(account.port),
            "username": account.username,
            "systems_uri": account.systems_uri,
            "ssl_insecure": "1",
        },
        secret=SecretReference(name=f"{secret}-bmc"),
    )


@pytest.fixture(params=["memory", pytest.param("bed", marks=pytest.mark.root)])
def world(request: pytest.FixtureRequest) -> FencingWorld:
    return MemoryFences() if request.param == "memory" else BedFences(request.getfixturevalue("inside_bed"))


async def off(world: FencingWorld, name: str, *, deadline_seconds: float = 30) -> Outcome:
    return await world.fencing.off(world.node(name), rung=RUNG, deadline_seconds=deadline_seconds)


def evidence_of(outcome: Outcome) -> FenceEvidence:
    assert isinstance(outcome, Done), outcome
    assert outcome.evidence is not None
    return outcome.evidence


# ---------------------------------------------------------------- both


async def test_off_takes_the_power_of_this_node_only_and_is_read_twice(world: FencingWorld) -> None:
    evidence = evidence_of(await off(world, "a"))
    assert not world.is_on("a")
    assert world.is_on("b")
    device = world.node("a").fencing[0].devices[0]
    assert (evidence.node, evidence.rung, evidence.devices) == ("a", RUNG, (device.identity,))
    first, second = evidence.readings
    assert [(reading.identity, reading.state) for reading in (first, second)] == [(device.identity, "off")] * 2
    assert second.at_seconds - first.at_seconds >= 2
    assert first.process != second.process


async def test_off_again_gives_the_same_evidence_anew(world: FencingWorld) -> None:
    once, again = evidence_of(await off(world, "a")), evidence_of(await off(world, "a"))
    assert [reading.state for reading in again.readings] == ["off", "off"]
    assert again.readings[0].at_seconds >= once.readings[1].at_seconds
    assert not world.is_on("a")


async def test_a_device_that_denies_says_on_and_that_is_kept(world: FencingWorld) -> None:
    world.set_device("a", "denying")
    evidence = evidence_of(await off(world, "a", deadline_seconds=16))
    assert {reading.state for reading in evidence.readings} == {"on"}
    assert world.is_on("a")


async def test_what_a_device_claims_is_told_as_it_came_even_where_it_lies(world: FencingWorld) -> None:
    world.set_device("a", "lying")
    evidence = evidence_of(await off(world, "a"))
    assert {reading.state for reading in evidence.readings} == {"off"}
    assert world.is_on("a")


async def test_a_device_that_does_not_answer_has_failed_and_gives_no_evidence(world: FencingWorld) -> None:
    world.set_device("a", "dead")
    outcome = await off(world, "a")
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.DEVICE_FAILED
    assert world.is_on("a")
    (seen,) = await world.fencing.check(world.node("a"))
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.DEVICE_FAILED


async def test_a_check_reads_every_device_and_changes_nothing(world: FencingWorld) -> None:
    (seen,) = await world.fencing.check(world.node("a"))
    assert isinstance(seen, DeviceSeen)
    assert (seen.node, seen.rung, seen.state) == ("a", RUNG, "on")
    assert world.is_on("a")
    await off(world, "a")
    (seen,) = await world.fencing.check(world.node("a"))
    assert isinstance(seen, DeviceSeen)
    assert seen.state == "off"


async def test_the_mark_of_the_credentials_changes_with_the_secret_of_this_node_only_and_tells_none(
    world: FencingWorld,
) -> None:
    async def marks() -> tuple[str, str]:
        found = [await world.fencing.credentials(world.node(name)) for name in ("a", "b")]
        assert isinstance(found[0], str)
        assert isinstance(found[1], str)
        return found[0], found[1]

    first, again = await marks(), await marks()
    world.change_secret("a")
    changed = await marks()

    assert again == first
    assert (changed[0] != first[0], changed[1] == first[1]) == (True, True)
    secrets = await world.secrets("pairs", "a-bmc") if isinstance(world, BedFences) else {}
    assert not [word for word in secrets.values() if word.decode() in changed[0]]


# ---------------------------------------------------------------- real BMCs only


@pytest.fixture
def fences(inside_bed: Bed) -> BedFences:
    return BedFences(inside_bed)


@pytest.mark.root
async def test_a_device_of_the_other_machine_is_found_out_before_anything_is_cut(
    fences: BedFences, inside_bed: Bed
) -> None:
    """The address of b's BMC under a's identity: the slip that fences the survivor."""
    mixed = frozen("a", redfish(inside_bed.bmcs["b"].account, "b", identity=inside_bed.bmcs["a"].account.uuid))
    outcome = await fences.fencing.off(mixed, rung=RUNG, deadline_seconds=20)
    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.DEVICE_FAILED
    assert all(node.is_on() for node in inside_bed.nodes.values())
    (seen,) = await fences.fencing.check(mixed)
    assert isinstance(seen, Unknown)
    assert inside_bed.bmcs["b"].account.uuid in seen.message


@pytest.mark.root
async def test_a_machine_may_be_named_by_its_serial_number_too(fences: BedFences, inside_bed: Bed) -> None:
    account = inside_bed.bmcs["a"].account
    by_serial = frozen("a", redfish(account, "a", identity=account.serial.lower()))
    (seen,) = await fences.fencing.check(by_serial)
    assert isinstance(seen, DeviceSeen)


@pytest.mark.root
async def test_a_board_that_was_replaced_is_a_stranger_and_is_not_cut(fences: BedFences, inside_bed: Bed) -> None:
    inside_bed.bmcs["a"].set_mode("stranger")
    outcome = await off(fences, "a", deadline_seconds=20)
    assert isinstance(outcome, Refused)
    assert "5eed0000" in outcome.message
    assert inside_bed.nodes["a"].is_on()


@pytest.mark.root
async def test_of_two_members_the_named_one_is_cut_and_the_other_one_is_refused(
    fences: BedFences, inside_bed: Bed
) -> None:
    """One service for both nodes: left to itself, the agent would cut its last member, the survivor."""
    inside_bed.bmcs["a"].set_mode("twins")
    account = inside_bed.bmcs["a"].account
    other = replace(account, systems_uri="/redfish/v1/Systems/System.Embedded.2")
    outcome = await fences.fencing.off(frozen("a", redfish(other, "a")), rung=RUNG, deadline_seconds=20)
    assert isinstance(outcome, Refused)
    evidence_of(await off(fences, "a"))
    assert (inside_bed.nodes["a"].is_on(), inside_bed.nodes["b"].is_on()) == (False, True)


@pytest.mark.root
async def test_a_bmc_that_hangs_fails_within_the_deadline(fences: BedFences, inside_bed: Bed) -> None:
    inside_bed.bmcs["a"].set_mode("hanging")
    began = time.monotonic()
    outcome = await off(fences, "a", deadline_seconds=4)
    assert isinstance(outcome, Failed)
    assert time.monotonic() - began < 5
    assert inside_bed.nodes["a"].is_on()


@pytest.mark.root
async def test_a_bmc_that_hangs_in_the_middle_fails_within_the_deadline(fences: BedFences, inside_bed: Bed) -> None:
    inside_bed.bmcs["a"].set_mode("denying")
    began = time.monotonic()
    ordering = asyncio.create_task(off(fences, "a", deadline_seconds=7))
    await asyncio.sleep(1.5)
    inside_bed.bmcs["a"].set_mode("hanging")
    outcome = await ordering
    assert isinstance(outcome, Failed)
    assert time.monotonic() - began < 8


@pytest.mark.root
async def test_a_bmc_that_hangs_at_the_second_look_has_proven_nothing(inside_bed: Bed) -> None:
    class HangsThen(SystemClock):
        @override
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            inside_bed.bmcs["a"].set_mode("hanging")

    fences = BedFences(inside_bed, clock=HangsThen())
    outcome = await off(fences, "a", deadline_seconds=20)
    assert isinstance(outcome, Failed)
    assert "did not say" in outcome.message


@pytest.mark.root
async def test_a_bmc_that_takes_its_time_is_waited_for(fences: BedFences, inside_bed: Bed) -> None:
    inside_bed.bmcs["a"].set_mode("slow", slow_seconds=4)
    evidence = evidence_of(await off(fences, "a"))
    assert [reading.state for reading in evidence.readings] == ["off", "off"]
    assert not inside_bed.nodes["a"].is_on()


@pytest.mark.root
async def test_a_bmc_that_knows_no_power_state_proves_nothing(fences: BedFences, inside_bed: Bed) -> None:
    inside_bed.bmcs["a"].set_mode("null")
    assert isinstance(await off(fences, "a", deadline_seconds=15), Failed)


@pytest.mark.root
async def test_a_wrong_password_is_said_so_and_shown_nowhere(fences: BedFences, inside_bed: Bed) -> None:
    wrong = frozen("a", redfish(inside_bed.bmcs["a"].account, "b"))
    outcome = await fences.fencing.off(wrong, rung=RUNG, deadline_seconds=15)
    assert isinstance(outcome, Failed)
    assert "401" in outcome.message
    passwords = [bmc.account.password for bmc in inside_bed.bmcs.values()]
    assert not [word for word in passwords if word in repr(outcome)]
    assert inside_bed.nodes["a"].is_on()


@pytest.mark.root
async def test_a_certificate_of_an_unknown_authority_is_not_believed(fences: BedFences, inside_bed: Bed) -> None:
    device = redfish(inside_bed.bmcs["a"].account, "a")
    strict = device.model_copy(update={"parameters": {**device.parameters, "ssl_insecure": "0"}})
    outcome = await fences.fencing.off(frozen("a", strict), rung=RUNG, deadline_seconds=15)
    assert isinstance(outcome, Failed)
    assert "certificate" in outcome.message.lower()
    assert inside_bed.nodes["a"].is_on()


BELIEVES_ANYTHING = """#!/bin/sh
cat >"$0.told"
grep -q action=metadata "$0.told" && exec cat "$0.xml"
echo "Status: OFF"
exit 2
"""


@pytest.mark.root
async def test_an_agent_that_says_off_of_a_system_that_is_on_is_contradicted(
    fences: BedFences, inside_bed: Bed, tmp_path: Path
) -> None:
    device = redfish(inside_bed.bmcs["a"].account, "a")
    names = "".join(
        f'<parameter name="{name}"><content type="string"/></parameter>' for name in (*device.parameters, "password")
    )
    actions = '<action name="off"/><action name="status"/>'
    (tmp_path / "fence_redfish.xml").write_text(f"<resource-agent>{names}{actions}</resource-agent>")
    (tmp_path / "fence_redfish").write_text(BELIEVES_ANYTHING)
    (tmp_path / "fence_redfish").chmod(0o755)
    driver = AgentFencing(namespace="pairs", folder=tmp_path, secrets=fences.secrets, clock=SystemClock())
    outcome = await driver.off(frozen("a", device), rung=RUNG, deadline_seconds=20)
    assert isinstance(outcome, Failed), outcome
    assert "PowerState of the System is On" in outcome.message
    assert inside_bed.nodes["a"].is_on()
