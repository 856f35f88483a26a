"""A changed Secret of a fence device counts at the next turn, not at the next look at the devices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.model.pair import FencingDevice, FencingRung, PairSpec, SecretReference
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.observe.credentials import SECRET_PERIOD_SECONDS, period_seconds
from maestro_operator.observe.gather import DEVICE_PERIOD_SECONDS, Look, Observer, frozen
from support.worlds import ADDRESSES, UNITS, pair_spec

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_device(*, secret: str | None) -> PairSpec:
    """Returns a spec whose node a has one device, with a Secret or without."""
    reference = None if secret is None else SecretReference(name=secret)
    device = FencingDevice(agent="fence_memory", identity="machine-a", secret=reference)
    first, second = pair_spec().nodes
    human = FencingRung(name="human")
    ladders = (FencingRung(name="bmc", devices=(device,)), human), (human,)
    nodes = (node.model_copy(update={"fencing": ladder}) for node, ladder in zip((first, second), ladders, strict=True))
    return pair_spec().model_copy(update={"nodes": tuple(nodes)})


class Watched:
    """A pair whose devices are looked at, over a world in memory."""

    def __init__(self, spec: PairSpec) -> None:
        self.clock = MemoryClock()
        self.world = MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=self.clock)
        self.observer = Observer(spec, memory_drivers(self.world), clock=self.clock, pairs=lambda: 1, wake=lambda: None)

    async def look(self) -> Look:
        look = await self.observer.look("a")
        for _ in range(3):
            await asyncio.sleep(0)
        return look

    async def devices_after(self, seconds: float) -> list[str]:
        """Look once a second; return what was known of the device of node a at the end."""
        look = await self.look()
        for _ in range(int(seconds)):
            self.clock.pass_seconds(1)
            look = await self.look()
        return [type(item).__name__ for item in look.devices]


@pytest.mark.parametrize(("secret", "seen"), [("a-bmc", "DeviceSeen"), (None, "Unknown")])
async def test_a_device_is_read_again_once_its_secret_has_changed(secret: str | None, seen: str) -> None:
    watched = Watched(with_device(secret=secret))
    watched.world.devices["a"] = "dead"
    before = await watched.devices_after(3 * SECRET_PERIOD_SECONDS)

    watched.world.devices["a"] = "honest"
    unnoticed = await watched.devices_after(2 * SECRET_PERIOD_SECONDS)
    watched.world.secret_changes["a"] += 1

    soon = await watched.devices_after(SECRET_PERIOD_SECONDS + 2)
    watched.observer.close()

    assert (before, unnoticed, soon) == (["Unknown"], ["Unknown"], [seen])


async def test_a_device_whose_secret_stays_is_read_once_a_period() -> None:
    watched = Watched(with_device(secret="a-bmc"))
    checks: list[float] = []
    fencing = watched.observer._drivers.fencing
    check = fencing.check

    async def counted(node: object) -> tuple[DeviceSeen | Unknown, ...]:
        checks.append(watched.clock.monotonic_seconds())
        return await check(node)  # type: ignore[arg-type]

    fencing.check = counted  # type: ignore[method-assign]
    await watched.devices_after(DEVICE_PERIOD_SECONDS - 5)
    watched.observer.close()

    # One look at each node's devices.
    assert len(checks) == len(ADDRESSES)


@pytest.mark.parametrize(("pairs", "seconds"), [(0, 4.0), (80, 4.0), (1000, 50.0)])
def test_the_secrets_of_a_large_fleet_are_looked_at_less_often(pairs: int, seconds: float) -> None:
    assert period_seconds(pairs) == seconds


class Store:
    """Secrets that change."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, bytes]] = {"a-bmc": {"password": b"first"}}
        self.is_up = True

    async def __call__(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        if not self.is_up:
            raise OSError("nobody answers")
        return self.held[name]


async def test_the_mark_of_a_devices_secret_changes_with_what_it_holds_and_shows_nothing_of_it() -> None:
    store = Store()
    driver = AgentFencing(namespace="pairs", folder=Path("/nowhere"), secrets=store, clock=SystemClock())
    node = frozen(with_device(secret="a-bmc"), "a")
    marks = []
    for content in ({"password": b"first"}, {"password": b"first"}, {"password": b"second"}, {"passwords": b"econd"}):
        store.held["a-bmc"] = dict(content)
        marks.append(await driver.credentials(node))
    del store.held["a-bmc"]
    marks.append(await driver.credentials(node))

    assert marks[0] == marks[1]
    assert len(set(marks)) == len(marks) - 1
    assert not [mark for mark in marks if "first" in str(mark)]


async def test_a_secret_that_could_not_be_asked_for_is_no_other_one() -> None:
    store = Store()
    store.is_up = False
    driver = AgentFencing(namespace="pairs", folder=Path("/nowhere"), secrets=store, clock=SystemClock())

    mark = await driver.credentials(frozen(with_device(secret="a-bmc"), "a"))

    assert isinstance(mark, Unknown)
    assert (mark.reason, "nobody" in mark.message) == (Reason.SECRET_MISSING, False)
