"""Every port over a `MemoryWorld`: the same verbs, values and refusals as the real drivers.

The nodes' arbiter is the guard's twin, and the contract suites hold these ports to the real ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.commanding import MemoryProduct
from maestro_operator.drivers.memory.fencing import MemoryFencing as MemoryFencing  # noqa: PLC0414 - found here too
from maestro_operator.drivers.memory.filing import hold_queue, settle_files
from maestro_operator.drivers.memory.guard_twin import NEVER
from maestro_operator.drivers.memory.guarding import obey
from maestro_operator.drivers.memory.machine import MemoryMachine
from maestro_operator.drivers.memory.mirror import MirrorWorld
from maestro_operator.drivers.memory.mirroring import MemoryMirror
from maestro_operator.drivers.memory.naming import MemoryNames
from maestro_operator.drivers.memory.product import ProductWorld
from maestro_operator.drivers.memory.reach import Reaching
from maestro_operator.drivers.memory.reading import node_seen
from maestro_operator.drivers.memory.rehearsing import MemoryRehearsals
from maestro_operator.drivers.memory.sharing import MemoryShared, SharedWorld
from maestro_operator.drivers.memory.steering import MemoryCluster, MemoryFloating, MemoryHosts
from maestro_operator.drivers.memory.world import OPERATOR, Copy, MemoryWorld
from maestro_operator.drivers.ports import CheckResult, Drivers, Equipment, Order, ReplicationPort, TrafficPort
from maestro_operator.drivers.probes.drbd import drbd_vote_of
from maestro_operator.drivers.traffic.entries import TrafficEntries
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown, Vote, VoteSeen
from maestro_operator.transport.completed import Completed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.model.detection import PrometheusQuery, Witness
    from maestro_operator.model.pair import Check, Localise, Probe, Service
    from maestro_operator.model.status import FrozenNode, Generation


def memory_drivers(world: MemoryWorld) -> Drivers:
    """Return one port of each family over one world."""
    return Drivers(
        nodes=MemoryNodes(world),
        replication=memory_replication(world),
        fencing=MemoryFencing(world),
        traffic=memory_traffic(world),
        probes=MemoryProbes(world),
        verification=MemoryVerification(world),
        machine=MemoryMachine(world),
        rehearsals=MemoryRehearsals(world),
    )


def memory_replication(world: MemoryWorld) -> ReplicationPort:
    """Return the replication port that fits a world."""
    if isinstance(world, SharedWorld):
        return MemoryShared(world)
    if isinstance(world, ProductWorld):
        return MemoryProduct(world)
    return MemoryMirror(world) if isinstance(world, MirrorWorld) else MemoryReplication(world)


def memory_traffic(world: MemoryWorld) -> TrafficPort:
    """Return the traffic port over one world, put together as the real one is."""
    return TrafficEntries(
        dns=MemoryNames(world), floating=MemoryFloating(world), hosts=MemoryHosts(world), cluster=MemoryCluster(world)
    )


class MemoryNodes(Reaching):
    """The node port."""

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read a node that answers."""
        if self._silent(node):
            return Unknown(Reason.TIMED_OUT, f"{node.name} did not answer")
        return node_seen(self._world, self._node(node))

    async def equip(self, node: FrozenNode, equipment: Equipment, *, deadline_seconds: float) -> Outcome:
        """Install the guard."""
        del equipment, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).is_equipped, self._node(node).is_outdated = True, False
        return Done({"public_key": f"ssh-ed25519 {node.name}"})

    async def introduce(
        self, node: FrozenNode, *, peer: FrozenNode, peer_public_key: str, deadline_seconds: float
    ) -> Outcome:
        """Let the peer's guard ask this one's."""
        del peer, peer_public_key, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).has_peer_key = True
        return Done()

    async def release(self, node: FrozenNode, *, pair_uid: str, is_owner: bool, deadline_seconds: float) -> Outcome:
        """Take the guard off; what runs runs on."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if there.guard.pair not in ("", pair_uid):
            return Refused(Reason.FOREIGN_PAIR, f"{node.name} belongs to pair {there.guard.pair}", "ForeignPair")
        if there.running and not is_owner:
            return Refused(Reason.STEP_REFUSED, f"{node.name} runs services", "StillRunning")
        there.guard, there.is_equipped, there.has_peer_key, there.is_outdated = NEVER, False, False, False
        # The copies stay under another name: no pair that comes later counts on from them.
        there.pins, there.copies = {}, ()
        return Done({"left": "/srv/.maestro-replica.released-20260101000000"})

    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        """Let the twin answer, and do on the node what the real guard does beside its state."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if not there.is_equipped:
            return Refused(Reason.GUARD_ABSENT, f"{node.name} has no guard")
        return obey(there, order)

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services where the permit holds and the names resolve to the node."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if not node_seen(self._world, there).guard.may_run:
            return Refused(Reason.REFUSED_BY_GUARD, f"{node.name} has no permit", "NoPermit")
        if there.records is None:
            return Failed(Reason.COMMAND_FAILED, f"{node.name} has no data to start on")
        held = self._world.bring_up(there)
        if held is not None:
            return held
        there.running |= {service.unit for service in services}
        self._world.note_writers(f"{node.name} was started")
        return Done()

    async def stop(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Stop the services."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).running -= {service.unit for service in services}
        left = self._node(node).running
        return Failed(Reason.COMMAND_FAILED, f"{node.name} still runs {', '.join(left)}") if left else Done()

    async def pin(self, node: FrozenNode, names: Mapping[str, str], *, deadline_seconds: float) -> Outcome:
        """Pin names on the node."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).pins = dict(names)
        return Done()

    async def settle(
        self, node: FrozenNode, items: Sequence[Localise], *, peer: FrozenNode, deadline_seconds: float
    ) -> Outcome:
        """Edit the node's files by the same rules as on a real one."""
        del deadline_seconds
        return self._silent(node) or settle_files(self._node(node).files, items, node=node, peer=peer)

    async def peer_vote(self, asked: FrozenNode, about: FrozenNode, probes: Sequence[Probe]) -> VoteSeen | Unknown:
        """Ask a node that answers what it sees of the other."""
        del probes
        if self._silent(asked):
            return Unknown(Reason.PEER_UNREACHABLE, f"{asked.name} could not be asked")
        return _vote(self._world, "peer", seer=asked.name, about=about.name)

    async def drbd_vote(self, asked: FrozenNode, about: FrozenNode, resource: str) -> VoteSeen | Unknown:
        """Ask a node that answers whether the other one's kernel does; a mirror says what its connection is."""
        if self._silent(asked):
            return Unknown(Reason.PEER_UNREACHABLE, f"{asked.name} could not be asked")
        replica = self._world.replica_of(self._node(asked))
        if replica is not None and replica.mirror is not None:
            said = Completed(0, f"{replica.mirror.connection}\n", "")
            return drbd_vote_of(said, asked=asked.name, about=about.name, resource=resource)
        if self._world.reaches(asked.name, about.name):
            return VoteSeen("drbd", about.name, Vote.ALIVE, Reason.ANSWERS, f"{about.name}'s kernel answers", 0.0)
        return VoteSeen("drbd", about.name, Vote.DEAD, Reason.PEER_UNREACHABLE, f"{about.name} is silent", 0.0)


class MemoryProbes(Reaching):
    """The probe port."""

    async def vote(
        self, node: FrozenNode, probes: Sequence[Probe], *, timeout_seconds: float, slow_seconds: float
    ) -> VoteSeen | Unknown:
        """Look at a node from where the operator is."""
        del probes, timeout_seconds, slow_seconds
        return _vote(self._world, "operator", seer=OPERATOR, about=node.name)

    async def witness_vote(
        self,
        witness: Witness,
        node: FrozenNode,
        probes: Sequence[Probe],
        *,
        timeout_seconds: float,
        slow_seconds: float,
    ) -> VoteSeen | Unknown:
        """Look at a node from a third place, which has to be reached first."""
        del probes, timeout_seconds, slow_seconds
        if (OPERATOR, witness.name) in self._world.cuts:
            return Unknown(Reason.TIMED_OUT, f"{witness.name} did not answer")
        return _vote(self._world, witness.name, seer=witness.name, about=node.name)

    async def prometheus_vote(
        self, query: PrometheusQuery, node: FrozenNode, *, timeout_seconds: float
    ) -> VoteSeen | Unknown:
        """Ask a server in a third place, which says that something does not answer and never why."""
        del timeout_seconds
        if (OPERATOR, query.name) in self._world.cuts:
            return Unknown(Reason.TIMED_OUT, f"{query.name} did not answer")
        found = _vote(self._world, query.name, seer=query.name, about=node.name)
        if found.vote is Vote.ALIVE:
            return found
        is_sick = found.vote is Vote.SICK and query.machine_query is not None
        vote = Vote.SICK if is_sick else Vote.DEAD
        return VoteSeen(query.name, node.name, vote, Reason.PROBE_FAILED, "it does not answer", 0.0)


def _vote(world: MemoryWorld, vantage_point: str, *, seer: str, about: str) -> VoteSeen:
    vote, reason, text = Vote.DEAD, Reason.TIMED_OUT, f"{about} does not answer"
    if world.reaches(seer, about):
        whole = world.nodes[about].running >= set(world.units)
        vote, reason, text = Vote.SICK, Reason.CONNECTION_REFUSED, f"{about} refuses the connection"
        sick = world.ailments.get(about)
        if whole and sick is not None:
            vote, reason, text = Vote.SICK, sick, f"{about} is not well: {sick}"
        elif whole:
            vote, reason, text = Vote.ALIVE, Reason.ANSWERS, f"{about} answers"
    return VoteSeen(vantage_point, about, vote, reason, text, 0.0)


class MemoryReplication(Reaching):
    """The replication port."""

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open nothing: here a copy takes no time."""
        del target, deadline_seconds
        return self._silent(source) or Done()

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Send what the stopped source has."""
        del deadline_seconds
        silent = self._silent(source)
        if silent:
            return silent
        generation = self._world.sync_from(source.name)
        if generation is None:
            return Failed(Reason.COMMAND_FAILED, f"{source.name} could not send to {target.name}")
        return Done({"generation": str(generation)})

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Begin one sync; here it has ended, or failed, before anybody looks."""
        del target, deadline_seconds
        silent = self._silent(source)
        if silent:
            return silent
        self._world.sync_from(source.name)
        return Done()

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Make a whole copy the live data; what was live is kept aside."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        there.end_trial()
        if there.promoted_episode == episode:
            return Done()
        if there.running:
            return Refused(Reason.STEP_REFUSED, f"{node.name} runs services on its live data", "HasHolders")
        copy = next((item for item in there.copies if item.generation == generation and item.is_whole), None)
        if copy is None:
            return Refused(Reason.COPY_NOT_WHOLE, f"{node.name} has no generation {generation}", "NotWhole")
        if there.records is not None:
            there.quarantine[f"{episode}-replaced"] = there.records
        there.records = copy.records
        there.promoted, there.promoted_episode = copy.generation, episode
        return Done()

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one thing that is kept aside."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        self._node(node).quarantine.pop(item, None)
        return Done()

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Put a backup or a torn copy in the place of the live data, which is kept aside."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if there.promoted_episode == episode:
            return Done()
        if there.running:
            return Refused(Reason.STEP_REFUSED, f"{node.name} runs services on its live data", "HoldersPresent")
        copies = {str(copy.generation): copy.records for copy in there.copies}
        records = there.backups[item][0] if item in there.backups else copies.get(item)
        if records is None:
            return Refused(Reason.BACKUP_ABSENT, f"{node.name} has no backup {item}", "NoSuchItem")
        if there.records is not None:
            there.quarantine[f"{episode}-replaced"] = there.records
        there.records, there.promoted, there.promoted_episode = records, None, episode
        return Done()

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail once an episode, before anything runs."""
        del deadline_seconds
        return self._silent(node) or hold_queue(self._node(node), episode)

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Make an old source ready to receive; what it sent stays as a whole copy until the other's first run."""
        del episode, deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if there.records is not None and there.sent_at_seconds is not None:
            there.keep(Copy(generation, there.records, there.sent_at_seconds))
        there.records = None
        return Done()

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Keep aside what the node wrote last."""
        del deadline_seconds
        silent = self._silent(node)
        if silent:
            return silent
        there = self._node(node)
        if there.records is not None:
            there.quarantine[episode] = there.records
            there.records = None
        return Done()


class MemoryVerification(Reaching):
    """The verification port: passes where the services run."""

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Check the node."""
        del since, deadline_seconds
        self._world.rounds_of_checks += 1
        well = self._node(node).running >= set(self._world.units)
        word = "it serves" if well else "it does not serve"
        failing = {name for at, name in self._world.failing_checks if at == node.name}
        return tuple(
            CheckResult(check.name, passed=False, message="as it was planted")
            if check.name in failing
            else CheckResult(check.name, passed=well, message=word)
            for check in checks
        )
