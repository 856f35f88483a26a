"""Every vantage point asked again and again in the background: seldom while all is well, harder on suspicion.

The law of this file: a vantage point that gives no vote in time is one that says nothing. While a node
is silent or anybody finds it unwell, all are asked more often, with more patience and at one more port:
what is concluded of an outage is concluded from those looks. Who finds a node unwell is heard at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.pair import Probe, TcpProbe
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.model.status import FrozenNode
from maestro_operator.observe.lookout import Periodic
from maestro_operator.observe.votes import STALE_PERIODS, VoteMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Drivers
    from maestro_operator.model.pair import PairSpec, VantagePoint
    from maestro_operator.model.seen import NodeSeen

HARDER = 2.0
"""How many times longer an answer is waited for on suspicion."""
LEAST_PERIOD_SECONDS = 1.0
"""How often is asked at most, however much is suspected."""
UNWELL = (Vote.SICK, Vote.DEAD)


class VantagePoints:
    """The votes of one pair's vantage points."""

    def __init__(self, spec: PairSpec, drivers: Drivers, *, clock: Clock, heard: Callable[[str, Vote], None]) -> None:
        """Keep whom to ask; nobody was asked yet. `heard` is told of a node that somebody finds sick or dead."""
        self._spec = spec
        self._points = tuple(
            point for point in spec.detection.vantage_points if spec.machine is None or not _is_on_the_pair(point)
        )
        """Nothing is installed on the hosts of a virtual machine by which one could ask the other."""
        self._drivers = drivers
        self._clock = clock
        self._heard = heard
        self._memory = VoteMemory()
        self._asked: dict[tuple[str, str], Periodic[VoteSeen | Unknown]] = {}
        self._suspects: set[str] = set()

    def begin(self, name: str) -> None:
        """Begin the looks at a node that are due now: what is asked of a node that is about to be read goes with it."""
        for point in self._points:
            self._periodic(point, name).latest()

    def begin_anew(self, name: str) -> None:
        """Forget what was said of a node before its services were started, and ask everybody now."""
        for point in self._points:
            before = self._asked.pop((point.name, name), None)
            if before is not None:
                before.close()
        self._memory.forget(name)
        self._suspects.discard(name)
        self.begin(name)

    def is_calm(self, votes: Sequence[VoteSeen]) -> bool:
        """Tell whether everybody finds a node well, and somebody of them asks it over the network."""
        elsewhere = {point.name for point in self._points if not _is_on_the_pair(point)}
        return all(vote.vote is Vote.ALIVE for vote in votes) and any(vote.vantage_point in elsewhere for vote in votes)

    def votes_on(self, name: str, *, reading: NodeSeen | Unknown) -> tuple[VoteSeen, ...]:
        """Return the newest vote of each vantage point on a node, of those whose looks were begun."""
        votes = [self._vote(point, name) for point in self._points]
        found = tuple(vote for vote in votes if vote is not None)
        is_doubtful = isinstance(reading, Unknown) or any(vote.vote in UNWELL for vote in found)
        if is_doubtful:
            self._suspect(name)
        else:
            self._suspects.discard(name)
        return found

    def _suspect(self, name: str) -> None:
        """Ask everybody about a node now, and harder from here on."""
        if name in self._suspects:
            return
        self._suspects.add(name)
        for (_, about), periodic in self._asked.items():
            if about == name and periodic.is_older_than(LEAST_PERIOD_SECONDS):
                periodic.hasten()
                periodic.latest()

    def is_dead_to_somebody(self, name: str) -> bool:
        """Tell whether the newest vote of anybody on a node is that it is dead."""
        newest = (periodic.taken() for (_, about), periodic in self._asked.items() if about == name)
        return any(isinstance(vote, VoteSeen) and vote.vote is Vote.DEAD for vote in newest)

    def _vote(self, point: VantagePoint, about: str) -> VoteSeen | None:
        detection = self._spec.detection
        periodic = self._periodic(point, about)
        latest, at = periodic.taken(), periodic.answered_seconds
        if at is None:
            return None
        good_for_seconds = STALE_PERIODS * (self._seldom(point) + detection.timeout_seconds * HARDER)
        if self._clock.monotonic_seconds() - at > good_for_seconds:
            latest = Unknown(Reason.TIMED_OUT, f"{point.name} has given no vote for too long")
        return self._memory.remember(point.name, about, latest, at_seconds=at, good_for_seconds=good_for_seconds)

    def _periodic(self, point: VantagePoint, about: str) -> Periodic[VoteSeen | Unknown]:
        key = (point.name, about)
        if key not in self._asked:
            first = Unknown(Reason.NOT_YET_KNOWN, f"{point.name} gave no vote yet")
            self._asked[key] = Periodic(
                first,
                lambda: self._ask(point, about),
                clock=self._clock,
                period_seconds=lambda: self._period(point, about),
            )
        return self._asked[key]

    def _period(self, point: VantagePoint, about: str) -> float:
        if about not in self._suspects:
            return self._seldom(point)
        return max(LEAST_PERIOD_SECONDS, self._spec.detection.period_seconds / HARDER)

    def _seldom(self, point: VantagePoint) -> float:
        """Return how often is asked while all is well: what costs a node a command goes with its reading."""
        detection = self._spec.detection
        is_costly = _is_on_the_pair(point) and not is_watched_closely(self._spec)
        return float(detection.period_seconds * (detection.full_look_periods if is_costly else 1))

    async def _ask(self, point: VantagePoint, about: str) -> VoteSeen | Unknown:
        found = await self._said(point, about)
        if isinstance(found, VoteSeen) and found.vote in UNWELL:
            self._suspect(about)
            self._heard(about, found.vote)
        return found

    async def _said(self, point: VantagePoint, about: str) -> VoteSeen | Unknown:
        node, detection = self._frozen(about), self._spec.detection
        is_hard = about in self._suspects
        timeout = detection.timeout_seconds * (HARDER if is_hard else 1.0)
        asked, probes = self._frozen(self._spec.other(about).name), self._probes(node, is_hard=is_hard)
        if point.peer is not None:
            return await self._drivers.nodes.peer_vote(asked, node, probes)
        if point.drbd is not None:
            return await self._drivers.nodes.drbd_vote(asked, node, point.drbd.resource)
        if point.prometheus is not None:
            return await self._drivers.probes.prometheus_vote(point.prometheus, node, timeout_seconds=timeout)
        slow = detection.slow_after_seconds
        if point.ssh is not None:
            return await self._drivers.probes.witness_vote(
                point.ssh, node, probes, timeout_seconds=timeout, slow_seconds=slow
            )
        return await self._drivers.probes.vote(node, probes, timeout_seconds=timeout, slow_seconds=slow)

    def _frozen(self, name: str) -> FrozenNode:
        node = self._spec.node(name)
        return FrozenNode(name=name, address=self._spec.reached_at(name), ssh=node.ssh, fencing=node.fencing)

    def _probes(self, node: FrozenNode, *, is_hard: bool) -> tuple[Probe, ...]:
        """Return what is asked: the detection's probes, or else every service's readiness; on suspicion SSH, too."""
        own: tuple[Probe, ...] = self._spec.detection.probes
        asked = own or tuple(probe for item in self._spec.services for probe in item.readiness)
        return (*asked, Probe(tcp=TcpProbe(port=node.ssh.port))) if asked and is_hard else asked

    def close(self) -> None:
        """End every look under way."""
        for periodic in self._asked.values():
            periodic.close()


def _is_on_the_pair(point: VantagePoint) -> bool:
    """Tell whether a vantage point is the other node."""
    return point.peer is not None or point.drbd is not None


def is_watched_closely(spec: PairSpec) -> bool:
    """Tell whether the nodes must be read at every look: a mirror that froze shows that only there."""
    return spec.replication.drbd is not None
