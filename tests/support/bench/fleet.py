"""The operator as it ships, over as many memory worlds as there are pairs: `python -m support.bench.fleet RECORD`.

Real: the watch, the Leases, admission, the Secrets and the probes over the network. In memory, at the drivers' port:
the nodes, the replication, the devices, the names and the checks. What the worlds themselves cost is written down too,
because it is no cost of the operator. The record has one JSON object a line: the first look at a pair, every order that
reaches a node or a driver, and each second what the worlds took.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from maestro_operator.admission.gate import Gate
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.memory.ports import MemoryFencing, memory_drivers
from maestro_operator.drivers.memory.world import MemoryWorld
from maestro_operator.drivers.ports import Drivers
from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.logs import log_as_json
from maestro_operator.loop import PairLoop
from maestro_operator.main import Shared, run
from maestro_operator.observe.census import Census
from maestro_operator.settings import Settings
from support.bed.clock import monotonic_seconds
from support.bench.crowd import addresses, machine
from support.bench.profile import Sampler
from support.demo.memory_world import UNITS, LiveClock
from support.flaky.nodes import LOOKS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Store

BEAT_SECONDS = 0.1
ROUND_SECONDS = 10.0
"""Every world's guards go round and its timers fire so often."""
FIRST_LOOK = "first look"


class Told:
    """A port that writes down every order before it is carried out, and the first look."""

    def __init__(self, port: object, pair: str, record: TextIO) -> None:
        """Keep what stands behind it."""
        self._port, self._pair, self._record = port, pair, record
        self._was_read = False

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - whatever the port has
        """Return the port's own verb, told or not."""
        known = getattr(self._port, verb)
        if verb == "read" and not self._was_read:
            self._was_read = True
            self._tell(FIRST_LOOK)
        if verb in LOOKS or verb.startswith("_") or not callable(known):
            return known

        async def told(*arguments: object, **options: object) -> object:
            self._tell(verb)
            order: Callable[..., Awaitable[object]] = known
            return await order(*arguments, **options)

        return told

    def _tell(self, verb: str) -> None:
        self._record.write(json.dumps({"at": monotonic_seconds(), "pair": self._pair, "verb": verb}) + "\n")


class Fencing(MemoryFencing):
    """Devices in memory, whose Secrets are read from the API server as ever."""

    def __init__(self, world: MemoryWorld, agents: AgentFencing) -> None:
        """Keep both."""
        super().__init__(world)
        self.credentials = agents.credentials  # type: ignore[method-assign]


@dataclass
class Worlds:
    """Every pair's world, alive in the operator's own loop."""

    record: TextIO
    worlds: dict[str, MemoryWorld] = field(default_factory=dict)
    clock: LiveClock = field(default_factory=LiveClock)

    def of(self, name: str) -> MemoryWorld:
        """Return the world of a pair; it begins when somebody first asks for it."""
        if name not in self.worlds:
            number = int(name.rpartition("-")[2])
            world = MemoryWorld(nodes=addresses(number).items(), units=UNITS, clock=self.clock)
            for node in world.nodes.values():
                node.machine_id = machine(number, node.name)
            self.worlds[name] = world
        return self.worlds[name]

    async def live(self) -> None:
        """Let a share of the worlds take a round at each beat, and say what that took."""
        turn, owed, taken, said = 0, 0.0, 0.0, monotonic_seconds()
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            began = time.thread_time()
            living = list(self.worlds.values())
            owed += len(living) * BEAT_SECONDS / ROUND_SECONDS
            while owed >= 1:
                world = living[turn % len(living)]
                turn, owed = turn + 1, owed - 1
                world.run_guards()
                world.run_syncs()
            taken += time.thread_time() - began
            if monotonic_seconds() - said > 1:
                said = monotonic_seconds()
                self.record.write(json.dumps({"at": said, "worlds_seconds": taken}) + "\n")
                self.record.flush()


@dataclass(frozen=True, slots=True)
class Parts:
    """Makes loops, each over a world of its own."""

    shared: Shared
    worlds: Worlds
    census: Census = field(default_factory=Census)

    def __call__(self, key: PairKey, store: Store) -> PairLoop:
        """Return a new loop."""
        world, shared = self.worlds.of(key.name), self.shared
        policy, secrets = shared.settings.addresses, shared.secrets
        agents = AgentFencing(namespace=key.namespace, folder=Path("/"), secrets=secrets, clock=shared.clock)
        memory = {part.name: getattr(memory_drivers(world), part.name) for part in fields(Drivers)}
        real = {
            "fencing": Fencing(world, agents),
            "probes": NetworkProbes(secrets=secrets, namespace=key.namespace, policy=policy),
        }
        ports = {name: Told(port, key.name, self.worlds.record) for name, port in {**memory, **real}.items()}
        return PairLoop(
            store=store,
            drivers=Drivers(**ports),
            leader=shared.leader,
            clock=shared.clock,
            publisher=shared.publisher,
            commands=self,
            gate=Gate(policy=policy, claims=shared.claims, secrets=secrets, has_agent=lambda _: True),
            census=self.census,
        )

    def commands_run(self, node: str) -> int:
        """Return none: nodes in memory are sent no commands."""
        del node
        return 0


async def main(record: Path) -> int:
    """Run the operator and its worlds until told to end."""
    log_as_json("WARNING")
    Sampler(record.with_suffix(".profile")).obey()
    with record.open("a") as stream:
        worlds = Worlds(stream)
        living = asyncio.create_task(worlds.live())
        try:
            return await run(Settings.from_environment(os.environ), lambda shared: Parts(shared, worlds))
        finally:
            living.cancel()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]))))
