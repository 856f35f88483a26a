"""One look at everything a pair consists of, all parts at once, every failure a value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Management
from maestro_operator.model.seen import NodeSeen, Unknown, Vote, VoteSeen
from maestro_operator.model.status import FrozenNode
from maestro_operator.model.steps import TRAFFIC
from maestro_operator.observe.atrest import AtRest
from maestro_operator.observe.credentials import CredentialWatch
from maestro_operator.observe.flaps import FlapMemory
from maestro_operator.observe.grace import BootMemory
from maestro_operator.observe.lookout import DOUBTED_PATIENCE_SECONDS, Lookout, Periodic
from maestro_operator.observe.vantage import VantagePoints, is_watched_closely

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Drivers
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.model.seen import Barred, DeviceSeen, Grace, RoundSeen, TrafficSeen

NODE_PATIENCE_SECONDS = 4.0
TRAFFIC_PATIENCE_SECONDS = 3.0
DEVICE_PERIOD_SECONDS = 60.0
SUSPICION_PERIOD_SECONDS = 5.0
"""How often the fence devices of a node are asked that cannot be read: they are about to be needed."""
UNTOUCHED_GOOD_FOR_SECONDS = 0.8
"""As long as a look and the write after it may take anyway."""
UNMOVED_GOOD_FOR_SECONDS = 2.0
"""The same of an address that is read on the nodes: no step but the one that moves it does anything to it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look gave, before status, leadership and the last outcome are put beside it."""

    nodes: Mapping[str, NodeSeen | Unknown]
    votes: tuple[VoteSeen, ...]
    traffic: tuple[TrafficSeen | Unknown, ...]
    devices: tuple[DeviceSeen | Unknown, ...]
    operator_is_isolated: bool
    grace: Grace | None = None
    flapping: tuple[str, ...] = ()
    checked: RoundSeen | None = None
    is_brief: bool = False
    """The nodes were not read for this look: it may show that all is well, and nothing is done on it."""


def frozen(spec: PairSpec, name: str) -> FrozenNode:
    """Return a node of the spec in the form the ports take."""
    node = spec.node(name)
    return FrozenNode(name=name, address=spec.reached_at(name), ssh=node.ssh, fencing=node.fencing)


def unlooked(spec: PairSpec, barred: Barred) -> Look:
    """Return the look of a pair at which nobody may look."""
    nothing = Unknown(barred.reason, barred.message)
    return Look(
        nodes=dict.fromkeys(spec.names, nothing),
        votes=(),
        traffic=(nothing,) * len(spec.traffic),
        devices=(),
        operator_is_isolated=False,
    )


def looks_alike(one: PairSpec, other: PairSpec) -> bool:
    """Tell whether two specs ask for the same looks: an order or an answer must not make an outage begin anew."""
    return one is other or _but_for_orders(one) == _but_for_orders(other)


def _but_for_orders(spec: PairSpec) -> PairSpec:
    return spec.model_copy(update={"active_node": "", "answers": (), "management": Management.ENFORCE})


class Observer:
    """Looks at one pair as its spec says; made anew when that asks for other looks."""

    def __init__(
        self, spec: PairSpec, drivers: Drivers, *, clock: Clock, pairs: Callable[[], int], wake: Callable[[], None]
    ) -> None:
        """Keep one lookout for every part that can fail by itself.

        `pairs` tells how many this operator has; `wake` is called when somebody finds a node unwell between two looks.
        """
        self._spec = spec
        self._drivers = drivers
        self._clock = clock
        self._boots = BootMemory()
        self._flaps = FlapMemory()
        self._silent: set[str] = set()
        """Nodes that could not be read at the last look."""
        self._running: set[str] = set()
        """Nodes that ran every service when they were read last."""
        self._wake = wake
        self._vantage = VantagePoints(spec, drivers, clock=clock, heard=self._hear)
        self._nodes = {name: self._node_lookout(name) for name in spec.names}
        self._traffic = [self._traffic_lookout(index) for index in range(len(spec.traffic))]
        self._is_calm = False
        """Everybody found the active node well at the last look."""
        detection = spec.detection
        self._rest_seconds = (
            0.0 if is_watched_closely(spec) else float(detection.period_seconds * detection.full_look_periods)
        )
        self._at_rest = AtRest(spec, drivers.verification, clock=clock)
        self._devices: dict[str, Periodic[tuple[DeviceSeen | Unknown, ...]]] = {
            name: self._device_lookout(name) for name in spec.names
        }
        self._credentials = {
            name: CredentialWatch(frozen(spec, name), drivers.fencing, clock=clock, pairs=pairs) for name in spec.names
        }

    def _node_lookout(self, name: str) -> Lookout[NodeSeen]:
        node = frozen(self._spec, name)
        return Lookout(
            name,
            lambda: self._drivers.nodes.read(node),
            clock=self._clock,
            patience_seconds=max(NODE_PATIENCE_SECONDS, self._spec.detection.timeout_seconds),
            doubted_seconds=max(DOUBTED_PATIENCE_SECONDS, self._spec.detection.timeout_seconds),
        )

    def _traffic_lookout(self, index: int) -> Lookout[TrafficSeen]:
        entry, nodes = self._spec.traffic[index], tuple(frozen(self._spec, name) for name in self._spec.names)
        return Lookout(
            entry.name,
            lambda: self._drivers.traffic.read(entry, nodes),
            clock=self._clock,
            patience_seconds=TRAFFIC_PATIENCE_SECONDS,
        )

    def _device_lookout(self, name: str) -> Periodic[tuple[DeviceSeen | Unknown, ...]]:
        node = frozen(self._spec, name)
        return Periodic(
            (),
            lambda: self._drivers.fencing.check(node),
            clock=self._clock,
            period_seconds=lambda: SUSPICION_PERIOD_SECONDS if name in self._silent else DEVICE_PERIOD_SECONDS,
        )

    def _hear(self, name: str, vote: Vote) -> None:
        """Let the turn under way wait no longer for what is dead to somebody, and the next one come now."""
        if vote is Vote.DEAD:
            self._nodes[name].doubt()
            for traffic in self._traffic:
                traffic.doubt()
        self._wake()

    async def look(
        self,
        active: str | None,
        *,
        doubted: str | None = None,
        untouched: frozenset[str] = frozenset(),
        check_since: str | None = None,
        at_rest: bool = False,
    ) -> Look:
        """Look at both nodes and the traffic now, and take the newest votes and device checks.

        The vantage points vote on the active node, and on a `doubted` one that an episode wants proven dead. An
        `untouched` node, to which nothing was done since it was read, is not read again within
        `UNTOUCHED_GOOD_FOR_SECONDS`, nor a floating address within `UNMOVED_GOOD_FOR_SECONDS` of a step that does not
        move it. With `check_since` the active node is checked in the background. `at_rest` a reading stands for
        `fullLookPeriods`, as long as everybody finds the active node well: `is_brief` then.
        """
        names = self._spec.names
        voted = dict.fromkeys(name for name in (active, doubted) if name is not None)
        for name in voted:
            self._vantage.begin(name)
        is_brief = (
            at_rest and self._is_calm and all(self._nodes[name].is_good_for(self._rest_seconds) for name in names)
        )
        nodes, traffic = await self._looked(untouched=untouched, is_brief=is_brief)
        if is_brief and not self._is_still_calm(voted, nodes):
            is_brief = False
            nodes, traffic = await self._looked(untouched=frozenset(), is_brief=False)
        readings: dict[str, NodeSeen | Unknown] = dict(zip(names, nodes, strict=True))
        for name, reading in readings.items():
            if isinstance(reading, Unknown) and name not in self._silent:
                self._devices[name].hasten()
            if self._credentials[name].changed():
                self._devices[name].hasten()
        self._hear_anew(readings, was_acted=bool(untouched))
        self._silent = {name for name, reading in readings.items() if isinstance(reading, Unknown)}
        votes = tuple(vote for name in voted for vote in self._vantage.votes_on(name, reading=readings[name]))
        self._is_calm = active is not None and self._vantage.is_calm(votes)
        checked = frozen(self._spec, active) if active is not None and check_since is not None else None
        devices = tuple(item for name in names for item in self._devices[name].latest())
        grace, flapping = self._remembered(active, readings)
        return Look(
            nodes=readings,
            votes=votes,
            traffic=tuple(traffic),
            devices=devices,
            operator_is_isolated=self._is_isolated(nodes, traffic),
            grace=grace,
            flapping=flapping,
            checked=self._at_rest.look(checked, since=check_since or ""),
            is_brief=is_brief,
        )

    async def _looked(
        self, *, untouched: frozenset[str], is_brief: bool
    ) -> tuple[list[NodeSeen | Unknown], list[TrafficSeen | Unknown]]:
        """Look at the nodes and at where traffic goes; a brief look asks nothing that costs a node a command."""
        good_for = {name: UNTOUCHED_GOOD_FOR_SECONDS if name in untouched else 0.0 for name in self._spec.names}
        seldom = self._rest_seconds if is_brief else 0.0
        unmoved = max(seldom, UNMOVED_GOOD_FOR_SECONDS if TRAFFIC in untouched else 0.0)
        stands = [0.0 if entry.floating_address is None else unmoved for entry in self._spec.traffic]
        doubted = {name for name in self._spec.names if self._vantage.is_dead_to_somebody(name)}
        nodes, traffic = await asyncio.gather(
            asyncio.gather(
                *(
                    item.look(good_for_seconds=max(good_for[name], seldom), is_doubted=name in doubted)
                    for name, item in self._nodes.items()
                )
            ),
            asyncio.gather(
                *(
                    item.look(good_for_seconds=seconds, is_doubted=bool(doubted))
                    for seconds, item in zip(stands, self._traffic, strict=True)
                )
            ),
        )
        return nodes, traffic

    def _hear_anew(self, readings: Mapping[str, NodeSeen | Unknown], *, was_acted: bool) -> None:
        """Forget the votes on a node whose services a step has just started: they are about the time before."""
        units = tuple(service.unit for service in self._spec.services)
        read = {name: item.runs(units) for name, item in readings.items() if isinstance(item, NodeSeen)}
        running = {name for name, runs in read.items() if runs}
        if was_acted:
            for name in running - self._running:
                self._vantage.begin_anew(name)
        self._running = running | (self._running - read.keys())

    def _is_still_calm(self, voted: Iterable[str], nodes: Sequence[NodeSeen | Unknown]) -> bool:
        readings = dict(zip(self._spec.names, nodes, strict=True))
        return self._vantage.is_calm(
            [vote for name in voted for vote in self._vantage.votes_on(name, reading=readings[name])]
        )

    def _remembered(
        self, active: str | None, readings: Mapping[str, NodeSeen | Unknown]
    ) -> tuple[Grace | None, tuple[str, ...]]:
        """Return what this look and those before it say together: an excuse for silence, and who flaps."""
        now, detection, grace = self._clock.monotonic_seconds(), self._spec.detection, None
        self._boots.note(readings, now_seconds=now)
        if active is not None:
            grace = self._boots.grace(
                active, readings, grace_seconds=float(detection.startup_grace_seconds), now_seconds=now
            )
        excused = frozenset({active} if active is not None and grace is not None else ())
        if not all(isinstance(item, Unknown) for item in readings.values()):
            # Where nothing at all is reached, it is the operator that comes and goes.
            self._flaps.note(readings, now_seconds=now, excused=excused)
        return grace, self._flaps.flapping(limit=detection.flap_limit, now_seconds=now)

    def _is_isolated(self, nodes: list[NodeSeen | Unknown], traffic: list[TrafficSeen | Unknown]) -> bool:
        """Tell whether this operator reaches nothing at all, so that it may be what is cut off."""
        return all(isinstance(item, Unknown) for item in (*nodes, *traffic))

    def close(self) -> None:
        """End every look under way."""
        self._at_rest.close()
        for node in self._nodes.values():
            node.close()
        for entry in self._traffic:
            entry.close()
        self._vantage.close()
        for devices in self._devices.values():
            devices.close()
        for credentials in self._credentials.values():
            credentials.close()
