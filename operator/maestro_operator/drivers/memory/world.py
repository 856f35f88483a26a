"""A world of two nodes in memory: power, network, disks, names and fence devices that obey physics.

It stands in for the real parts in tests, in the enumeration and in a demo without root. It refuses
impossible worlds: a node without power answers nothing, a cut carries nothing, a stopped service
writes nothing. Two services that run at once are not refused: they are what the laws are about,
so they are written down as `moments_with_two_writers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.guard_twin import LOST, NEVER, GuardState, Permit
from maestro_operator.drivers.memory.guarding import take_a_round
from maestro_operator.model.status import Generation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.reasons import Reason
    from maestro_operator.model.seen import Replica

OPERATOR = "operator"


class MemoryClock:
    """A clock that moves only when it is told to, or when somebody sleeps on it."""

    def __init__(self, *, seconds: float = 1_000.0) -> None:
        """Begin at some moment after a boot."""
        self._seconds = seconds

    def now(self) -> str:
        """Return the wall clock of the memory world."""
        whole, part = divmod(self._seconds, 1)
        minutes, second = divmod(int(whole), 60)
        hours, minute = divmod(minutes, 60)
        days, hour = divmod(hours, 24)
        return f"2026-01-{1 + days:02d}T{hour:02d}:{minute:02d}:{second:02d}.{int(part * 1000):03d}Z"

    def monotonic_seconds(self) -> float:
        """Return the monotonic clock of the memory world."""
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        self.pass_seconds(seconds)

    def pass_seconds(self, seconds: float) -> None:
        """Move the clock forward."""
        self._seconds += max(0.0, seconds)


@dataclass(frozen=True, slots=True)
class Copy:
    """A generation on a node's disk."""

    generation: Generation
    records: int
    announced_at_seconds: float
    is_whole: bool = True
    """It is of one moment; else nothing promotes it unasked."""


@dataclass(slots=True)
class MemoryNode:
    """One server: what survives a power cut and what does not."""

    name: str
    address: str
    machine_id: str
    units: tuple[str, ...]
    # What the disk keeps.
    guard: GuardState = NEVER
    is_equipped: bool = False
    is_outdated: bool = False
    """Another version or configuration is installed than the operator would install."""
    has_peer_key: bool = False
    """It was introduced: it knows its peer, and lets its peer's guard in."""
    records: int | None = None
    """How many records the live data holds; None where there is no live data."""
    copies: tuple[Copy, ...] = ()
    sent: Generation | None = None
    sent_at_seconds: float | None = None
    quarantine: dict[str, int] = field(default_factory=dict)
    queued: int = 0
    """How many messages lie in the live data's queue."""
    held: tuple[str, int] | None = None
    """The episode in which the queue was held, and how many lay in it."""
    can_hold: bool = True
    """Whether the site's program that holds the queue works."""
    backups: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By name: how many records a kept backup holds, and when it ended."""
    tested: tuple[str, float, str] | None = None
    """Of which backup the last restore test was, when it was made, and how it ended."""
    damaged: set[str] = field(default_factory=set)
    """Kept backups whose bits have rotted."""
    breaks: set[str] = field(default_factory=set)
    """Units that do not start on the data that lies here."""
    promoted: Generation | None = None
    promoted_episode: str | None = None
    pins: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    # What a power cut ends.
    is_on: bool = True
    is_frozen: bool = False
    is_guarding: bool = True
    """Whether the guard's daemon runs; without it the guard only answers and obeys."""
    boots: int = 1
    booted_at_seconds: float = 0.0
    running: set[str] = field(default_factory=set)
    peer_left_at_seconds: float | None = None
    """When the peer's guard said that it goes down; a reboot here forgets it."""
    receipts: dict[str, Permit] = field(default_factory=dict)
    """By kind: the epoch and boot for which a mirror's handler may act once."""
    addresses: set[str] = field(default_factory=set)
    """The addresses that it has beside its own."""
    trial: str | None = None
    """The start test for which there is a place apart, and which services run in it."""
    tried: set[str] = field(default_factory=set)

    @property
    def boot_id(self) -> str:
        """Return the id of this boot."""
        return f"{self.name}-boot-{self.boots}"

    @property
    def is_alive(self) -> bool:
        """Tell whether the node can answer anybody."""
        return self.is_on and not self.is_frozen

    def end_trial(self) -> None:
        """Throw the place apart away, with everything that runs in it."""
        self.trial, self.tried = None, set()

    def newest(self) -> Copy | None:
        """Return the newest whole copy."""
        return next((copy for copy in reversed(self.copies) if copy.is_whole), None)

    def torn(self) -> Copy | None:
        """Return the newest copy that is of no one moment."""
        return next((copy for copy in reversed(self.copies) if not copy.is_whole), None)

    def keep(self, copy: Copy) -> None:
        """Put a copy to the others; of each kind the newest three stay."""
        known = (*self.copies, copy)
        kept = [item for kind in (True, False) for item in [it for it in known if it.is_whole is kind][-3:]]
        self.copies = tuple(item for item in known if item in kept)


