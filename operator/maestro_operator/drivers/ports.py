"""What the operator needs from the world: one small port a family.

Every verb is idempotent, ends within the deadline it is given, and turns every expected failure
into a value: a reader gives `Unknown(reason)`, an effect gives `Refused` or `Failed`. None of
them raises for anything a network or a node can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.model.detection import PrometheusQuery, Witness
    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import Check, Localise, PairSpec, Probe, Service, Traffic
    from maestro_operator.model.seen import (
        DeviceSeen,
        NodeSeen,
        TrafficSeen,
        Unknown,
        VoteSeen,
    )
    from maestro_operator.model.status import FrozenNode, Generation


@dataclass(frozen=True, slots=True)
class Order:
    """One order to a node's guard, with everything the guard checks before it obeys."""

    verb: str
    """create, lead, promise, promote, permit, quiesce, demote, renew, quarantined, grant, sever, revoke, receipt."""
    pair_uid: str
    node: str
    term: int
    episode: str
    epoch: int | None = None
    owner: str | None = None
    source: str | None = None
    anew: bool = False
    """For `create`: write lost state anew."""
    kind: str | None = None
    """For `receipt`: what a mirror or a shared disk may act on once, `Fenced` or `StandbyLost`."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What must be on a node before it can take orders: the guard and what the guard knows."""

    pair_uid: str
    spec: PairSpec
    node: str


@dataclass(frozen=True, slots=True)
class Way:
    """From which node clients are taken to which, and what is known of the one they leave."""

    target: FrozenNode
    source: FrozenNode
    former: tuple[str, ...] = ()
    """Addresses that were this pair's before, where clients may still be sent."""
    source_is_off: bool = False
    """A proof says that the source has no power: it answers nobody, and nothing at its site is waited for."""
    keeps_owner: bool = False
    """The target served already: what it had is only put right."""
    is_planned: bool = False
    """The move is a switchover: what clients may keep stays short until the pair is at rest again."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one verification ended; `message` is redacted evidence."""

    name: str
    passed: bool
    message: str
    waits_for: str | None = None
    """The check that failed first, for one that was not tried because of it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One start test: services of a pair on a copy of the standby's data, out of reach of everything."""

    id: str
    seconds: int
    """How long it may last on the node, whatever becomes of who asked for it."""
    bounces: tuple[str, ...] = ()
    """Addresses that nobody has, as far as the mail sink is concerned."""
    names: tuple[str, ...] = ()
    """Names of the world outside that the services have to find: each is the mail sink's."""


class NodePort(Protocol):
    """A node: read in one round trip, ordered through its guard, its services started."""

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read everything about a node from the node itself, in one round trip."""

    async def equip(self, node: FrozenNode, equipment: Equipment, *, deadline_seconds: float) -> Outcome:
        """Install the guard, its configuration, drop-ins and timers; disable the units.

        On a node where a service runs, nothing running is stopped and no gate is installed
        before the guard has a permit for it. Gives the node's own public key as fact `public_key`.
        """

    async def introduce(
        self, node: FrozenNode, *, peer: FrozenNode, peer_public_key: str, deadline_seconds: float
    ) -> Outcome:
        """Let the peer's guard ask this node's, by one forced command and pinned keys."""

    async def release(self, node: FrozenNode, *, pair_uid: str, is_owner: bool, deadline_seconds: float) -> Outcome:
        """Take off everything that `equip`, `introduce` and `pin` put on; no service is stopped or started.

        The owner's services are enabled again as they were found; a standby's stay disabled, and one that runs
        something is refused. Data stays. Facts: `enabled` units, and `left`, the folder of the copies.
        """

    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        """Give one order to the guard. `Refused` carries the guard's word."""

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services in order, each ready before the next; needs a permit on the node."""

    async def stop(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Stop the services in reverse order and read back that nothing of them is left."""

    async def pin(self, node: FrozenNode, names: Mapping[str, str], *, deadline_seconds: float) -> Outcome:
        """Make names resolve to addresses on the node itself, and read that back there."""

    async def settle(
        self, node: FrozenNode, items: Sequence[Localise], *, peer: FrozenNode, deadline_seconds: float
    ) -> Outcome:
        """Make the files in which some values are the node's own say what they should; every other byte stays.

        A file is replaced whole or not at all. A fact for each file says what changed.
        """

    async def peer_vote(self, asked: FrozenNode, about: FrozenNode, probes: Sequence[Probe]) -> VoteSeen | Unknown:
        """Ask one node what it sees of the other one's services."""

    async def drbd_vote(self, asked: FrozenNode, about: FrozenNode, resource: str) -> VoteSeen | Unknown:
        """Ask one node what its DRBD sees of the other one's kernel."""


