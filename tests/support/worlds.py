"""Pairs in memory for the tests of the engine: the real loop, turn by turn, over the memory drivers.

A `Pair` is everything around one loop: a world that obeys physics, a clock that moves when it is told to, an
API server that holds one resource and the laws of its schema, and a Lease. Time passes between turns only.
"""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import Drivers
from maestro_operator.loop import PairLoop
from maestro_operator.model.decision import Decided, Hold
from maestro_operator.model.errors import StatusConflict
from maestro_operator.model.pair import Answer, PairKey, PairSpec, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.status import PairStatus
from maestro_operator.model.surroundings import FINALIZER, Resource
from maestro_operator.observe.census import Census
from support.law_three import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.seen import Seen

ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12"}
NAME = "maestro.example.org"
UNITS = ("mariadb.service", "maestro.service")
INTERVAL_SECONDS = 10
KEY = PairKey(namespace="default", name="pair", uid="11111111-2222-3333-4444-555555555555")
LEAST_PAUSE_SECONDS = 0.05
"""How long a turn takes in memory: as long as the shortest real one."""
HOLD_PAUSE_SECONDS = 1.0


# ---------------------------------------------------------------- the resource


def pair_spec(**changes: Any) -> PairSpec:  # noqa: ANN401
    """Returns the spec of a pair that fails over by itself, with these fields (snake case) changed."""
    spec: dict[str, Any] = {
        "activeNode": "a",
        "nodes": [_node(name, address) for name, address in ADDRESSES.items()],
        "services": [{"name": unit.removesuffix(".service"), "unit": unit} for unit in UNITS],
        "replication": {
            "rsync": {
                "paths": ["/srv/maestro"],
                "intervalSeconds": INTERVAL_SECONDS,
                "consistency": {"btrfs": {}},
            }
        },
        "traffic": [
            {
                "name": "names",
                "dns": {
                    "servers": ["10.77.0.53"],
                    "zone": "example.org",
                    "names": [NAME],
                    "ttlSeconds": 5,
                    "tsigSecret": {"name": "tsig"},
                },
            }
        ],
        "localise": [{"name": "pins", "hostsPin": {"names": [NAME]}}],
        "detection": {"periodSeconds": 2, "fullLookPeriods": 1, "timeoutSeconds": 1, "downForSeconds": 10},
        "failover": {"automatic": "Enabled", "maxDataLossSeconds": 120},
        "verification": [{"name": "hub", "http": {"path": "/hub"}}],
    }
    return PairSpec.model_validate(spec).model_copy(update=changes)


def _node(name: str, address: str) -> dict[str, Any]:
    return {
        "name": name,
        "address": address,
        "ssh": {
            "host": f"ssh-{name}.example.net",
            "hostKey": f"ssh-ed25519 host-{name}",
            "credentialsSecret": {"name": "ssh"},
        },
        "fencing": [
            {"name": "graceful"},
            {"name": "bmc", "devices": [{"agent": "fence_redfish", "identity": f"machine-{name}"}]},
            {"name": "human"},
        ],
    }


class Killed(BaseException):
    """The operator's process ended at this very instant."""


class MemoryStore:
    """One resource under compare-and-swap, which refuses what the schema's rules for `status` refuse."""

    def __init__(self, spec: PairSpec) -> None:
        """Holds a resource that was never adopted."""
        self._version = 1
        self.generation = 1
        self.spec = spec
        self.status: Mapping[str, Any] = {}
        self.is_deleting = False
        self.is_gone = False
        self.finalizers: tuple[str, ...] = ()
        self.key = KEY
        self.writes = 0
        self.before_write: Callable[[Mapping[str, Any]], None] = _nothing
        self.after_write: Callable[[Mapping[str, Any]], None] = _nothing

    def apply(self, spec: PairSpec) -> None:
        """Does what `kubectl apply` does: the same spec again changes nothing."""
        if spec != self.spec:
            self.spec = spec
            self.generation += 1
            self._version += 1

    def delete(self) -> None:
        """Does what `kubectl delete` does: it is gone at once, unless somebody holds it."""
        self.is_deleting = True
        self.is_gone = not self.finalizers
        self._version += 1

    def recreate(self) -> None:
        """Deletes the resource at once and creates it anew: another uid, no status."""
        self.key = self.key.model_copy(update={"uid": self.key.uid[:-1] + "6"})
        self.status, self.finalizers = {}, ()
        self.is_deleting = self.is_gone = False
        self._version += 1

    def restore(self, status: Mapping[str, Any]) -> None:
        """Puts an older status back past the rules, as a restored etcd does."""
        self.status = status
        self._version += 1

    async def read(self) -> Resource | None:
        """Reads the resource, if it is there."""
        if self.is_gone:
            return None
        return Resource(
            key=self.key,
            resource_version=str(self._version),
            generation=self.generation,
            is_deleting=self.is_deleting,
            annotations={},
            spec=self.spec.to_resource(),
            status=self.status,
            finalizers=self.finalizers,
        )

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Puts the finalizer on, or takes it off; a deleted resource that nobody holds is gone."""
        if resource.resource_version != str(self._version):
            raise StatusConflict(f"version {resource.resource_version} is not {self._version}")
        self.finalizers = (FINALIZER,) if held else ()
        self.is_gone = self.is_deleting and not held
        self._version += 1
        return replace(resource, resource_version=str(self._version), finalizers=self.finalizers)

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Replaces the status where nobody wrote since, and where no law is broken."""
        self.before_write(status)
        if resource.resource_version != str(self._version):
            raise StatusConflict(f"version {resource.resource_version} is not {self._version}")
        refused = refusal(self.status, status)
        if refused is not None:
            raise AssertionError(f"the API server would refuse this write of status: {refused}")
        self.status = dict(status)
        self._version += 1
        self.writes += 1
        self.after_write(status)
        return replace(resource, resource_version=str(self._version), status=self.status)


