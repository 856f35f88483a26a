"""Pairs in memory, each brought to right before one kind of episode, and what must have come of it in the end."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.drivers.memory.mirror import MirrorWorld
from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.model.mirroring import Drbd
from maestro_operator.model.pair import Automatic, Management, PairSpec, Replication, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import failed_over_and_back, lead_astray, run_unknown, settled
from support.kills.boundaries import Boundary, BoundedStore, Course, bounded
from support.kills.breaks import FIRST, SECOND, Sound
from support.kills.diary import Diary
from support.worlds import ADDRESSES, INTERVAL_SECONDS, NAME, UNITS, MemoryLeader, MemoryStore, Pair, is_settled
from support.worlds import pair_spec as plain_spec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.loop import PairLoop
    from maestro_operator.model.surroundings import Resource
    from support.kills.boundaries import Reached


_ORDER = itertools.count()


def moment(clock: MemoryClock) -> float:
    """Returns the clock's moment, made later than every one that was asked for before it."""
    return clock.monotonic_seconds() + 1e-7 * next(_ORDER)


class LoggedStore(MemoryStore):
    """Keeps every status that was stored, with its moment."""

    def __init__(self, spec: PairSpec, clock: MemoryClock) -> None:
        """Holds a resource that was never adopted."""
        super().__init__(spec)
        self.log: list[tuple[float, Mapping[str, Any]]] = []
        self.clock = clock

    @override
    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Replaces the status, and keeps it."""
        written = await super().write_status(resource, status)
        self.log.append((moment(self.clock), self.status))
        return written

    def forked(self, clock: MemoryClock) -> LoggedStore:
        """Returns another store in the same state; what it holds is never changed in place."""
        other = copy.copy(self)
        other.log, other.clock = list(self.log), clock
        return other


async def _go_on(_boundary: Boundary) -> None:
    """Lets the operator live."""


class ToldPair(Pair):
    """A pair whose every boundary is told, and whose nodes' doings are written down."""

    def __init__(
        self,
        spec: PairSpec | None = None,
        *,
        world: MemoryWorld | None = None,
        store: LoggedStore | None = None,
        diary: Diary | None = None,
        fault: Sound | None = None,
    ) -> None:
        """Makes two nodes that never ran, or goes on from given ones; the fault is planted into every loop."""
        self.fault, self._process = fault or Sound(), FIRST
        world = world or MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
        self.logged = store or LoggedStore(spec or pair_spec(), world.clock)
        self.diary = diary or Diary(world, now=lambda: moment(world.clock))
        self.reached: Reached = _go_on
        super().__init__(world=world, store=self.logged)

    async def _reach(self, boundary: Boundary) -> None:
        self.diary.note(boundary.name)
        await self.reached(boundary)

    @override
    def forked(self, *, fault: Sound | None = None) -> ToldPair:
        """Returns another pair in the same state, with an operator that was started just now."""
        world = copy.deepcopy(self.world)
        store = self.logged.forked(world.clock)
        diary = self.diary.forked(world, now=lambda: moment(world.clock))
        return ToldPair(world=world, store=store, diary=diary, fault=fault)

    @override
    def _new_loop(self) -> tuple[PairLoop, MemoryLeader]:
        course = Course(self._reach)
        leader = MemoryLeader(self.clock, since_seconds=self.clock.monotonic_seconds())
        process, self._process = self._process, SECOND
        loop = self.fault.loop(
            store=BoundedStore(self.fault.store(self.store, process=process), course),
            drivers=bounded(memory_drivers(self.world), course),
            leader=leader,
            clock=self.clock,
            publisher=self.recorder,
            commands=self,
        )
        return loop, leader

    @override
    def let_pass(self, seconds: float) -> None:
        """Lets time pass for the nodes and the clients, and writes it down."""
        self.clock.pass_seconds(seconds)
        self.diary.note_write()
        self.world.run_guards()
        if self.clock.monotonic_seconds() - self._synced_at >= INTERVAL_SECONDS:
            self._synced_at = self.clock.monotonic_seconds()
            self.world.run_syncs()
        self.diary.note("time passed")


@dataclass(frozen=True, slots=True)
class Story:
    """One way to come to one kind of episode."""

    kind: EpisodeKind
    begin: Callable[[], Awaitable[ToldPair]]
    owner: str
    """Who must run in the end."""
    standby: bool = True
    """Whether the other one must be a standby in the end; a dead one cannot."""
    loses: bool = False
    """Whether a failover before or in it may have lost what it declared."""

    shows: tuple[str, ...] = ("Available", "TrafficOnActive")
    """The conditions that are True in the end, beside Protected where there is a standby."""

    async def told(self) -> ToldPair:
        """Returns a new pair at the beginning of the story."""
        pair = await self.begin()
        pair.diary.begin()
        return pair


