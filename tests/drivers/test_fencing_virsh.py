"""fence_virsh against a real libvirt with a small guest: its off counts only where libvirt itself says shut off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.fencing.device import given
from maestro_operator.drivers.fencing.virsh import pinned
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.model.status import FrozenNode
from support.libvirt import ADDRESS, GUEST, Hypervisor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
AGENTS = Path("/usr/sbin")
DEADLINE_SECONDS = 60.0
OTHER_UUID = "00000000-1111-2222-3333-444444444444"


@dataclass
class Fences:
    """The driver over one device of the guest."""

    host: Hypervisor

    def node(self, **changes: str) -> FrozenNode:
        """Returns the node whose ladder has this device alone."""
        told = {
            "ip": ADDRESS,
            "username": "root",
            "plug": GUEST,
            "host_key": self.host.host_key,
            "power_timeout": "5",
            "login_timeout": "20",
            "shell_timeout": "20",
            **changes,
        }
        device = FencingDevice(
            agent="fence_virsh",
            identity=told.pop("identity", self.host.uuid),
            parameters=told,
            secret=SecretReference(name="libvirt"),
        )
        ssh = Ssh(host="192.0.2.1", host_key="none", credentials_secret=SecretReference(name="none"))
        rung = FencingRung(name="vm", devices=(device,))
        return FrozenNode(name="a", address="192.0.2.1", ssh=ssh, fencing=(rung,))

    async def off(self, **changes: str) -> Outcome:
        """Fences the guest."""
        with self.host.network():
            return await self._driver().off(self.node(**changes), rung="vm", deadline_seconds=DEADLINE_SECONDS)

    async def check(self, **changes: str) -> DeviceSeen | Unknown:
        """Reads the device."""
        with self.host.network():
            (found,) = await self._driver().check(self.node(**changes))
        return found

    def _driver(self) -> AgentFencing:
        async def secrets(_namespace: str, _name: str) -> Mapping[str, bytes]:
            return {"ssh-privatekey": self.host.private_key}

        return AgentFencing(namespace="pairs", folder=AGENTS, secrets=secrets, clock=SystemClock())


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hypervisor]:
    with Hypervisor(tmp_path_factory.mktemp("libvirt")) as running:
        yield running


@pytest.fixture
def fences(host: Hypervisor) -> Fences:
    if host.state() != "running":
        host.virsh("destroy", GUEST)
        host.start()
    return Fences(host)


async def test_off_ends_the_guest_and_libvirt_itself_is_asked_which_one_and_whether(fences: Fences) -> None:
    outcome = await fences.off()

    assert isinstance(outcome, Done), outcome
    assert outcome.evidence is not None
    first, second = outcome.evidence.readings
    assert (first.state, second.state) == ("off", "off")
    assert first.tells_identity
    assert first.process != second.process
    assert fences.host.state() == "shut off"


async def test_a_crashed_guest_of_which_the_agent_says_off_proves_nothing(fences: Fences) -> None:
    fences.host.crash()

    outcome = await fences.off()

    assert isinstance(outcome, Failed), outcome
    assert outcome.reason is Reason.DEVICE_FAILED
    assert "the agent says off, and its state in libvirt is crashed" in outcome.message


async def test_a_suspended_guest_is_ended(fences: Fences) -> None:
    fences.host.check("suspend", GUEST)

    outcome = await fences.off()

    assert isinstance(outcome, Done), outcome
    assert fences.host.state() == "shut off"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"identity": OTHER_UUID}, Refused),
        ({"plug": "node-b"}, Failed),
        ({"host_key": asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()}, Failed),
    ],
)
async def test_another_machine_or_another_host_is_found_out_before_anything_is_ordered(
    fences: Fences, changes: dict[str, str], kind: type[Outcome]
) -> None:
    outcome = await fences.off(**changes)

    assert isinstance(outcome, kind), outcome
    assert fences.host.state() == "running"


async def test_a_check_reads_the_guest_and_changes_nothing(fences: Fences) -> None:
    found = await fences.check()

    assert isinstance(found, DeviceSeen), found
    assert (found.state, found.identity, found.tells_identity) == ("on", fences.host.uuid, True)
    assert fences.host.state() == "running"


def test_the_agent_is_told_no_key_and_no_host_key(fences: Fences) -> None:
    device = fences.node().fencing[0].devices[0]

    told, environment = pinned("fence_virsh", given(device, {"ssh-privatekey": fences.host.private_key}).parameters)

    assert not set(told) & {"ssh_privatekey", "host_key", "password"}
    assert told["ssh_path"].endswith("ssh_pinned.py")
    assert set(environment) == {"PINNED_KEY", "PINNED_HOST"}


@pytest.mark.parametrize(
    ("changes", "secret", "said"),
    [
        ({"ip": ""}, {}, "set the parameter ip"),
        ({"host_key": "nonsense"}, {}, "host_key is no public key"),
        ({"plug": "--all"}, {}, "set the parameter plug"),
        ({}, {"password": b"s3cret"}, "only a key is used"),
        ({}, {"ssh-privatekey": b"nonsense"}, "no key without a passphrase"),
    ],
)
def test_what_it_cannot_be_used_with_is_named(
    fences: Fences, changes: dict[str, str], secret: dict[str, bytes], said: str
) -> None:
    device = fences.node(**changes).fencing[0].devices[0]

    with pytest.raises(ValueError, match=said):
        given(device, {"ssh-privatekey": fences.host.private_key, **secret})