class ReplicationPort(Protocol):
    """The one consistency group, as whole numbered generations."""

    async def connect(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Open what the last copy goes over, while the services still run; nothing is sent, and nobody relies on it."""

    async def final_sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Send what the stopped source has; fact `generation` names what the target committed."""

    async def promote(
        self, node: FrozenNode, *, episode: str, generation: Generation | None, deadline_seconds: float
    ) -> Outcome:
        """Make the newest whole generation the live data; the old live data is kept aside.

        With `generation` None (first activation) the live data that is there is used as it is.
        """

    async def reverse(
        self, node: FrozenNode, *, episode: str, generation: Generation, deadline_seconds: float
    ) -> Outcome:
        """Make an old source, equal to that generation, ready to receive."""

    async def quarantine(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Keep aside what the node wrote last, before anything may overwrite it."""

    async def restore(self, node: FrozenNode, *, episode: str, item: str, deadline_seconds: float) -> Outcome:
        """Put a kept backup, or a generation that is not whole, in the place of the live data, which is kept aside."""

    async def discard(self, node: FrozenNode, *, item: str, deadline_seconds: float) -> Outcome:
        """Delete one thing that is kept aside; one that is gone is done."""

    async def hold_queue(self, node: FrozenNode, *, episode: str, deadline_seconds: float) -> Outcome:
        """Count the queue of mail in the live data and let the site's program hold it, once an episode.

        No service may run. Fact `queued` is how many messages lie there.
        """

    async def sync(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Begin one ordinary sync now instead of at the timer's next moment; its end is read back.

        The run asks the source's guard and the receiver's grant itself: without a right nothing is
        sent, and `Done` says only that it was begun.
        """


class MachinePort(Protocol):
    """A virtual machine that a cluster keeps between the two nodes; where it runs is read with the nodes."""

    async def migrate(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Move the machine from the host that was read to run it to the other one, as people ordered.

        It runs on while it moves, and stays where it is where that fails: no machine is started or stopped. `Done`
        where it runs on the target alone. A move that is still under way from an earlier call is `InProgress`.
        """


class FencingPort(Protocol):
    """Out-of-band devices: they switch off and they say what is off, nothing else."""

    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        """Switch off every device of the rung, then read each twice, at least 2 s apart.

        `Done.evidence` holds every reading, also those that are not `off`: what they prove is
        not for the driver to say. Agents die with the operator, the whole process group.
        """

    async def check(self, node: FrozenNode) -> tuple[DeviceSeen | Unknown, ...]:
        """Read every device of the node without changing anything."""

    async def credentials(self, node: FrozenNode) -> str | Unknown:
        """Return a mark of what the Secrets of the node's devices hold now: another one where any of them changed."""


class TrafficPort(Protocol):
    """What points clients at a node."""

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Read where the entry points, from every authority that answers; they must all agree."""

    async def lower(self, entry: Traffic, *, deadline_seconds: float) -> Outcome:
        """Let clients keep what they are told for a shorter time; fact `wait_seconds` is how long they may know older.

        An entry without such a time has nothing to do and is done.
        """

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Send clients to the target in one atomic change and read it back everywhere.

        The old value, one of the pair's own or of `former`, is the change's prerequisite. What pointed at the
        source is withdrawn before, or in the same change; one that is off counts as withdrawn.
        """


class ProbePort(Protocol):
    """The looks at a service from outside: the operator's own, a witness's, a monitoring system's."""

    async def vote(
        self, node: FrozenNode, probes: Sequence[Probe], *, timeout_seconds: float, slow_seconds: float
    ) -> VoteSeen | Unknown:
        """Probe the services of a node from here and give one vote with its reason."""

    async def witness_vote(
        self,
        witness: Witness,
        node: FrozenNode,
        probes: Sequence[Probe],
        *,
        timeout_seconds: float,
        slow_seconds: float,
    ) -> VoteSeen | Unknown:
        """Probe the services of a node through a witness; a witness that cannot be used says nothing of the node."""

    async def prometheus_vote(
        self, query: PrometheusQuery, node: FrozenNode, *, timeout_seconds: float
    ) -> VoteSeen | Unknown:
        """Ask a Prometheus server what it knows of a node; no fresh sample says nothing."""


class VerificationPort(Protocol):
    """The proof that the service really works."""

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Run every check in parallel, each within its deadline; a check that cannot run fails."""


class RehearsalPort(Protocol):
    """What is tried on a standby, beside everything that serves and out of its reach; nothing of it leaves the node."""

    async def begin(self, node: FrozenNode, trial: Trial, *, deadline_seconds: float) -> Outcome:
        """Have a place apart with a copy of the node's newest whole generation, in which services can be started.

        One of the same id that is there already is done; any other is thrown away first. A node that may run or send
        refuses. Fact `generation` names the copy.
        """

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services there in order, each ready before the next, on data that has the node's own values."""

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Run every check there as after a real start; a mailing is looked for in the sink that takes every mail."""

    async def end(self, node: FrozenNode, trial_id: str, *, deadline_seconds: float) -> Outcome:
        """End everything that runs there and throw the copy away; what is gone is done."""

    async def test_restore(self, node: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Restore the newest backup that the node keeps beside everything else, have it checked, and throw it away.

        Fact `tested` names the backup. A node that may run or send refuses.
        """


@dataclass(frozen=True, slots=True)
class Drivers:
    """One port of each family, for one pair."""

    nodes: NodePort
    replication: ReplicationPort
    fencing: FencingPort
    traffic: TrafficPort
    probes: ProbePort
    verification: VerificationPort
    machine: MachinePort
    rehearsals: RehearsalPort
