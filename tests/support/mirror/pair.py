"""Two User Mode Linux nodes with a mirror between them, ordered by the real drivers as an operator would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Self

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.drivers.replication.drbd import DrbdReplication
from maestro_operator.model.mirroring import Drbd
from maestro_operator.model.outcome import Done, Outcome
from maestro_operator.model.pair import Replication
from maestro_operator.model.seen import Mirror, NodeSeen
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support.contracts.pair_world import PAIR_UID, UNITS, pair_spec, spec_node
from support.mirror import appender

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.status import Generation
    from support.bed import Bed

FREEZE_SECONDS = 25
DEADLINE_SECONDS = 400.0
"""What a machine on a busy host may take for one order; nothing is judged by it."""
APPENDER = "/usr/local/lib/mirror-appender.py"
REPLICA = "/usr/local/lib/maestro-guard/maestro-replica"
RESOURCE = """resource r0 {
  protocol C;
  handlers { fence-peer "/usr/local/lib/maestro-guard/maestro-drbd fence-peer"; }
  disk { fencing resource-and-stonith; on-io-error detach; c-min-rate 8M; }
  net {
    ping-int 4; ping-timeout 30; timeout 35; connect-int 4; verify-alg crc32c;
    after-sb-0pri disconnect; after-sb-1pri disconnect; after-sb-2pri disconnect; rr-conflict disconnect;
  }
  on node-a { device /dev/drbd0; disk /dev/ubdb; address 10.77.0.11:7789; meta-disk internal; }
  on node-b { device /dev/drbd0; disk /dev/ubdb; address 10.77.0.12:7789; meta-disk internal; }
}
"""
PROGRAMS = ("/bin/sleep infinity", f"/usr/bin/python3 {APPENDER}")
"""What the two services are: one that only holds the data, one that writes them."""
UNIT = """[Unit]
Description=A service on the mirrored data
[Service]
WorkingDirectory=/srv/maestro
ExecStart={program}
[Install]
WantedBy=multi-user.target
"""
WITHOUT_DATA = "drbdadm create-md r0 </dev/null >/dev/null 2>&1; drbdadm up r0"
FIRST_DATA = """
timeout 30 drbdadm wait-connect r0 && drbdadm new-current-uuid --clear-bitmap r0/0 && drbdadm primary r0 &&
mkfs.ext4 -q /dev/drbd0 && drbdadm secondary r0
"""


class MirrorPair:
    """The two nodes, and a person's hands on them."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._key = bed.ssh_key.read_bytes()
        one, other = (spec_node(name, address=node.address, host_key=node.host_key) for name, node in bed.nodes.items())
        spec = pair_spec(nodes=(one, other))
        patient = {"readiness": (), "start_timeout_seconds": 300}
        services = tuple(item.model_copy(update=patient) for item in spec.services)
        drbd = Drbd(resource="r0", disk="/dev/ubdb", mount="/srv/maestro", peer_lost_freeze_seconds=FREEZE_SECONDS)
        self.spec = spec.model_copy(update={"services": services, "replication": Replication(drbd=drbd)})
        clock = SystemClock()
        self.units = UNITS
        self.sessions = Sessions(secrets=self._secrets, namespace="contract", clock=clock)
        self.nodes = SshNodes(self.sessions, spec=lambda: self.spec, clock=clock)
        self.replication = DrbdReplication(self.sessions)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the sessions."""
        await self.sessions.close()

    async def prepare(self, *, is_early: bool) -> None:
        """Make the first mirror as a person does, then let `a` own epoch 1 and run, and `b` receive."""
        program = Path(appender.__file__).read_text()
        for name in self._bed.nodes:
            script = f"cat >/etc/drbd.d/r0.res <<'END'\n{RESOURCE}END\ncat >{APPENDER} <<'END'\n{program}END\n"
            for unit, words in zip(UNITS, PROGRAMS, strict=True):
                text = UNIT.format(program=words + (" early" if is_early and APPENDER in words else ""))
                script += f"cat >/etc/systemd/system/{unit} <<'END'\n{text}END\n"
            await self.do(name, script + "systemctl daemon-reload\n" + WITHOUT_DATA)
        await self.do("a", FIRST_DATA)
        equipped = await asyncio.gather(*(self._equip(name) for name in self._bed.nodes))
        keys = dict(zip(self._bed.nodes, equipped, strict=True))
        await self.order("a", "create", episode="e1")
        await self.order("b", "create", episode="e1")
        for name, peer in (("a", "b"), ("b", "a")):
            introduced = await self.nodes.introduce(
                self.frozen(name),
                peer=self.frozen(peer),
                peer_public_key=keys[peer],
                deadline_seconds=DEADLINE_SECONDS,
            )
            assert isinstance(introduced, Done), introduced
        await self.order("a", "promise", episode="e1", epoch=1, owner="a")
        await self.order("b", "demote", episode="e1", epoch=1, owner="a")
        await self.order("a", "promote", episode="e1", epoch=1)
        await self.order("b", "quarantined", episode="e1", epoch=1)
        await self.order("b", "grant", episode="e1", epoch=1, source="a")
        await self.start("a", episode="e1", epoch=1)
        await self.contact("b")

    async def _equip(self, name: str) -> str:
        equipment = Equipment(PAIR_UID, self.spec, name)
        done = await self.nodes.equip(self.frozen(name), equipment, deadline_seconds=DEADLINE_SECONDS)
        assert isinstance(done, Done), done
        return done.facts["public_key"]

    async def start(self, name: str, *, episode: str, epoch: int) -> None:
        """Permit a node to run and start its services on its data."""
        await self.order(name, "permit", episode=episode, epoch=epoch)
        await self.order(name, "receipt", episode=episode, epoch=epoch, kind="Fenced")
        started = await self.nodes.start(self.frozen(name), self.spec.services, deadline_seconds=DEADLINE_SECONDS)
        assert isinstance(started, Done), started

    async def order(
        self,
        name: str,
        verb: str,
        *,
        episode: str,
        epoch: int | None = None,
        owner: str | None = None,
        source: str | None = None,
        kind: str | None = None,
    ) -> None:
        """Give an order that the guard must obey."""
        order = Order(verb, PAIR_UID, name, 1, episode, epoch=epoch, owner=owner, source=source, kind=kind)
        done = await self.nodes.order(self.frozen(name), order, deadline_seconds=DEADLINE_SECONDS)
        assert isinstance(done, Done), done

    async def promote(self, name: str, *, episode: str, generation: Generation | None) -> Outcome:
        """Bring the data up on a node."""
        return await self.replication.promote(
            self.frozen(name), episode=episode, generation=generation, deadline_seconds=DEADLINE_SECONDS
        )

    async def switch_over(self, source: str, target: str, *, episode: str, epoch: int) -> None:
        """Move the service as a switchover does, and turn the mirror round."""
        await self.order(source, "quiesce", episode=episode, epoch=epoch - 1)
        stopped = await self.nodes.stop(self.frozen(source), self.spec.services, deadline_seconds=DEADLINE_SECONDS)
        assert isinstance(stopped, Done), stopped
        await self.order(target, "promise", episode=episode, epoch=epoch, owner=target)
        final = await self.replication.final_sync(
            self.frozen(source), self.frozen(target), deadline_seconds=DEADLINE_SECONDS
        )
        assert isinstance(final, Done), final
        generation = (await self.read(target)).replica.newest
        assert generation is not None
        await self.order(source, "demote", episode=episode, epoch=epoch, owner=target)
        await self.order(target, "promote", episode=episode, epoch=epoch)
        promoted = await self.promote(target, episode=episode, generation=generation)
        assert isinstance(promoted, Done), promoted
        await self.start(target, episode=episode, epoch=epoch)
        turned = await self.replication.reverse(
            self.frozen(source), episode=episode, generation=generation, deadline_seconds=DEADLINE_SECONDS
        )
        assert isinstance(turned, Done), turned
        await self.order(source, "quarantined", episode=episode, epoch=epoch)
        await self.order(source, "grant", episode=episode, epoch=epoch, source=target)
        await self.contact(source)

    async def rejoin(self, name: str, *, owner: str, episode: str, epoch: int) -> None:
        """Make an old owner a standby: its data is kept aside, then it joins."""
        await self.order(name, "demote", episode=episode, epoch=epoch, owner=owner)
        kept = await self.replication.quarantine(self.frozen(name), episode=episode, deadline_seconds=DEADLINE_SECONDS)
        assert isinstance(kept, Done), kept
        await self.order(name, "quarantined", episode=episode, epoch=epoch)
        await self.order(name, "grant", episode=episode, epoch=epoch, source=owner)
        joined = await self.replication.sync(self.frozen(owner), self.frozen(name), deadline_seconds=DEADLINE_SECONDS)
        assert isinstance(joined, Done), joined

    async def contact(self, name: str) -> None:
        """Wait until a standby is in sync and has written that down, as its own timer lets it."""

        def is_known(seen: NodeSeen) -> bool:
            return seen.replica.is_whole and seen.replica.mirror is not None and seen.replica.mirror.is_in_sync

        await self.await_node(name, is_known)

    async def await_node(self, name: str, holds: Callable[[NodeSeen], bool]) -> NodeSeen:
        """Wait until a node's reading fulfils something."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not holds(seen := await self.read(name)):  # noqa: ASYNC110 - a node has no event for us
                await asyncio.sleep(0.5)
        return seen

    async def read(self, name: str) -> NodeSeen:
        """Read a node that must answer."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not isinstance(seen := await self.nodes.read(self.frozen(name)), NodeSeen):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        return seen

    async def mirror(self, name: str) -> Mirror:
        """Read one side of the mirror."""
        found = (await self.read(name)).replica.mirror
        assert found is not None
        return found

    def frozen(self, name: str) -> FrozenNode:
        """Return a node as an episode would freeze it."""
        node = self.spec.node(name)
        return FrozenNode(name=node.name, address=node.address, ssh=node.ssh)

    async def do(self, name: str, script: str) -> str:
        """Run a script on a node as from its console, which no cut reaches; return what it printed."""
        ran = await asyncio.to_thread(self._bed.nodes[name].run, script, timeout_seconds=DEADLINE_SECONDS)
        return (ran.stdout + ran.stderr).decode().strip()

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self._key}