class MemoryWorld:
    """Everything outside the operator."""

    def __init__(self, *, nodes: Iterable[tuple[str, str]], units: tuple[str, ...], clock: MemoryClock) -> None:
        """Make two nodes with power, never guarded; the first holds live data."""
        self.clock = clock
        self.units = units
        self.nodes = {
            name: MemoryNode(name=name, address=address, machine_id=f"machine-{name}", units=units)
            for name, address in nodes
        }
        first = next(iter(self.nodes.values()))
        first.records = 0
        self.names: dict[str, str] = {}
        self.ttl_seconds = 5
        self.is_dns_up = True
        self.is_dns_frozen = False
        self.steered: dict[str, str] = {}
        """By entry of traffic that is kept on a host or in the cluster: where it sends clients."""
        self.others_have: set[str] = set()
        """Addresses that somebody else on the nodes' segment answers for, and entries whose object another one made."""
        self.idle_programs: set[str] = set()
        """Entries whose program says that it moved them, and did not."""
        self.cuts: set[tuple[str, str]] = set()
        """Directed pairs (from, to) that carry nothing."""
        self.devices: dict[str, str] = dict.fromkeys(self.nodes, "honest")
        """Per node: honest, lying, denying, dead."""
        self.secret_changes: dict[str, int] = dict.fromkeys(self.nodes, 0)
        """Per node: how often the Secret of its device was changed."""
        self.ailments: dict[str, Reason] = {}
        """Per node: what its services say to who asks them, though they run."""
        self.failing_checks: set[tuple[str, str]] = set()
        """Node and check that fails there although all runs."""
        self.takes_moments = True
        """Whether a copy of running data is of one moment; a copy of stopped data always is."""
        self.rounds_of_checks = 0
        self.acknowledged = 0
        self.last_acknowledged_seconds = 0.0
        self.moments_with_two_writers: list[str] = []
        self.commands = 0

    # ------------------------------------------------------------ physics

    def reaches(self, source: str, target: str) -> bool:
        """Tell whether an answer comes back from a node (a frozen or dark one never answers)."""
        there = (source, target) not in self.cuts and (target, source) not in self.cuts
        alive = all(self.nodes[name].is_alive for name in (source, target) if name in self.nodes)
        return there and alive

    def cut(self, one: str, other: str) -> None:
        """Cut the network between two parties, both ways."""
        self.cuts |= {(one, other), (other, one)}

    def heal(self) -> None:
        """End every cut."""
        self.cuts.clear()

    def isolate(self, name: str) -> None:
        """Cut a node off from everybody."""
        for party in (OPERATOR, *self.nodes):
            if party != name:
                self.cut(name, party)

    def power_cut(self, name: str) -> None:
        """Take a node's power away: what runs ends at once."""
        node = self.nodes[name]
        node.is_on, node.is_frozen = False, False
        node.running.clear()
        node.end_trial()
        node.receipts.clear()
        node.addresses.clear()
        node.peer_left_at_seconds = None

    def shut_down(self, name: str) -> None:
        """Switch a node off in order: its guard tells the peer before the network goes."""
        node, peer = self.nodes[name], self.other(name)
        if node.is_equipped and node.is_guarding and self._lets_in(peer, node) and self.reaches(name, peer.name):
            peer.peer_left_at_seconds = self.clock.monotonic_seconds()
        self.power_cut(name)

    def power_on(self, name: str) -> None:
        """Give a node power: it boots, and its guard looks around."""
        node = self.nodes[name]
        if not node.is_on:
            node.is_on = True
            node.boots += 1
            node.booted_at_seconds = self.clock.monotonic_seconds()

    def reboot(self, name: str) -> None:
        """Reboot a node."""
        self.power_cut(name)
        self.power_on(name)

    def freeze(self, name: str) -> None:
        """Stop every process of a node at one instant."""
        self.nodes[name].is_frozen = True

    def thaw(self, name: str) -> None:
        """Let a frozen node go on where it was."""
        self.nodes[name].is_frozen = False

    def writers(self) -> list[str]:
        """Return the nodes whose services all run and can write."""
        return [
            node.name
            for node in self.nodes.values()
            if node.is_alive and node.running >= set(self.units) and node.records is not None
        ]

    def note_writers(self, when: str) -> None:
        """Write down a moment in which two nodes run services."""
        running = [node.name for node in self.nodes.values() if node.is_on and node.running]
        if len(running) > 1:
            self.moments_with_two_writers.append(f"{when}: {' and '.join(running)}")

    def write(self) -> bool:
        """Let a client write one record through the public names; tell whether it was acknowledged."""
        self.note_writers("a client writes")
        address = self.clients_go_to()
        for name in self.writers():
            node = self.nodes[name]
            if node.address == address and node.records is not None and self.reaches(OPERATOR, name):
                node.records += 1
                self.acknowledged += 1
                self.last_acknowledged_seconds = self.clock.monotonic_seconds()
                return True
        return False

    def clients_go_to(self) -> str | None:
        """Return where clients end up: by a name, else by an address that moves, else by what steers them."""
        holders = (node.address for node in self.nodes.values() if node.is_alive and node.addresses)
        return next(iter((*self.names.values(), *holders, *self.steered.values())), None)

    def lost_records(self) -> int:
        """Return how many acknowledged records the one running side does not hold."""
        holders = [self.nodes[name].records or 0 for name in self.writers()]
        return self.acknowledged - max(holders, default=0)

    def back_up(self, name: str, backup: str) -> None:
        """Let the application make a backup on a node; it is copied to the other one where that can be reached."""
        node, peer = self.nodes[name], self.other(name)
        kept = (node.records or 0, self.clock.monotonic_seconds())
        node.backups[backup] = kept
        if self.reaches(name, peer.name):
            peer.backups[backup] = kept

    # ------------------------------------------------------------ the nodes' own doing

    def lose_guard_state(self, name: str) -> None:
        """Damage the guard's state on a node's disk."""
        self.nodes[name].guard = LOST

    def run_guards(self) -> None:
        """Let every guard that lives take one round: confirm after a boot, obey a newer epoch."""
        for node in self.nodes.values():
            if node.is_alive and node.is_equipped and node.is_guarding:
                peer = self.other(node.name)
                answers = self._lets_in(peer, node) and self.reaches(node.name, peer.name)
                did = take_a_round(node, peer, peer_answers=answers)
                if did:
                    self.note_writers(did)

    @staticmethod
    def _lets_in(asked: MemoryNode, asker: MemoryNode) -> bool:
        """Tell whether one guard may ask the other: each was introduced on its own node."""
        return asker.has_peer_key and asked.has_peer_key and asked.is_equipped

    def other(self, name: str) -> MemoryNode:
        """Return the node that is not the named one."""
        return next(node for node in self.nodes.values() if node.name != name)

    def replica_of(self, node: MemoryNode) -> Replica | None:
        """Return what a driver of its own says of a node's copy; None where copies are whole generations."""
        del node
        return None

    def bring_up(self, node: MemoryNode) -> Outcome | None:
        """Make a node's data writable before its services start; give what stands in the way, if anything does."""
        del node
        return None

    def run_syncs(self) -> None:
        """Let every node's timer fire once."""
        for node in self.nodes.values():
            self.sync_from(node.name)

    def sync_from(self, name: str) -> Generation | None:
        """Run one sync from a node, if its guard lets it send and the peer's lets it commit."""
        source, target = self.nodes[name], self.other(name)
        if not self.reaches(name, target.name) or source.records is None or not source.guard.may_send(source.boot_id):
            return None
        epoch, grant = source.guard.inforce_epoch, target.guard.grant
        if grant is None or (grant.epoch, grant.source) != (epoch, name) or target.guard.permit is not None:
            return None
        known = [copy.generation.counter for copy in target.copies if copy.generation.epoch == epoch]
        generation = Generation(epoch=epoch, counter=1 + max(known, default=0))
        is_whole = self.takes_moments or not source.running
        target.keep(Copy(generation, source.records, self.clock.monotonic_seconds(), is_whole=is_whole))
        source.sent, source.sent_at_seconds = generation, self.clock.monotonic_seconds()
        return generation
