"""`fence_ipmilan` as Debian has it, against an IPMI controller that really cuts a node's power."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agent import run_agent
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.fencing.ipmi import quietly
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference, Ssh
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.model.status import FrozenNode
from support.bed import Bed
from support.ipmi import IpmiBmc

pytestmark = [pytest.mark.timeout(60), pytest.mark.root]

SSH = Ssh(host="192.0.2.1", host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="ssh"))


class Fences:
    """One driver over one node's IPMI controller."""

    def __init__(self, bmc: IpmiBmc) -> None:
        self.bmc = bmc
        self.password = bmc.account.password
        self.driver = AgentFencing(
            namespace="pairs", folder=Path("/usr/sbin"), secrets=self._secrets, clock=SystemClock()
        )

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"password": self.password.encode()}

    def node(self, *, identity: str | None = None) -> FrozenNode:
        device = FencingDevice(
            agent="fence_ipmilan",
            identity=identity or self.bmc.account.guid,
            parameters=self.bmc.account.parameters(),
            secret=SecretReference(name="a-ipmi"),
        )
        rungs = (FencingRung(name="ipmi", devices=(device,)),)
        return FrozenNode(name="a", address="192.0.2.1", ssh=SSH, fencing=rungs)

    async def off(self, *, identity: str | None = None, deadline_seconds: float = 25) -> Outcome:
        return await self.driver.off(self.node(identity=identity), rung="ipmi", deadline_seconds=deadline_seconds)


@pytest.fixture
def fences(inside_bed: Bed, tmp_path: Path) -> Iterator[Fences]:
    with IpmiBmc(inside_bed, "a", folder=tmp_path / "ipmi") as bmc:
        yield Fences(bmc)


async def test_off_cuts_the_node_and_is_read_twice_of_the_machine_that_names_itself(
    fences: Fences, inside_bed: Bed
) -> None:
    outcome = await fences.off()
    assert isinstance(outcome, Done), outcome
    assert outcome.evidence is not None
    assert [(item.state, item.tells_identity) for item in outcome.evidence.readings] == [("off", True)] * 2
    assert not inside_bed.nodes["a"].is_on()
    assert inside_bed.nodes["b"].is_on()


async def test_a_controller_of_another_machine_is_found_out_before_anything_is_cut(
    fences: Fences, inside_bed: Bed
) -> None:
    outcome = await fences.off(identity=inside_bed.bmcs["a"].account.uuid)
    assert isinstance(outcome, Refused)
    assert fences.bmc.account.guid in outcome.message
    assert inside_bed.nodes["a"].is_on()


async def test_a_controller_that_lies_is_told_as_it_came(fences: Fences, inside_bed: Bed) -> None:
    fences.bmc.set_mode("lying")
    outcome = await fences.off()
    assert isinstance(outcome, Done)
    assert inside_bed.nodes["a"].is_on()


async def test_a_controller_that_denies_gives_no_reading_of_off(fences: Fences, inside_bed: Bed) -> None:
    fences.bmc.set_mode("denying")
    outcome = await fences.off(deadline_seconds=9)
    assert isinstance(outcome, Failed | Done)
    if isinstance(outcome, Done):
        assert outcome.evidence is not None
        assert {item.state for item in outcome.evidence.readings} == {"on"}
    assert inside_bed.nodes["a"].is_on()


async def test_a_controller_that_hangs_fails_within_the_deadline(fences: Fences, inside_bed: Bed) -> None:
    fences.bmc.set_mode("hanging")
    began = time.monotonic()
    outcome = await fences.off(deadline_seconds=6)
    assert isinstance(outcome, Failed)
    assert time.monotonic() - began < 9
    assert inside_bed.nodes["a"].is_on()


async def test_a_wrong_password_is_said_so(fences: Fences) -> None:
    fences.password = "wrong"
    assert isinstance(await fences.off(deadline_seconds=8), Failed)
    (seen,) = await fences.driver.check(fences.node())
    assert isinstance(seen, Unknown)


async def test_no_process_has_the_password_in_its_arguments_while_an_agent_asks(fences: Fences) -> None:
    told = {**fences.bmc.account.parameters(), "password": fences.password, "action": "status"}
    quiet, environment = quietly("fence_ipmilan", told)
    fences.bmc.set_mode("hanging")
    asking = asyncio.create_task(
        run_agent(Path("/usr/sbin/fence_ipmilan"), quiet, deadline_seconds=8, environment=environment)
    )
    async with asyncio.timeout(7):
        while not any(b"chassis power status" in words for words in arguments()):  # noqa: ASYNC110 - another's process
            await asyncio.sleep(0.02)
    shown = arguments()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert not [words for words in shown if fences.password.encode() in words]


async def test_the_agent_takes_the_password_that_is_not_in_its_arguments(fences: Fences) -> None:
    (seen,) = await fences.driver.check(fences.node())
    assert isinstance(seen, DeviceSeen), seen
    assert (seen.state, seen.identity, seen.tells_identity) == ("on", fences.bmc.account.guid, True)


def arguments() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" "))
    return found
