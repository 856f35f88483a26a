"""The operator's memory nodes as a place where time passes by itself: guards go round, timers fire, a client writes.

Everything here happens in the event loop of the operator, so that the world needs no lock.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from support.bed import clock
from support.bed.description import Account, Identity
from support.judge.evidence import Ack, Failure
from support.manifests import demo_pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.manifests import Manifest

ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12"}
UNITS = ("maestro-db.service", "maestro.service")
CLIENT = "c1"
WRITE_SECONDS = 0.05
GUARD_SECONDS = 0.25
SYNC_SECONDS = 5.0


def memory_pair(name: str, *, namespace: str, active_node: str = "a") -> Manifest:
    """Returns the demo's MaestroPair; only the identities are the memory nodes'."""
    return demo_pair(
        a=_identity("a"),
        b=_identity("b"),
        a_bmc=_account("a"),
        b_bmc=_account("b"),
        name=name,
        namespace=namespace,
        active_node=active_node,
        interval_seconds=int(SYNC_SECONDS),
    )


def _identity(name: str) -> Identity:
    return Identity(name, address=ADDRESSES[name], machine_id=f"machine-{name}", host_key=f"ssh-ed25519 memory/{name}")


def _account(name: str) -> Account:
    return Account(
        host="10.77.0.1",
        port=443,
        username="memory",
        password="",
        uuid=f"machine-{name}",
        serial="",
        systems_uri="/redfish/v1/Systems/1",
        authority="",
    )


class LiveClock(MemoryClock):
    """The machine's own clock, in the place of the one that moves when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self._machine = SystemClock()

    @override
    def now(self) -> str:
        return self._machine.now()

    @override
    def monotonic_seconds(self) -> float:
        return self._machine.monotonic_seconds()

    @override
    async def sleep(self, seconds: float) -> None:
        await self._machine.sleep(seconds)

    @override
    def pass_seconds(self, seconds: float) -> None:
        raise RuntimeError("nobody moves the machine's clock")


class LivingWorld:
    """A memory world on the machine's clock, and what its client was told."""

    def __init__(self, *, addresses: Mapping[str, str] = ADDRESSES, units: tuple[str, ...] = UNITS) -> None:
        self.clock = LiveClock()
        self.world = MemoryWorld(nodes=addresses.items(), units=units, clock=self.clock)
        self.is_writing = False
        self.acks: list[Ack] = []
        self.failures: list[Failure] = []
        self.knocked_at: str | None = None
        """The node whose services are knocked at."""
        self.knocks = {"accepted": 0, "refused": 0, "silent": 0}

    def world_of(self, pair: str) -> MemoryWorld:
        """Return the one world there is, whichever pair asks."""
        del pair
        return self.world

    async def live(self) -> None:
        """Let the nodes and the client do what they do, until cancelled."""
        guards_at = syncs_at = self.clock.monotonic_seconds()
        while True:
            now = self.clock.monotonic_seconds()
            if now >= guards_at:
                guards_at = now + GUARD_SECONDS
                self.world.run_guards()
            if now >= syncs_at:
                syncs_at = now + SYNC_SECONDS
                self.world.run_syncs()
            if self.is_writing:
                self._write()
            self._knock()
            self.world.note_writers(f"at {self.clock.now()}")
            await asyncio.sleep(WRITE_SECONDS)

    def _write(self) -> None:
        """Let the client write one record where its name points, and keep the answer."""
        address = next(iter(self.world.names.values()), None)
        number, sent_ns = len(self.acks) + 1, clock.monotonic_nanoseconds()
        told = self.world.write()
        now_ns = clock.monotonic_nanoseconds()
        node = next((item for item in self.world.nodes.values() if item.address == address), None)
        if not told or node is None or address is None:
            self.failures.append(
                Failure(CLIENT, number, stage="write", problem="not acknowledged", address=address,
                        sent_ns=sent_ns, failed_ns=now_ns)
            )  # fmt: skip
            return
        self.acks.append(
            Ack(CLIENT, number, sha256="", address=address, sent_ns=sent_ns, received_ns=now_ns, node=node.name,
                boot_id=node.boot_id, epoch=node.guard.inforce_epoch, monotonic_ns=now_ns, duplicate=False)
        )  # fmt: skip

    def _knock(self) -> None:
        if self.knocked_at is None:
            return
        node = self.world.nodes[self.knocked_at]
        answer = "silent" if not node.is_alive else "accepted" if node.running else "refused"
        self.knocks[answer] += 1

    def measured(self) -> Mapping[str, object]:
        """Return what the world has recorded by now."""
        return {
            "acknowledged": self.world.acknowledged,
            "lost_records": self.world.lost_records(),
            "moments_with_two_writers": len(self.world.moments_with_two_writers),
        }
