"""What people read of each node: the reading, the verdict with its reason, and every vote; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Platform
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import NodeStatus, ServiceStatus, VoteStatus

if TYPE_CHECKING:
    from maestro_operator.model.decision import Decided
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus


def node_status(seen: Seen, decided: Decided, status: PairStatus, *, name: str) -> NodeStatus:
    """Return the status of one node."""
    node, assessment = seen.nodes[name], decided.assessment
    votes = tuple(
        VoteStatus(vantage_point=item.vantage_point, vote=item.vote.value, reason=item.reason.value)
        for item in seen.votes
        if item.node == name
    )
    role = None
    if status.active_node is not None:
        role = "active" if status.active_node == name else "standby"
    untried = _untried_platform(seen, name)
    common: dict[str, object] = {
        "name": name,
        "role": role,
        "verdict": assessment.verdicts[name],
        "verdict_reason": assessment.reasons[name].value,
        "platform": untried,
        "platform_reason": None if untried is None else Reason.PLATFORM_UNVERIFIED.value,
        "quarantined_until": _quarantined_until(seen, name),
        "fencing_ready": assessment.fencing_ready[name],
        "votes": votes,
    }
    if isinstance(node, Unknown):
        return NodeStatus(reachable=False, reason=node.reason.value, **common)  # type: ignore[arg-type]
    return NodeStatus(
        reachable=True,
        reason=Reason.ANSWERS.value,
        machine_id=node.machine_id,
        boot_id=node.boot_id,
        epoch=node.guard.in_force.number if node.guard.in_force else None,
        may_run=node.guard.may_run,
        services=tuple(ServiceStatus(name=unit.name, state=unit.active) for unit in node.units),
        **common,  # type: ignore[arg-type]
    )


def _untried_platform(seen: Seen, name: str) -> str | None:
    """Return what a node runs on where no real one was ever tried, only a stand-in; None where one was."""
    machine = seen.spec.machine
    if machine is not None and machine.kubevirt is not None:
        return "KubeVirt"
    platform = seen.spec.node(name).platform
    return None if platform is Platform.LINUX else platform.value


def _quarantined_until(seen: Seen, name: str) -> str | None:
    """Return when a flapping node is free again; what was written once stands until it is over."""
    before = next((item.quarantined_until for item in seen.status.nodes if item.name == name), None)
    if name in seen.quarantined:
        return before
    if name not in seen.flapping:
        return None
    ends = datetime.fromisoformat(seen.now) + timedelta(seconds=seen.spec.detection.quarantine_seconds)
    return ends.isoformat()
