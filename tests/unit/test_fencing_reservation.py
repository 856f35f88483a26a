"""A shared disk as a fence device: what the survivor's program says of it, and what is believed of that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.fencing.reservation import DiskReservation
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Completed
from support.worlds import pair_spec

IDENTITY = "60014050000000010000000000000001"
TAKEN = {"holder": "b", "holder_epoch": "2", "keys": "1", "exclusive": "yes", "persists": "yes", "enforces": "yes"}
HELD = {**TAKEN, "holder": "a", "holder_epoch": "1"}


class Survivor:
    """The program on the other node: what it says, and what it was asked."""

    def __init__(self, said: Mapping[str, str] | Unknown | Completed, *, cut: Completed | None = None) -> None:
        """Hold one answer to every look."""
        self._said, self._cut = said, cut or Completed(0, "", "")
        self.asked: list[tuple[str, ...]] = []

    async def run(self, node: FrozenNode, words: tuple[str, ...], *, deadline_seconds: float) -> Completed | Unknown:
        """Answer as the program does, each time by another process."""
        del deadline_seconds
        self.asked.append((node.name, *words[1:]))
        if words[1] == "cut" and self._cut.exit_status:
            return self._cut
        if not isinstance(self._said, Mapping):
            return self._said
        lines = {"identity": IDENTITY, "process": str(1000 + len(self.asked)), **self._said}
        return Completed(0, "".join(f"{key}={value}\n" for key, value in lines.items()), "")


async def no_secret(_namespace: str, _name: str) -> Mapping[str, bytes]:
    raise LookupError


def fencing(survivor: Survivor | None) -> AgentFencing:
    disk = DiskReservation(survivor, spec=pair_spec) if survivor is not None else None  # type: ignore[arg-type]
    return AgentFencing(namespace="x", folder=Path("/nowhere"), secrets=no_secret, clock=MemoryClock(), disk=disk)


def fenced(device: FencingDevice | None = None) -> FrozenNode:
    node = pair_spec().node("a")
    rung = FencingRung(name="apart", devices=(device or FencingDevice(agent="reservation", identity=IDENTITY),))
    return FrozenNode(name="a", address=node.address, ssh=node.ssh, fencing=(rung,))


async def off(survivor: Survivor | None, device: FencingDevice | None = None) -> Outcome:
    return await fencing(survivor).off(fenced(device), rung="apart", deadline_seconds=60)


async def test_the_other_node_takes_the_disk_and_two_processes_read_it_back() -> None:
    survivor = Survivor(TAKEN)
    outcome = await off(survivor)

    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    first, second = outcome.evidence.readings
    assert (first.state, second.state, first.identity, first.tells_identity) == ("preempted",) * 2 + (IDENTITY, True)
    assert first.process != second.process
    assert ("b", "cut", "--identity", IDENTITY) in survivor.asked
    assert {name for name, *_ in survivor.asked} == {"b"}


@pytest.mark.parametrize(
    "change",
    [{"holder": "a"}, {"holder": "none"}, {"keys": "2"}, {"exclusive": "no"}, {"enforces": "unknown"}],
)
async def test_what_does_not_show_the_survivor_alone_is_not_preempted(change: Mapping[str, str]) -> None:
    outcome = await off(Survivor({**TAKEN, **change}))

    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    assert {item.state for item in outcome.evidence.readings} == {"on"}


@pytest.mark.parametrize(
    ("change", "says"),
    [({"enforces": "no"}, "lets a node read"), ({"persists": "no"}, "forgets the reservation")],
)
async def test_a_storage_that_keeps_nobody_out_is_no_device(change: Mapping[str, str], says: str) -> None:
    outcome = await off(Survivor({**TAKEN, **change}))
    (seen,) = await fencing(Survivor({**HELD, **change})).check(fenced())

    assert isinstance(outcome, Failed)
    assert says in outcome.message
    assert isinstance(seen, Unknown)
    assert says in seen.message


@pytest.mark.parametrize(
    "said",
    [
        Unknown(Reason.TIMED_OUT, "no answer"),
        Unknown(Reason.CONNECTION_REFUSED, "refused"),
        Completed(11, "unknown=NoDisk\nmessage=the disk does not answer\n", ""),
        Completed(0, "what is this", ""),
    ],
)
async def test_a_survivor_that_says_nothing_of_the_disk_proves_nothing(said: Unknown | Completed) -> None:
    assert isinstance(await off(Survivor(said)), Failed)


async def test_another_disk_is_not_taken() -> None:
    survivor = Survivor({**TAKEN, "identity": "6001405fffffffff"})
    outcome = await off(survivor)

    assert isinstance(outcome, Refused)
    assert "not for" in outcome.message
    assert not [words for words in survivor.asked if "cut" in words]


async def test_a_refused_order_leaves_the_disk_with_its_holder() -> None:
    refused = Completed(10, "refused=NotPromised\nmessage=no epoch is promised to b\n", "")
    outcome = await off(Survivor(HELD, cut=refused))

    assert isinstance(outcome, Done)
    assert outcome.evidence is not None
    assert {item.state for item in outcome.evidence.readings} == {"on"}


async def test_a_disk_at_rest_is_ready_to_be_taken() -> None:
    (seen,) = await fencing(Survivor(HELD)).check(fenced())

    assert isinstance(seen, DeviceSeen)
    assert (seen.state, seen.identity, seen.tells_identity) == ("on", IDENTITY, True)


async def test_a_reservation_takes_no_parameters_and_needs_a_pair() -> None:
    told = FencingDevice(agent="reservation", identity=IDENTITY, parameters={"devices": "/dev/sda"})
    secret = FencingDevice(agent="reservation", identity=IDENTITY, secret=SecretReference(name="x"))

    outcomes = [await off(Survivor(TAKEN), told), await off(Survivor(TAKEN), secret), await off(None)]

    assert all(isinstance(item, Refused) for item in outcomes)


async def test_devices_without_secrets_have_one_mark_and_it_stays() -> None:
    port = fencing(Survivor(TAKEN))

    assert await port.credentials(fenced()) == await port.credentials(fenced())