_MADE: dict[str, ToldPair] = {}


async def once(name: str, make: Callable[[], Awaitable[ToldPair]]) -> ToldPair:
    """Returns a fork of the pair of that name, which is made at the first call."""
    if name not in _MADE:
        _MADE[name] = await make()
    return _MADE[name].forked()


ACCEPTED_SECONDS = 3600
"""A busy machine brings the pairs of a batch to their deaths within minutes; what is lost is declared all the same."""
DETECTION: Mapping[str, Any] = {"startup_grace_seconds": 5, "down_for_seconds": 6, "period_seconds": 4}
"""Soon enough for a test, and seldom enough that fifty pairs leave the machine some time."""


def pair_spec() -> PairSpec:
    """Returns the spec of a pair that fails over by itself, soon, and however long the copies wait for their deaths."""
    spec = plain_spec()
    failover = spec.failover.model_copy(update={"max_data_loss_seconds": ACCEPTED_SECONDS})
    detection = spec.detection.model_copy(update=DETECTION)
    return spec.model_copy(update={"detection": detection, "failover": failover})


async def fresh() -> ToldPair:
    """Returns a pair whose nodes never ran under a guard."""
    return ToldPair()


async def found_running() -> ToldPair:
    """Returns a pair of which a runs, and nobody knows of it."""
    return run_unknown(ToldPair())


async def serving() -> ToldPair:
    """Returns a pair that is served by a, b its standby with a young copy."""
    return await once("serving", lambda: settled(ToldPair()))


async def ordered() -> ToldPair:
    """Returns a pair served by a that was ordered to b just now; b's names are not pinned."""
    pair = await serving()
    pair.order("b")
    pair.world.nodes["b"].pins.clear()
    return pair


async def owner_dead() -> ToldPair:
    """Returns a pair whose owner a lost its power just now; b's names are not pinned."""
    pair = await serving()
    pair.world.power_cut("a")
    pair.world.nodes["b"].pins.clear()
    return pair


async def ordered_from_the_dead() -> ToldPair:
    """Returns a pair that does not fail over by itself, whose owner a is dead, and which was ordered to b."""
    pair = await owner_dead()
    failover = pair.store.spec.failover.model_copy(update={"automatic": Automatic.DISABLED})
    pair.change(active_node="b", failover=failover)
    return pair


async def old_side_back() -> ToldPair:
    """Returns a pair that failed over to b, and a just got power again, its pins gone."""

    async def make() -> ToldPair:
        return await failed_over_and_back(await owner_dead())

    return await once("old side back", make)


async def taken_back() -> ToldPair:
    """Returns a pair on its way from a to b, right after Raise, whose order was taken back just now."""

    async def make() -> ToldPair:
        pair = await ordered()
        await pair.run_until(lambda it: intends(it.store.status, StepName.RAISE))
        pair.order("a")
        return pair

    return await once("taken back", make)


async def healthy_again() -> ToldPair:
    """Returns a pair whose owner a was cut off and could not be fenced, and is back just now."""

    async def make() -> ToldPair:
        pair = await serving()
        pair.world.isolate("a")
        pair.world.devices["a"] = "denying"
        await pair.run_until(lambda it: intends(it.store.status, StepName.FENCE))
        pair.world.heal()
        pair.world.devices["a"] = "honest"
        return pair

    return await once("healthy again", make)


async def rebooted() -> ToldPair:
    """Returns a pair whose new owner b rebooted before the old one knew of it; b's names and pins are not right."""
    pair = await old_side_back()
    pair.world.reboot("b")
    pair.world.nodes["b"].has_peer_key = False
    pair.world.nodes["b"].pins.clear()
    pair.world.names = {NAME: pair.world.nodes["a"].address}
    return pair


async def astray() -> ToldPair:
    """Returns a pair served by a, whose names and pins point elsewhere."""
    pair = await serving()
    lead_astray(pair)
    return pair


async def both_run() -> ToldPair:
    """Returns a pair served by a, while b, which was put back to before it heard of any epoch, runs too."""
    pair = await serving()
    other = pair.world.nodes["b"]
    other.guard = replace(other.guard, inforce=None, promised=None, grant=None)
    other.is_guarding = False
    other.running |= set(other.units)
    return pair


