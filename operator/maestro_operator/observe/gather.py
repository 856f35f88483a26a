"""One look at everything a pair consists of, all parts at once, every failure a value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown, VoteSeen
from maestro_operator.model.status import FrozenNode
from maestro_operator.observe.lookout import Lookout, Periodic
from maestro_operator.observe.votes import STALE_PERIODS, VoteMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Drivers
    from maestro_operator.model.pair import PairSpec, Probe, VantagePoint
    from maestro_operator.model.seen import Barred, DeviceSeen, TrafficSeen

NODE_PATIENCE_SECONDS = 4.0
TRAFFIC_PATIENCE_SECONDS = 3.0
DEVICE_PERIOD_SECONDS = 60.0
UNTOUCHED_GOOD_FOR_SECONDS = 0.8
"""As long as a look and the write after it may take anyway."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look gave, before status, leadership and the last outcome are put beside it."""

    nodes: Mapping[str, NodeSeen | Unknown]
    votes: tuple[VoteSeen, ...]
    traffic: tuple[TrafficSeen | Unknown, ...]
    devices: tuple[DeviceSeen | Unknown, ...]
    operator_is_isolated: bool


def frozen(spec: PairSpec, name: str) -> FrozenNode:
    """Return a node of the spec in the form the ports take."""
    node = spec.node(name)
    return FrozenNode(name=name, address=node.address, ssh=node.ssh, fencing=node.fencing)


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


class Observer:
    """Looks at one pair as its spec says; made anew when the spec changes."""

    def __init__(self, spec: PairSpec, drivers: Drivers, *, clock: Clock) -> None:
        """Keep one lookout for every part that can fail by itself."""
        self._spec = spec
        self._drivers = drivers
        self._clock = clock
        self._memory = VoteMemory()
        self._nodes = {name: self._node_lookout(name) for name in spec.names}
        self._traffic = [self._traffic_lookout(index) for index in range(len(spec.traffic))]
        self._votes: dict[tuple[str, str], Periodic[VoteSeen | Unknown]] = {}
        self._devices: dict[str, Periodic[tuple[DeviceSeen | Unknown, ...]]] = {
            name: self._device_lookout(name) for name in spec.names
        }

    def _node_lookout(self, name: str) -> Lookout[NodeSeen]:
        node = frozen(self._spec, name)
        return Lookout(
            name,
            lambda: self._drivers.nodes.read(node),
            clock=self._clock,
            patience_seconds=NODE_PATIENCE_SECONDS,
        )

    def _traffic_lookout(self, index: int) -> Lookout[TrafficSeen]:
        entry = self._spec.traffic[index]
        return Lookout(
            entry.name,
            lambda: self._drivers.traffic.read(entry),
            clock=self._clock,
            patience_seconds=TRAFFIC_PATIENCE_SECONDS,
        )

    def _device_lookout(self, name: str) -> Periodic[tuple[DeviceSeen | Unknown, ...]]:
        node = frozen(self._spec, name)
        return Periodic(
            (),
            lambda: self._drivers.fencing.check(node),
            clock=self._clock,
            period_seconds=DEVICE_PERIOD_SECONDS,
        )

    async def look(
        self, active: str | None, *, doubted: str | None = None, untouched: frozenset[str] = frozenset()
    ) -> Look:
        """Look at both nodes and the traffic now, and take the newest votes and device checks.

        The vantage points vote on the active node, and on a `doubted` one that an episode wants proven dead. An
        `untouched` node, to which nothing was done since it was read, is not read again within
        `UNTOUCHED_GOOD_FOR_SECONDS`.
        """
        names = self._spec.names
        nodes, traffic = await asyncio.gather(
            asyncio.gather(*(self._look_at(name, untouched=name in untouched) for name in names)),
            asyncio.gather(*(item.look() for item in self._traffic)),
        )
        voted = dict.fromkeys(name for name in (active, doubted) if name is not None)
        votes = tuple(vote for name in voted for vote in self._vote_on(name))
        devices = tuple(item for name in names for item in self._devices[name].latest())
        return Look(
            nodes=dict(zip(names, nodes, strict=True)),
            votes=votes,
            traffic=tuple(traffic),
            devices=devices,
            operator_is_isolated=self._is_isolated(nodes, traffic),
        )

    async def _look_at(self, name: str, *, untouched: bool) -> NodeSeen | Unknown:
        return await self._nodes[name].look(good_for_seconds=UNTOUCHED_GOOD_FOR_SECONDS if untouched else 0.0)

    def _vote_on(self, active: str) -> tuple[VoteSeen, ...]:
        found = []
        for point in self._spec.detection.vantage_points:
            periodic = self._periodic(point, active)
            latest, at = periodic.latest(), periodic.answered_seconds
            now = self._clock.monotonic_seconds()
            detection = self._spec.detection
            period = detection.period_seconds + detection.timeout_seconds
            if at is None:
                continue
            if now - at > STALE_PERIODS * period:
                latest = Unknown(Reason.TIMED_OUT, f"{point.name} gave no vote for {now - at:.0f} s")
            found.append(self._memory.remember(point.name, active, latest, at_seconds=at))
        return tuple(found)

    def _periodic(self, point: VantagePoint, active: str) -> Periodic[VoteSeen | Unknown]:
        key = (point.name, active)
        if key not in self._votes:
            first = Unknown(Reason.NOT_YET_KNOWN, f"{point.name} gave no vote yet")
            self._votes[key] = Periodic(
                first,
                lambda: self._ask(point, active),
                clock=self._clock,
                period_seconds=float(self._spec.detection.period_seconds),
            )
        return self._votes[key]

    async def _ask(self, point: VantagePoint, active: str) -> VoteSeen | Unknown:
        about = frozen(self._spec, active)
        if point.operator is not None:
            return await self._drivers.probes.vote(
                about, self._probes(), timeout_seconds=float(self._spec.detection.timeout_seconds)
            )
        peer = frozen(self._spec, self._spec.other(active).name)
        return await self._drivers.nodes.peer_vote(peer, about, self._probes())

    def _probes(self) -> tuple[Probe, ...]:
        """Return what is asked: the detection's probes, or else every service's readiness."""
        own = self._spec.detection.probes
        return own or tuple(probe for item in self._spec.services for probe in item.readiness)

    def _is_isolated(self, nodes: list[NodeSeen | Unknown], traffic: list[TrafficSeen | Unknown]) -> bool:
        """Tell whether this operator reaches nothing at all, so that it may be what is cut off."""
        return all(isinstance(item, Unknown) for item in (*nodes, *traffic))

    def close(self) -> None:
        """End every look under way."""
        for node in self._nodes.values():
            node.close()
        for entry in self._traffic:
            entry.close()
        for vote in self._votes.values():
            vote.close()
        for devices in self._devices.values():
            devices.close()
