"""Every metric there is, declared here before it is used; series go when their pair goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from maestro_operator.model.decision import Decided, Hold
from maestro_operator.model.seen import NodeSeen

if TYPE_CHECKING:
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

PAIR = ("namespace", "name")
TRUTHS = ("True", "False", "Unknown")


class PairMetrics:
    """The metrics of all pairs, in a registry of their own."""

    def __init__(self) -> None:
        """Declare every metric; none has a value yet, and none is zero for never."""
        self.registry = CollectorRegistry()
        add = {"registry": self.registry}
        self.condition = Gauge(
            "maestro_pair_condition", "1 for the status a condition has.", (*PAIR, "type", "status"), **add
        )
        self.hold = Gauge("maestro_pair_hold", "1 for the reason something is held.", (*PAIR, "reason"), **add)
        self.state = Gauge("maestro_pair_state", "1 for the pair's state.", (*PAIR, "state"), **add)
        self.active = Gauge("maestro_pair_active", "1 for the active node.", (*PAIR, "node"), **add)
        self.epoch = Gauge("maestro_pair_epoch", "The epoch in force.", PAIR, **add)
        self.lag = Gauge(
            "maestro_pair_replication_lag_seconds", "Age of the standby's newest whole copy.", PAIR, **add
        )
        self.downtime = Gauge(
            "maestro_pair_last_episode_downtime_seconds", "Downtime of the last episode.", (*PAIR, "kind"), **add
        )
        self.turns = Counter("maestro_pair_turns", "Turns taken.", (*PAIR, "result"), **add)
        self.turn_seconds = Histogram("maestro_pair_turn_seconds", "Seconds a turn took.", **add)
        self.leader = Gauge("maestro_operator_leader", "1 while this operator leads.", **add)
        self._labelled: dict[str, list[tuple[Gauge, tuple[str, ...]]]] = {}

    def show(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Replace everything that is shown of one pair."""
        where = (seen.key.namespace, seen.key.name)
        values: list[tuple[Gauge, tuple[str, ...], float]] = []
        for item in status.conditions:
            values += [
                (self.condition, (*where, item.type, truth), float(item.status == truth)) for truth in TRUTHS
            ]
        decision = decided.decision
        if isinstance(decision, Hold):
            values.append((self.hold, (*where, decision.reason.value), 1.0))
        if status.state is not None:
            values.append((self.state, (*where, status.state.value), 1.0))
        if status.active_node is not None:
            values.append((self.active, (*where, status.active_node), 1.0))
        if status.epoch.in_force is not None:
            values.append((self.epoch, where, float(status.epoch.in_force.number)))
        values += self._lag(seen, status, where)
        for entry in reversed(status.history):
            if entry.downtime_seconds is not None:
                values.append((self.downtime, (*where, entry.kind.value), entry.downtime_seconds))
        self._replace(seen.key.uid, values)

    def _lag(
        self, seen: Seen, status: PairStatus, where: tuple[str, str]
    ) -> list[tuple[Gauge, tuple[str, ...], float]]:
        standby = next((name for name in seen.spec.names if name != status.active_node), None)
        node = seen.nodes.get(standby or "")
        age = node.replica.announced_age_seconds if isinstance(node, NodeSeen) else None
        return [(self.lag, where, age)] if age is not None else []

    def _replace(self, uid: str, values: list[tuple[Gauge, tuple[str, ...], float]]) -> None:
        new = {(id(gauge), labels) for gauge, labels, _ in values}
        for gauge, labels in self._labelled.get(uid, []):
            if (id(gauge), labels) not in new:
                gauge.remove(*labels)
        for gauge, labels, value in values:
            gauge.labels(*labels).set(value)
        self._labelled[uid] = [(gauge, labels) for gauge, labels, _ in values]

    def forget(self, key: PairKey) -> None:
        """Remove every series of a pair that is gone."""
        self._replace(key.uid, [])
        self._labelled.pop(key.uid, None)
        for result in ("ok", "failed"):
            self.turns.remove(key.namespace, key.name, result)
