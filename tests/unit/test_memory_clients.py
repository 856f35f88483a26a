"""What a client of a memory world is told."""

from __future__ import annotations

import pytest

from maestro_operator.drivers.memory.world import OPERATOR, MemoryClock, MemoryWorld

NAME, ADDRESS = "maestro.example.org", "192.0.2.1"


@pytest.mark.parametrize("way", [("a", OPERATOR), (OPERATOR, "a")], ids=["its answer is lost", "it is not heard"])
def test_a_client_on_a_cable_that_carries_one_way_has_no_acknowledgement(way: tuple[str, str]) -> None:
    world = MemoryWorld(nodes=[("a", ADDRESS), ("b", "192.0.2.2")], units=("x",), clock=MemoryClock())
    world.nodes["a"].running.add("x")
    world.names[NAME] = ADDRESS
    assert world.write()

    world.cuts.add(way)

    assert not world.write()
    assert (world.acknowledged, world.nodes["a"].records) == (1, 1)
