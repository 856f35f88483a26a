"""A pair of the real loop over a machine of two real libvirts, whose operator can come to its end.

Hosts are read and the machine is moved over SSH, by a process's own sessions: they end with it. What no host says (the
votes on the machine's address, and the checks of it) is the memory world's, which runs the machine where the hosts do.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.machine.libvirt import LibvirtHosts
from maestro_operator.drivers.memory.machine import MachineWorld
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.drivers.nodes.everywhere import Nodes
from maestro_operator.model.pair import PairSpec
from maestro_operator.transport.session import Sessions
from support.contracts.machine import machine_spec
from support.libvirt.hosts import ADDRESSES, GUEST
from support.libvirt.lifeline import RUNNING
from support.worlds import Killed, Pair, interruptible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.loop import PairLoop
    from maestro_operator.model.decision import Decided
    from support.libvirt.hosts import Hosts
    from support.libvirt.lifeline import Lifeline
    from support.worlds import MemoryLeader

MOST_SECONDS = 60.0


class KeptMachine(Pair):
    """The pair, the hosts, and everything that the operators did."""

    world: MachineWorld
    inherited_pause_seconds = 300.0

    def __init__(self, hosts: Hosts, lifeline: Lifeline) -> None:
        """Takes the hosts as they are."""
        self.hosts, self.lifeline = hosts, lifeline
        self.effects: list[str] = []
        self.sessions: list[Sessions] = []
        self._boots = self._booted()
        super().__init__(_spec(hosts), world=MachineWorld(nodes=ADDRESSES.items(), machine=GUEST, clock=MemoryClock()))

    @override
    def _new_loop(self) -> tuple[PairLoop, MemoryLeader]:
        sessions = Sessions(secrets=self._secret, namespace="pairs", clock=SystemClock())
        self.sessions.append(sessions)
        nodes = Nodes(sessions, spec=self._now, clock=SystemClock())
        machine = LibvirtHosts(sessions, spec=self._now)
        parts = interruptible(replace(self.drivers, nodes=nodes, machine=machine), self._note)
        self.drivers = replace(self.drivers, nodes=parts.nodes, machine=parts.machine)
        return super()._new_loop()

    @property
    def boots(self) -> int:
        """Returns how often the guest was booted since, and lost with that what it had in memory."""
        return self._booted() - self._boots

    def _booted(self) -> int:
        return sum(host.boots() for host in self.hosts.by_name.values())

    def _now(self) -> PairSpec:
        return self.store.spec

    async def _secret(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self.hosts.by_name[name].private_key}

    def _note(self, verb: str) -> None:
        self.effects.append(verb)
        self._tell(verb)

    @override
    async def turn(self) -> Decided | None:
        for name, node in self.world.nodes.items():
            node.running = {GUEST} if self.lifeline.newest(name) == RUNNING else set()
        decided = await super().turn()
        await self._bury()
        return decided

    async def killed_in_mid_turn(self, word: str, *, on: str) -> None:
        """Takes turns until a host says this word of the machine, and ends the operator in the middle of that turn."""
        async with asyncio.timeout(MOST_SECONDS):
            while self.lifeline.newest(on) != word:
                under_way = asyncio.create_task(self.turn())
                while not under_way.done() and self.lifeline.newest(on) != word:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                if not under_way.done():
                    under_way.cancel()
                    await asyncio.gather(under_way, return_exceptions=True)
                    self.kills += 1
                    self.restart_operator()
        await self._bury()

    async def _bury(self) -> None:
        """Closes what the operators that are dead had open, as their end does."""
        while len(self.sessions) > 1:
            await self.sessions.pop(0).close()

    async def close(self) -> None:
        """Ends the last operator."""
        self.loop.close_observer()
        for sessions in self.sessions:
            await sessions.close()


def killed_once_at(pair: Pair, step: str, *, is_written: bool) -> list[str]:
    """Has the operator killed right before or after the write that begins a step; returns what is still to be met."""
    left = [step]

    def kill(status: Mapping[str, Any]) -> None:
        if (status.get("episode") or {}).get("step") in left:
            left.clear()
            raise Killed

    if is_written:
        pair.store.after_write = kill
    else:
        pair.store.before_write = kill
    return left


def _spec(hosts: Hosts) -> PairSpec:
    spec: dict[str, Any] = machine_spec(hosts.uuid).to_resource()
    for node in spec["nodes"]:
        name = node["name"]
        host_key, secret = hosts.by_name[name].host_key, {"name": name}
        node["ssh"] = {"host": ADDRESSES[name], "user": "root", "hostKey": host_key, "credentialsSecret": secret}
    return PairSpec.model_validate(spec)
