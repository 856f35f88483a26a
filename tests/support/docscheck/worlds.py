"""A world of two memory nodes for each pair of the docs, all living in the operator's own event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from support.demo.memory_world import LivingWorld

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.memory.world import MemoryWorld
    from support.manifests import Manifest


def _files(spec: Manifest) -> dict[str, bytes]:
    """Returns the files of the application that a spec has changed, as an installation brings them."""
    found = {}
    for entry in spec.get("localise", ()):
        for kind, form in (("properties", "{}=old\n"), ("siteConfiguration", '{0}="old"\nexport {0}\n')):
            if kind in entry:
                found[entry[kind]["file"]] = "".join(form.format(key) for key in entry[kind]["set"]).encode()
    return found


class Worlds:
    """The worlds by the pair's name; their nodes are what the pair's spec says."""

    def __init__(self, spec_of: Callable[[str], Manifest]) -> None:
        """Keep how to learn a pair's spec."""
        self._spec_of = spec_of
        self._worlds: dict[str, LivingWorld] = {}
        self._living: dict[str, asyncio.Task[None]] = {}

    def world_of(self, pair: str) -> MemoryWorld:
        """Returns a pair's world, and lets time pass in it from now on; called in the operator's loop."""
        if pair not in self._worlds:
            spec = self._spec_of(pair)
            living = LivingWorld(
                addresses={node["name"]: node["address"] for node in spec["nodes"]},
                units=tuple(service["unit"] for service in spec["services"]),
            )
            for node in living.world.nodes.values():
                node.files |= _files(spec)
            if "backup" in spec:
                living.world.back_up(next(iter(living.world.nodes)), "nightly")
            self._worlds[pair] = living
            self._living[pair] = asyncio.get_running_loop().create_task(living.live(), name=f"world of {pair}")
        return self._worlds[pair].world

    async def live(self) -> None:
        """Waits while the worlds live, until cancelled; a world's own mistake ends it."""
        try:
            while True:
                for task in [task for task in self._living.values() if task.done()]:
                    task.result()
                await asyncio.sleep(1)
        finally:
            for task in self._living.values():
                task.cancel()
            self._living.clear()
