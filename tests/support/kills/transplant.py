"""Brings a pair from its made-up clock to the real one, and its resource to a real API server."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.memory.mirror import MirrorWorld
from support.demo.memory_world import LiveClock
from support.law_three import refusal
from support.manifests import GROUP_VERSION
from support.worlds import ADDRESSES, NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.drivers.memory.world import MemoryWorld
    from support.kills.stories import ToldPair
    from support.manifests import Manifest


class Whereabouts:
    """Where one pair's nodes are: no two pairs share an address, a host or a name."""

    def __init__(self, number: int) -> None:
        """Derives everything from the pair's number."""
        net = f"10.{100 + number // 250}.{number % 250}"
        self._words = {
            NAME: f"p{number}.example.org",
            **{address: f"{net}.{last}" for last, address in enumerate(ADDRESSES.values(), start=1)},
            **{f"ssh-{node}.example.net": f"{node}.p{number}.example.net" for node in ADDRESSES},
            **{f"ssh-ed25519 host-{node}": f"ssh-ed25519 host/{node}/{number}" for node in ADDRESSES},
            **{f"machine-{node}": f"machine-{node}-{number}" for node in ADDRESSES},
        }

    def of(self, text: str) -> str:
        """Returns a text with every address, host and name put right."""
        for word, right in self._words.items():
            text = text.replace(word, right)
        return text

    def of_value(self, value: Any) -> Any:  # noqa: ANN401
        """Returns a value of JSON put right."""
        return json.loads(self.of(json.dumps(value)))


def living_world(pair: ToldPair, where: Whereabouts) -> MemoryWorld:
    """Returns the pair's world on the machine's clock; every moment in it is as long ago as it was."""
    world, clock = copy.deepcopy(pair.world), LiveClock()
    later = clock.monotonic_seconds() - world.clock.monotonic_seconds()
    world.clock = clock
    world.last_acknowledged_seconds += later
    world.names = {where.of(name): where.of(address) for name, address in world.names.items()}
    for node in world.nodes.values():
        node.address, node.machine_id = where.of(node.address), where.of(node.machine_id)
        node.pins = {where.of(name): where.of(address) for name, address in node.pins.items()}
        node.booted_at_seconds += later
        node.sent_at_seconds = None if node.sent_at_seconds is None else node.sent_at_seconds + later
        left = node.peer_left_at_seconds
        node.peer_left_at_seconds = None if left is None else left + later
        node.backups = {name: (records, made + later) for name, (records, made) in node.backups.items()}
        node.copies = tuple(
            replace(item, announced_at_seconds=item.announced_at_seconds + later) for item in node.copies
        )
    for side in world.sides.values() if isinstance(world, MirrorWorld) else ():
        side.contact_seconds += later
        side.frozen_since = None if side.frozen_since is None else side.frozen_since + later
    return world


def living_acks(pair: ToldPair, world: MemoryWorld) -> list[list[float]]:
    """Returns what the client was told, on the machine's clock."""
    later = world.clock.monotonic_seconds() - pair.world.clock.monotonic_seconds()
    return [[at + later, number, epoch] for at, number, epoch in pair.diary.acks]


def manifest(pair: ToldPair, where: Whereabouts, *, name: str, namespace: str) -> Manifest:
    """Returns the pair's resource without its status."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "MaestroPair",
        "metadata": {"name": name, "namespace": namespace},
        "spec": where.of_value(pair.store.spec.to_resource()),
    }


def statuses(pair: ToldPair, where: Whereabouts) -> list[Mapping[str, Any]]:
    """Returns the fewest of the stored statuses by which the rules of the schema let one come to the last."""
    log: Sequence[Mapping[str, Any]] = [{}, *(status for _, status in pair.logged.log)]
    way, at = [], 0
    while at < len(log) - 1:
        at = next(later for later in range(len(log) - 1, at, -1) if refusal(log[at], log[later]) is None)
        way.append(where.of_value(log[at]))
    return way
