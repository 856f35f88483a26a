"""What the status page shows of each pair: taken from what a turn reported, and nothing that status does not hold.

The law of this file: what is shown is chosen field by field. A Secret is in no status; hosts, users, keys and the
parameters of devices are in the spec, and are not shown; in sentences their names stand for them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from maestro_operator.statuspage.discreet import discreet

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import HistoryEntry, NodeStatus, PairStatus

ABNORMAL = frozenset({"Stalled", "ActiveNodeOverridden", "ObserverIsolated", "SplitBrainDetected"})
"""Conditions that are wrong when they are True; those not named anywhere here are wrong when they are False."""
NEITHER = frozenset({"Reconciling", "AutomaticFailoverAllowed"})
"""Conditions that are neither good nor bad."""

Shown = dict[str, Any]


class Board:
    """The pairs as they were last reported; written by the loops, read by the page's own threads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._pairs: dict[str, Shown] = {}
        self.leads: Callable[[], bool] = lambda: False
        """Whether this operator acts, or only looks."""

    def show(self, seen: Seen, status: PairStatus) -> None:
        """Take what a turn reported; the whole pair is replaced at once."""
        self._pairs[seen.key.uid] = discreet(_pair(seen, status), seen.spec)

    def forget(self, key: PairKey) -> None:
        """Take a pair that is gone off the board."""
        self._pairs.pop(key.uid, None)

    def page(self) -> bytes:
        """Return everything that is shown, as JSON, in the order of the pairs' names."""
        pairs = sorted(self._pairs.values(), key=lambda shown: (shown["namespace"], shown["name"]))
        return json.dumps({"leads": self.leads(), "pairs": pairs}, ensure_ascii=False).encode()


def _pair(seen: Seen, status: PairStatus) -> Shown:
    found = {item.type: item for item in status.conditions}
    traffic, replication = found.get("TrafficOnActive"), status.replication
    return {
        "namespace": seen.key.namespace,
        "name": seen.key.name,
        "state": status.state.value if status.state else "Adopting",
        "active": status.active_node,
        "declared": seen.spec.active_node,
        "management": seen.spec.management.value,
        "epoch": status.epoch.in_force.number if status.epoch.in_force else None,
        "plan": status.plan,
        "nodes": [_node(node, status) for node in status.nodes],
        "data": {
            "inSync": replication.in_sync if replication else None,
            "lag": replication.lag if replication else None,
            "generation": str(replication.generation) if replication and replication.generation else None,
            "reason": replication.reason if replication else None,
        },
        "traffic": {"status": traffic.status if traffic else "Unknown", "message": traffic.message if traffic else ""},
        "wrong": [
            {"type": item.type, "status": item.status, "reason": item.reason, "message": item.message}
            for item in status.conditions
            if item.type not in NEITHER and item.status == ("True" if item.type in ABNORMAL else "False")
        ],
        "episode": _under_way(status),
        "history": [_past(entry) for entry in status.history],
    }


def _node(node: NodeStatus, status: PairStatus) -> Shown:
    role = "active" if node.name == status.active_node else "standby" if status.active_node else "none"
    return {
        "name": node.name,
        "role": role,
        "reachable": node.reachable,
        "reason": node.reason,
        "verdict": node.verdict,
        "verdictReason": node.verdict_reason,
        "fencingReady": node.fencing_ready,
        "services": [{"name": item.name, "state": item.state} for item in node.services],
        "votes": [{"from": item.vantage_point, "vote": item.vote, "reason": item.reason} for item in node.votes],
    }


def _under_way(status: PairStatus) -> Shown | None:
    episode = status.episode
    if episode is None:
        return None
    return {
        "id": episode.id,
        "kind": episode.kind.value,
        "source": episode.source,
        "target": episode.target,
        "trigger": episode.trigger,
        "startedAt": episode.started_at,
        "steps": [
            {"name": item.name.value, "state": item.state, "seconds": item.seconds, "message": item.message}
            for item in episode.steps
        ],
    }


def _past(entry: HistoryEntry) -> Shown:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "source": entry.source,
        "target": entry.target,
        "trigger": entry.trigger,
        "startedAt": entry.started_at,
        "finishedAt": entry.finished_at,
        "result": entry.result,
        "downtimeSeconds": entry.downtime_seconds,
        "declaredLossSeconds": entry.declared_loss_seconds,
        "proof": entry.proof.method.value if entry.proof else None,
        "steps": [
            {"name": item.name.value, "state": item.state, "seconds": item.seconds, "message": item.message}
            for item in entry.steps
        ],
    }
