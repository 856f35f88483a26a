"""Every metric there is, declared here before it is used; series go when their pair goes.

What a pair shows is replaced as a whole and rendered when somebody asks, in the asker's thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from maestro_operator.model.decision import Decided, Hold
from maestro_operator.model.outcome import Done, Failed
from maestro_operator.model.rehearsal import RehearsalKind, last_passed
from maestro_operator.model.seen import NodeSeen, TrafficSeen
from maestro_operator.model.steps import StepName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client.core import Metric

    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

PAIR = ("namespace", "name")
TRUTHS = ("True", "False", "Unknown")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric of a pair: its name, what it says, and its labels behind namespace and name."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


CONDITION = Family("maestro_pair_condition", "1 for the status a condition has, else 0.", ("type", "status"))
HOLD = Family("maestro_pair_hold", "1 for the reason something is held back.", ("reason",))
STATE = Family("maestro_pair_state", "1 for the pair's state.", ("state",))
ACTIVE = Family("maestro_pair_active", "1 for the active node.", ("node",))
EPOCH = Family("maestro_pair_epoch", "The epoch in force.")
KEPT_BY_CLUSTER = Family(
    "maestro_pair_kept_by_cluster", "1 for a pair that is one virtual machine, which its cluster keeps and fences."
)
LAG = Family("maestro_pair_replication_lag_seconds", "Age of the standby's newest whole copy.")
OUT_OF_SYNC = Family(
    "maestro_pair_replication_out_of_sync_bytes", "Bytes of a mirror that differ or may, as a node says.", ("node",)
)
VERIFIED = Family(
    "maestro_pair_replication_verified_age_seconds",
    "Age of the last comparison of both sides of a mirror, block by block, as a node says.",
    ("node",),
)
BACKUP_AGE = Family(
    "maestro_pair_backup_age_seconds", "Age of the newest successful backup that a node keeps.", ("node",)
)
REHEARSED = Family(
    "maestro_pair_rehearsal_age_seconds", "Age of the last rehearsal of a kind that passed; none for never.", ("kind",)
)
DOWNTIME = Family("maestro_pair_last_episode_downtime_seconds", "Downtime of the last episode of a kind.", ("kind",))
LOSS = Family(
    "maestro_pair_last_episode_declared_loss_seconds", "Loss that the last episode of a kind declared.", ("kind",)
)
TWICE = Family(
    "maestro_pair_last_episode_may_be_sent_twice",
    "Messages of the queue that the last episode of a kind brought up from older data.",
    ("kind",),
)
CHECK = Family(
    "maestro_pair_verification_passed", "1 for a check that passed when it was last made, 0 if it failed.", ("check",)
)
VERDICT = Family("maestro_pair_verdict", "1 for the verdict on a node and its reason.", ("node", "verdict", "reason"))
SERVICE = Family(
    "maestro_pair_service_verdict", "1 for the verdict on the service and its reason.", ("verdict", "reason")
)
VOTE = Family(
    "maestro_pair_vote",
    "1 for what a vantage point says of a node, and why.",
    ("vantage_point", "node", "vote", "reason"),
)
QUARANTINED = Family(
    "maestro_pair_node_quarantined", "1 for a node that comes and goes, to which nothing moves by itself.", ("node",)
)
TRAFFIC = Family(
    "maestro_pair_traffic_on_node", "1 for the node that an entry of traffic points at.", ("entry", "node")
)
GAUGES = (
    CONDITION,
    HOLD,
    STATE,
    ACTIVE,
    EPOCH,
    KEPT_BY_CLUSTER,
    VERDICT,
    SERVICE,
    VOTE,
    QUARANTINED,
    LAG,
    OUT_OF_SYNC,
    VERIFIED,
    BACKUP_AGE,
    REHEARSED,
    DOWNTIME,
    LOSS,
    TWICE,
    CHECK,
    TRAFFIC,
)
TURNS = Family("maestro_pair_turns", "Turns taken, by how they ended: ok or failed.", ("result",))
TURN_SECONDS = Family("maestro_pair_turn_seconds", "Seconds a turn took, of all pairs together.")
LEADER = Family("maestro_operator_leader", "1 while this operator leads.")
PAIRS = Family("maestro_operator_pairs", "How many pairs this operator runs a loop for.")
API_SILENT = Family(
    "maestro_operator_api_silent_seconds", "How long ago the API server last answered this operator for its Lease."
)
OWN = (LEADER, PAIRS, API_SILENT)

Value = tuple[Family, tuple[str, ...], float]


class PairMetrics(Collector):
    """The metrics of all pairs, in a registry of their own."""

    def __init__(self) -> None:
        """Begin without any series: none is zero for never."""
        self.registry = CollectorRegistry()
        self.own: dict[Family, Callable[[], float]] = {}
        """Where the operator's own figures come from."""
        self._turn_seconds = Histogram(TURN_SECONDS.name, TURN_SECONDS.help, registry=self.registry)
        self._shown: dict[str, tuple[PairKey, tuple[Value, ...]]] = {}
        self._turns: dict[str, tuple[PairKey, Mapping[str, int]]] = {}
        self._checks: dict[str, Mapping[str, str]] = {}
        self._rounds: dict[str, str] = {}
        self.registry.register(self)

    @override
    def collect(self) -> Iterator[Metric]:
        """Render what is shown at this moment; called in the asker's thread."""
        shown, turns = list(self._shown.values()), list(self._turns.values())
        for family in GAUGES:
            gauge = GaugeMetricFamily(family.name, family.help, labels=(*PAIR, *family.labels))
            for key, values in shown:
                for which, labels, value in values:
                    if which is family:
                        gauge.add_metric((key.namespace, key.name, *labels), value)
            yield gauge
        counter = CounterMetricFamily(TURNS.name, TURNS.help, labels=(*PAIR, *TURNS.labels))
        for key, results in turns:
            for result, number in results.items():
                counter.add_metric((key.namespace, key.name, result), number)
        yield counter
        for family, ask in list(self.own.items()):
            yield GaugeMetricFamily(family.name, family.help, value=ask())

    def show(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Replace everything that is shown of one pair."""
        values: list[Value] = [
            (CONDITION, (item.type, truth), float(item.status == truth))
            for item in status.conditions
            for truth in TRUTHS
        ]
        decision = decided.decision
        if isinstance(decision, Hold):
            values.append((HOLD, (decision.reason.value,), 1.0))
        if status.state is not None:
            values.append((STATE, (status.state.value,), 1.0))
        if status.active_node is not None:
            values.append((ACTIVE, (status.active_node,), 1.0))
        if status.epoch.in_force is not None:
            values.append((EPOCH, (), float(status.epoch.in_force.number)))
        if seen.spec.machine is not None:
            values.append((KEPT_BY_CLUSTER, (), 1.0))
        more = (
            *_seen(status),
            *_lag(seen, status),
            *_mirror(seen),
            *_backups(seen),
            *_rehearsals(seen, status),
            *_episodes(status),
            *_traffic(seen),
            *self._made(seen),
        )
        self._shown[seen.key.uid] = (seen.key, (*values, *more))

    def _made(self, seen: Seen) -> list[Value]:
        """Return the checks as they were last made; another step's outcome says nothing of them."""
        last = seen.last
        if last is not None and last.step is StepName.VERIFY and isinstance(last.outcome, Done | Failed):
            self._checks[seen.key.uid] = last.outcome.facts
        if seen.checked is not None and seen.checked.at != self._rounds.get(seen.key.uid):
            self._rounds[seen.key.uid] = seen.checked.at
            now = {check.name: str(check.passed) for check in seen.checked.checks}
            self._checks[seen.key.uid] = {**self._checks.get(seen.key.uid, {}), **now}
        made = self._checks.get(seen.key.uid)
        if not made:
            return []
        names = {check.name for check in seen.spec.verification}
        return [(CHECK, (name,), float(passed == "True")) for name, passed in made.items() if name in names]

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        """Count one turn."""
        result = "failed" if failed else "ok"
        _, before = self._turns.get(key.uid, (key, {}))
        self._turns[key.uid] = (key, {**before, result: before.get(result, 0) + 1})
        self._turn_seconds.observe(seconds)

    def forget(self, key: PairKey) -> None:
        """Remove every series of a pair that is gone; one of the same name that came after it keeps its own."""
        self._shown.pop(key.uid, None)
        self._turns.pop(key.uid, None)
        self._checks.pop(key.uid, None)
        self._rounds.pop(key.uid, None)


def _seen(status: PairStatus) -> list[Value]:
    """Return the verdicts and the votes, as the status has them."""
    found: list[Value] = []
    for node in status.nodes:
        found.append((VERDICT, (node.name, node.verdict, node.verdict_reason or ""), 1.0))
        if node.quarantined_until:
            found.append((QUARANTINED, (node.name,), 1.0))
        found += [(VOTE, (vote.vantage_point, node.name, vote.vote, vote.reason), 1.0) for vote in node.votes]
    if status.service is not None:
        found.append((SERVICE, (status.service.verdict, status.service.reason), 1.0))
    return found


def _lag(seen: Seen, status: PairStatus) -> list[Value]:
    standby = next((name for name in seen.spec.names if name != status.active_node), "")
    node = seen.nodes.get(standby)
    age = node.replica.announced_age_seconds if isinstance(node, NodeSeen) else None
    return [(LAG, (), age)] if age is not None and status.active_node is not None else []


def _backups(seen: Seen) -> list[Value]:
    ages = {
        node.name: [item.age_seconds for item in node.replica.backups if item.age_seconds is not None]
        for node in seen.nodes.values()
        if isinstance(node, NodeSeen)
    }
    return [(BACKUP_AGE, (name,), min(found)) for name, found in ages.items() if found]


def _rehearsals(seen: Seen, status: PairStatus) -> list[Value]:
    ages: list[Value] = []
    for kind in (RehearsalKind.DRILL, RehearsalKind.START_TEST):
        last = last_passed(status.rehearsals, kind)
        if last is not None and last.finished_at is not None:
            age = datetime.fromisoformat(seen.now) - datetime.fromisoformat(last.finished_at)
            ages.append((REHEARSED, (kind.value,), age.total_seconds()))
    tests = (node.replica.tested for node in seen.nodes.values() if isinstance(node, NodeSeen))
    restored = [item.age_seconds for item in tests if item is not None and item.result == "passed"]
    known = [seconds for seconds in restored if seconds is not None]
    if known:
        ages.append((REHEARSED, ("RestoreTest",), min(known)))
    return ages


def _traffic(seen: Seen) -> list[Value]:
    """Return where each entry that could be read points; what is nobody's here is shown as another node."""
    nodes = {node.address: node.name for node in seen.spec.nodes}
    return [
        (TRAFFIC, (item.name, nodes.get(address, "other")), 1.0)
        for item in seen.traffic
        if isinstance(item, TrafficSeen)
        for address in item.addresses
    ]


def _mirror(seen: Seen) -> list[Value]:
    sides = ((name, node.replica.mirror) for name, node in seen.nodes.items() if isinstance(node, NodeSeen))
    found: list[Value] = []
    for name, side in sides:
        if side is None:
            continue
        found.append((OUT_OF_SYNC, (name,), float(side.out_of_sync_bytes)))
        if side.verified_age_seconds is not None:
            found.append((VERIFIED, (name,), side.verified_age_seconds))
    return found


def _episodes(status: PairStatus) -> list[Value]:
    """Return the figures of the last episode of each kind that has them; the history is newest first."""
    figures: dict[tuple[Family, str], float] = {}
    for entry in status.history:
        for family, figure in (
            (DOWNTIME, entry.downtime_seconds),
            (LOSS, entry.declared_loss_seconds),
            (TWICE, entry.may_be_sent_twice),
        ):
            if figure is not None:
                figures.setdefault((family, entry.kind.value), figure)
    return [(family, (kind,), figure) for (family, kind), figure in figures.items()]