def _nothing(_status: Mapping[str, Any]) -> None:
    return None


def _no_word(_verb: str) -> None:
    return None


EFFECTS = frozenset(
    {
        "equip", "introduce", "release", "order", "start", "stop", "pin", "final_sync", "promote", "restore",
        "discard", "migrate", "hold_queue", "reverse", "quarantine", "sync", "off", "lower", "move", "verify",
    }
)  # fmt: skip


class _Interruptible:
    """A port whose effects, once they have happened, are told to somebody who may end the operator there."""

    def __init__(self, port: object, after: Callable[[str], None]) -> None:
        """Keeps the port and whom to tell."""
        self._port = port
        self._after = after

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Returns the port's verb, told about where it is an effect."""
        verb = getattr(self._port, name)
        if name not in EFFECTS:
            return verb

        async def told(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            outcome = await verb(*arguments, **options)
            self._after(name)
            return outcome

        return told


def interruptible(drivers: Drivers, after: Callable[[str], None]) -> Drivers:
    """Returns the same drivers, each effect of which is told about right after it happened."""
    ports = {item.name: _Interruptible(getattr(drivers, item.name), after) for item in fields(drivers)}
    return Drivers(**ports)


# ---------------------------------------------------------------- around the loop


@dataclass(slots=True)
class MemoryLeader:
    """A Lease that is held until a test takes it away."""

    clock: MemoryClock
    has_lease: bool = True
    sure_for_seconds: float = 30.0
    since_seconds: float = 0.0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def led_for_seconds(self) -> float:
        """Returns how long it has led."""
        return self.clock.monotonic_seconds() - self.since_seconds

    def lose(self) -> None:
        """Ends the leadership."""
        self.has_lease = False
        self.gone.set()

    async def lost(self) -> None:
        """Waits until the leadership has ended."""
        await self.gone.wait()


@dataclass(slots=True)
class Recorder:
    """Keeps what turns said."""

    turns: int = 0
    seen: list[Seen] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)

    async def publish(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Keeps what a turn saw and decided."""
        del status
        self.seen.append(seen)
        self.decided.append(decided)

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        """Counts a turn."""
        del key, seconds, failed
        self.turns += 1


class Pair:
    """One pair in memory, and the one loop that looks after it."""

    inherited_pause_seconds = 15.0
    """Many turns of the hold for a former leader's step, as one."""

    def __init__(
        self, spec: PairSpec | None = None, *, world: MemoryWorld | None = None, store: MemoryStore | None = None
    ) -> None:
        """Makes two nodes that never ran, an API server with the resource, and a loop; or goes on from given ones."""
        self.world = world or MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
        self.clock = self.world.clock
        self.store = store or MemoryStore(spec or pair_spec())
        self.recorder = Recorder()
        self.after_effect: Callable[[str], None] = _no_word
        self.drivers: Drivers = interruptible(memory_drivers(self.world), self._tell)
        self.census = Census()
        self.kills = 0
        self._read: Mapping[str, Any] = {}
        self._status = PairStatus()
        self._synced_at = self.clock.monotonic_seconds()
        self.loop, self.leader = self._new_loop()

    def _tell(self, verb: str) -> None:
        self.after_effect(verb)

    def forked(self) -> Pair:
        """Returns another pair in the same state, with an operator that was started just now."""
        world, store = copy.deepcopy((self.world, self.store))
        return Pair(world=world, store=store)

    def _new_loop(self) -> tuple[PairLoop, MemoryLeader]:
        leader = MemoryLeader(self.clock, since_seconds=self.clock.monotonic_seconds())
        loop = PairLoop(
            store=self.store,
            drivers=self.drivers,
            leader=leader,
            clock=self.clock,
            publisher=self.recorder,
            commands=self,
            census=self.census,
        )
        return loop, leader

    def commands_run(self, node: str) -> int:
        """Returns how many commands were sent to both nodes; the world counts them together."""
        return self.world.commands if node == "a" else 0

    def restart_operator(self) -> None:
        """Ends the operator's process and begins a new one that remembers nothing."""
        self.loop.close_observer()
        self.loop, self.leader = self._new_loop()

    # ------------------------------------------------------------ what people do

    @property
    def status(self) -> PairStatus:
        """Returns the status as it is stored."""
        if self._read is not self.store.status:
            self._read, self._status = self.store.status, PairStatus.model_validate(self.store.status)
        return self._status

    def order(self, node: str) -> None:
        """Changes the one order."""
        self.change(active_node=node)

    def change(self, **fields: Any) -> None:  # noqa: ANN401
        """Changes fields of the spec."""
        self.store.apply(self.store.spec.model_copy(update=fields))
        self.loop.wake()

    def say(self, say: Say, episode: str, of: str | None = None) -> None:
        """Adds an answer."""
        word = Answer(episode=episode, say=say, of=of, by="ops@example.org", why="looked at it")
        self.change(answers=(*self.store.spec.answers, word))

    # ------------------------------------------------------------ time

    async def turn(self) -> Decided | None:
        """Takes one turn; then time passes, guards and syncs do what they do, clients write."""
        known = len(self.recorder.decided)
        try:
            pause = await self.loop.turn()
        except Killed:
            self.kills += 1
            self.restart_operator()
            pause = 0.0
        except StatusConflict:
            self.loop.wake()
            pause = 0.2
        await asyncio.sleep(0)
        decided = self.recorder.decided[-1] if len(self.recorder.decided) > known else None
        if decided is not None and isinstance(decided.decision, Hold):
            inherited = decided.decision.reason is Reason.INHERITED_STEP
            pause = self.inherited_pause_seconds if inherited else HOLD_PAUSE_SECONDS
        self.let_pass(max(pause or 0.0, LEAST_PAUSE_SECONDS))
        return decided

    def let_pass(self, seconds: float) -> None:
        """Lets time pass for the nodes and the clients."""
        self.clock.pass_seconds(seconds)
        self.world.write()
        self.world.run_guards()
        if self.clock.monotonic_seconds() - self._synced_at >= INTERVAL_SECONDS:
            self._synced_at = self.clock.monotonic_seconds()
            self.world.run_syncs()
        self.world.note_writers(f"at {self.clock.now()}")

    async def run_until(self, reached: Callable[[Pair], bool], *, max_turns: int = 300) -> None:
        """Takes turns until the predicate holds; fails with the last decision where it never does."""
        for _ in range(max_turns):
            if reached(self):
                return
            await self.turn()
        last = self.recorder.decided[-1] if self.recorder.decided else None
        step = self.status.episode
        raise AssertionError(f"not reached in {max_turns} turns; last: {last}; episode: {step}")

    async def settle(self, *, max_turns: int = 300) -> None:
        """Takes turns until one decides that everything is as ordered."""
        await self.turn()
        await self.run_until(is_settled, max_turns=max_turns)

    async def hold(self, reason: Reason, *, max_turns: int = 300) -> Hold:
        """Takes turns until one holds for this reason, and returns the hold."""
        await self.turn()
        await self.run_until(lambda pair: pair.holds(reason), max_turns=max_turns)
        held = self.recorder.decided[-1].decision
        assert isinstance(held, Hold)
        return held

    def holds(self, reason: Reason) -> bool:
        """Tells whether the last turn held for this reason."""
        last = self.recorder.decided[-1].decision if self.recorder.decided else None
        return isinstance(last, Hold) and last.reason is reason


def is_settled(pair: Pair) -> bool:
    """Tells whether the last turn found everything as ordered."""
    last = pair.recorder.decided[-1] if pair.recorder.decided else None
    return last is not None and last.rule == "steady"


def killed_once_after(pair: Pair, verb: str) -> list[str]:
    """Has the operator killed after the verb's first effect; returns what is still to be met."""
    left = [verb]

    def kill(after: str) -> None:
        if after in left:
            left.remove(after)
            raise Killed

    pair.after_effect = kill
    return left