async def ordered_back() -> ToldPair:
    """Returns a pair whose b was promoted, never permitted, and is ordered back to a; names and pins are not right."""

    async def make() -> ToldPair:
        pair = await ordered()
        await pair.run_until(lambda it: intends(it.store.status, StepName.MOVE_TRAFFIC))
        pair.world.nodes["a"].pins.clear()
        pair.order("a")
        return pair

    return await once("ordered back", make)


async def outdated() -> ToldPair:
    """Returns a pair served by a, on whose b an older guard is installed."""
    pair = await serving()
    pair.world.nodes["b"].is_outdated = True
    return pair


async def released() -> ToldPair:
    """Returns a pair served by a of which a person wants everything off the nodes."""
    pair = await serving()
    pair.change(management=Management.RELEASE)
    return pair


async def standby_gone() -> ToldPair:
    """Returns a mirrored pair served by a, whose b lost its power just now: a waits with its writes for a word."""
    freeze_seconds = ACCEPTED_SECONDS
    drbd = Drbd(resource="r0", disk="/dev/vdb", mount="/srv/maestro", peer_lost_freeze_seconds=freeze_seconds)

    async def make() -> ToldPair:
        world = MirrorWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock(), freeze_seconds=freeze_seconds)
        spec = pair_spec().model_copy(update={"replication": Replication(drbd=drbd)})
        return await settled(ToldPair(spec, world=world))

    pair = await once("mirrored", make)
    pair.world.power_cut("b")
    return pair


async def given_up() -> ToldPair:
    """Returns a pair served by a that keeps something aside which a person gave up just now."""
    pair = await serving()
    pair.world.nodes["b"].quarantine["rejoin-1"] = 3
    pair.say(Say.DISCARD_QUARANTINE, "rejoin-1", "rejoin-1")
    return pair


async def restoring() -> ToldPair:
    """Returns a pair served by a of which a person named a backup and accepted what it loses."""
    pair = await serving()
    pair.world.back_up("a", "nightly")
    pair.clock.pass_seconds(30)
    pair.say(Say.RESTORE, pair.status.history[0].id, "nightly")
    await pair.hold(Reason.COPY_OVER_BUDGET)
    episode = pair.status.episode
    assert episode is not None
    pair.say(Say.ACCEPT_LOSS, episode.id, "7200")
    return pair


def intends(status: Mapping[str, Any], step: StepName) -> bool:
    """Tells whether the journal has this step running."""
    episode = status.get("episode") or {}
    records = [item for item in episode.get("steps", ()) if item["name"] == step]
    return episode.get("step") == step and bool(records) and records[0]["state"] == "Running"


K = EpisodeKind
STORIES: Mapping[str, Story] = {
    "adopt": Story(K.ADOPT, found_running, "a"),
    "activate": Story(K.ACTIVATE, fresh, "a"),
    "switchover": Story(K.SWITCHOVER, ordered, "b"),
    "failover-automatic": Story(K.FAILOVER, owner_dead, "b", standby=False, loses=True),
    "failover-ordered": Story(K.FAILOVER, ordered_from_the_dead, "b", standby=False, loses=True),
    "rejoin": Story(K.REJOIN, old_side_back, "b", loses=True),
    "renew-rollback": Story(K.RENEW, taken_back, "a"),
    "renew-abandon": Story(K.RENEW, healthy_again, "a"),
    "restart": Story(K.RESTART, rebooted, "b", loses=True),
    "repair": Story(K.REPAIR, astray, "a"),
    "separate": Story(K.SEPARATE, both_run, "a"),
    "take-back": Story(K.TAKE_BACK, ordered_back, "a"),
    "refit": Story(K.REFIT, outdated, "a"),
    "standby-lost": Story(K.STANDBY_LOST, standby_gone, "a", standby=False),
    "discard": Story(K.DISCARD, given_up, "a"),
    "restore": Story(K.RESTORE, restoring, "a", loses=True),
    "release": Story(K.RELEASE, released, "a", standby=False, shows=()),
}


def is_at_rest(pair: Pair) -> bool:
    """Tells whether nothing is under way and the last turn wants nothing that could be had."""
    last = pair.recorder.decided[-1].rule if pair.recorder.decided else ""
    return pair.status.episode is None and (is_settled(pair) or last == "standby_absent" or pair.holds(Reason.RELEASED))
