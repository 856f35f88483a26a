"""The status that people read: every condition present from the first turn, one function each.

The law of this file: pure, and equal worlds give equal statuses, so that an idle pair writes
nothing. What is not known is Unknown with a reason; nothing is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from maestro_operator.model.claims import claims_held
from maestro_operator.model.decision import Decided, Hold, Perform, Record
from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import under_way
from maestro_operator.model.seen import NodeSeen, TrafficSeen, Unknown
from maestro_operator.model.status import (
    Condition,
    PairStatus,
    QuarantineEntry,
    Recorded,
    ReplicationStatus,
    ServiceVerdict,
    State,
)
from maestro_operator.model.steps import EpisodeKind
from maestro_operator.report.backups import backup_fresh, restore_tested
from maestro_operator.report.deletion import is_released, waits
from maestro_operator.report.drills import drills, why_not_ready
from maestro_operator.report.machines import KEPT_BY_ITS_CLUSTER, machine_available
from maestro_operator.report.nodes import node_status
from maestro_operator.report.rehearsed import drill_recent, is_drilling, start_tested
from maestro_operator.report.verified import verified, verified_at_rest
from maestro_operator.report.versions import versions_match
from maestro_operator.report.words import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.model.seen import Seen

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a condition may look at: the look, the decision, and the status to be written."""

    seen: Seen
    decided: Decided
    status: PairStatus


Answer = tuple[Truth, Reason, str]

WAITS_FOR_PEOPLE = (
    Reason.WAIT_FOR_USER,
    Reason.FLAPPING,
    Reason.FENCE_UNPROVEN,
    Reason.DEMOTION_UNPROVEN,
    Reason.COPY_OVER_BUDGET,
    Reason.LOSS_NOT_ACCEPTED,
    Reason.CONFIRMATION_UNPROVEN,
    Reason.FOREIGN_PAIR,
    Reason.ORDER_NOT_DONE,
)
SAID_BY_STATE = {Reason.PAUSED: State.PAUSED, Reason.RELEASED: State.RELEASED}
BEING_DONE: dict[EpisodeKind, State] = {
    EpisodeKind.ADOPT: State.ADOPTING,
    EpisodeKind.ACTIVATE: State.ACTIVATING,
    EpisodeKind.SWITCHOVER: State.SWITCHING_OVER,
    EpisodeKind.FAILOVER: State.FAILING_OVER,
    EpisodeKind.REJOIN: State.REJOINING,
    EpisodeKind.RENEW: State.SWITCHING_OVER,
    EpisodeKind.RESTART: State.ACTIVATING,
    EpisodeKind.REPAIR: State.ACTIVE,
    EpisodeKind.REFIT: State.ACTIVE,
    EpisodeKind.RELEASE: State.ACTIVE,
    EpisodeKind.STANDBY_LOST: State.ACTIVE,
    EpisodeKind.SEPARATE: State.SPLIT_BRAIN,
    EpisodeKind.TAKE_BACK: State.SWITCHING_OVER,
    EpisodeKind.RESTORE: State.RESTORING,
    EpisodeKind.DISCARD: State.ACTIVE,
    EpisodeKind.MIGRATE: State.SWITCHING_OVER,
    EpisodeKind.FOLLOW: State.ADOPTING,
}


def _true(message: str, reason: Reason = Reason.ALL_GOOD) -> Answer:
    return "True", reason, message


def _false(reason: Reason, message: str) -> Answer:
    return "False", reason, message


def _unknown(reason: Reason, message: str) -> Answer:
    return "Unknown", reason, message


def _active(known: Known) -> NodeSeen | Unknown | None:
    name = known.status.active_node
    return known.seen.nodes.get(name) if name else None


def available(known: Known) -> Answer:
    """The service answers on the active node."""
    node = _active(known)
    if known.seen.spec.machine is not None:
        return machine_available(known.seen, known.decided.assessment.service)
    if node is None:
        return _false(Reason.WAIT_FOR_USER, "no node is active")
    if isinstance(node, Unknown):
        return _unknown(node.reason, node.message)
    if node.guard.may_run and known.seen.runs_everything(node):
        service = known.decided.assessment.service
        if service.verdict == "Sick":
            return _false(service.reason, service.message)
        return _true(f"{node.name} runs every service", Reason.ANSWERS)
    return _false(Reason.SERVICE_DOWN, f"{node.name} does not run every service")


def ready(known: Known) -> Answer:
    """The service answers on the ordered node and nothing is held back."""
    decision = known.decided.decision
    if isinstance(decision, Hold) and decision.reason is not Reason.STANDBY_ABSENT:
        return _false(decision.reason, decision.message)
    if known.status.episode is not None and known.status.episode.kind is not EpisodeKind.REJOIN:
        return _false(Reason.EPISODE_UNDER_WAY, f"{known.status.episode.kind} is under way")
    return available(known)


def reconciling(known: Known) -> Answer:
    """An episode is under way (kstatus)."""
    episode = known.status.episode
    decision = known.decided.decision
    if isinstance(decision, Hold) and decision.reason is Reason.DRILLING:
        return _true(decision.message, decision.reason)
    if episode is None:
        return _false(Reason.AS_ORDERED, "nothing is under way")
    return _true(f"{episode.kind}: {episode.step}{waits(known.seen)}", Reason.EPISODE_UNDER_WAY)


def stalled(known: Known) -> Answer:
    """Something is held back (kstatus)."""
    decision = known.decided.decision
    if isinstance(decision, Hold) and decision.reason is not Reason.DRILLING:
        return _true(decision.message, decision.reason)
    return _false(Reason.AS_ORDERED, "nothing is held back")


def peer_ready(known: Known) -> Answer:
    """A failover now would work."""
    if known.status.active_node is None:
        return _unknown(Reason.NOT_YET_KNOWN, "no node is active")
    hold = known.decided.assessment.peer_not_ready
    if hold:
        return _false(hold.reason, hold.message)
    truth, reason, message = versions_match(known.seen)
    # A warning and no brake: what the versions mean is the application's to say.
    able = "the standby could take over"
    return _true(f"{able}; {message}", reason) if truth == "False" else _true(able)


def data_in_sync(known: Known) -> Answer:
    """The standby has a whole copy, younger than two intervals."""
    if known.seen.spec.machine is not None:
        return "Unknown", *KEPT_BY_ITS_CLUSTER
    found = known.decided.assessment.out_of_sync
    return _false(found.reason, found.message) if found else _true("the copy is whole and young")


def fencing_ready(known: Known) -> Answer:
    """The active node could be fenced out of band now."""
    active = known.status.active_node
    if active is None:
        return _unknown(Reason.NOT_YET_KNOWN, "no node is active")
    if known.seen.spec.machine is not None:
        return "Unknown", *KEPT_BY_ITS_CLUSTER
    if known.decided.assessment.fencing_ready[active]:
        return _true(f"{active} could be fenced")
    text = "; ".join(why_not_ready(known.seen)) or f"{active}: no device was read yet"
    return _false(Reason.FENCING_NOT_READY, text)


def protected(known: Known) -> Answer:
    """A copy, a fence and an able standby are all there."""
    for ask in (peer_ready, data_in_sync, fencing_ready):
        truth, reason, message = ask(known)
        if reason is Reason.CLUSTER_DECIDES:
            return _unknown(reason, message)
        if truth != "True":
            return _false(reason, message)
    truth, reason, message = backup_fresh(known.seen, known.status)
    if truth != "True" and known.seen.spec.backup is not None:
        return _false(reason, message)
    return _true("the standby is able, its copy whole and the active node can be fenced")


def traffic_on_active(known: Known) -> Answer:
    """Every name and address points at the active node alone."""
    active = known.status.active_node
    if active is None:
        return _unknown(Reason.NOT_YET_KNOWN, "no node is active")
    address = known.seen.spec.node(active).address
    for item in known.seen.traffic:
        if isinstance(item, Unknown):
            return _unknown(Reason.TRAFFIC_UNPROVEN, item.message)
        if item.is_astray(address):
            found = ", ".join(item.addresses) or "nothing"
            return _false(Reason.TRAFFIC_ELSEWHERE, f"{item.name} points at {found}")
    doubts = [text for item in known.seen.traffic if isinstance(item, TrafficSeen) for text in item.silent]
    late = [text for item in known.seen.traffic if isinstance(item, TrafficSeen) for text in item.behind]
    if doubts or late:
        return _unknown(Reason.TRAFFIC_UNPROVEN, "; ".join((*doubts, *late)))
    return _true(f"all traffic points at {active}")


def automatic_failover_allowed(known: Known) -> Answer:
    """No brake holds an automatic failover back."""
    if known.status.episode is not None:
        return _false(Reason.EPISODE_UNDER_WAY, f"{known.status.episode.kind} is under way")
    held = known.decided.assessment.brakes
    return _false(held[0].reason, held[0].message) if held else _true("no brake holds")


def active_node_overridden(known: Known) -> Answer:
    """The operator moved away from the declared node by itself (abnormal when True)."""
    status, wanted = known.status, known.seen.spec.active_node
    same = status.active_node in (None, wanted)
    if same or status.observed_active_node != wanted:
        return _false(Reason.NOT_OVERRIDDEN, "the declared node is the active one, or ordered")
    if under_way(status.rehearsals) is not None:
        return _false(Reason.DRILLING, f"{status.active_node} is active for a drill and goes back to {wanted}")
    text = f"{status.active_node} is active, {wanted} is declared: set activeNode or answer HandBack"
    return _true(text, Reason.ACTIVE_NODE_OVERRIDDEN)


def observer_isolated(known: Known) -> Answer:
    """The operator itself is cut off (abnormal when True)."""
    if known.seen.operator_is_isolated:
        return _true("the operator reaches nothing at all", Reason.OBSERVER_ISOLATED)
    return _false(Reason.ANSWERS, "the operator reaches something of the pair")


def split_brain_detected(known: Known) -> Answer:
    """Both nodes run services (abnormal when True)."""
    readings = [node for node in known.seen.nodes.values() if isinstance(node, NodeSeen)]
    running = [node.name for node in readings if node.runs_something]
    if len(running) == len(known.seen.nodes):
        return _true("both nodes run the services", Reason.SPLIT_BRAIN)
    if len(readings) < len(known.seen.nodes):
        return _unknown(Reason.NOT_YET_KNOWN, "not every node could be read")
    return _false(Reason.ONE_WRITER, "at most one node runs the services")


CONDITIONS: dict[str, Callable[[Known], Answer]] = {
    "Ready": ready,
    "Reconciling": reconciling,
    "Stalled": stalled,
    "Available": available,
    "PeerReady": peer_ready,
    "Protected": protected,
    "DataInSync": data_in_sync,
    "FencingReady": fencing_ready,
    "Verified": lambda known: verified(known.seen, known.status),
    "TrafficOnActive": traffic_on_active,
    "BackupFresh": lambda known: backup_fresh(known.seen, known.status),
    "RestoreTested": lambda known: restore_tested(known.seen),
    "StartTested": lambda known: start_tested(known.seen, known.status),
    "DrillRecent": lambda known: drill_recent(known.seen, known.status),
    "AutomaticFailoverAllowed": automatic_failover_allowed,
    "VersionsMatch": lambda known: versions_match(known.seen),
    "ActiveNodeOverridden": active_node_overridden,
    "ObserverIsolated": observer_isolated,
    "SplitBrainDetected": split_brain_detected,
}


def reported(seen: Seen, decided: Decided, status: PairStatus) -> PairStatus:
    """Return the status to write: the decision's journal with everything people read beside it."""
    known = Known(seen, decided, status)
    before = {item.type: item for item in seen.status.conditions}
    conditions = tuple(_condition(known, before.get(name), name, answer=ask(known)) for name, ask in CONDITIONS.items())
    return status.model_copy(
        update={
            "observed_generation": seen.generation,
            "conditions": conditions,
            "state": state(known),
            "plan": plan(known),
            "nodes": tuple(node_status(seen, decided, status, name=name) for name in seen.spec.names),
            "service": ServiceVerdict(verdict=(found := decided.assessment.service).verdict, reason=found.reason.value),
            "verdicts": " ".join(f"{name}={decided.assessment.verdicts[name]}" for name in seen.spec.names),
            "recorded": (recorded := tuple(_recorded(known, name) for name in seen.spec.names)),
            "claims": status.claims if seen.barred else claims_held(seen.spec, (item.machine_id for item in recorded)),
            "replication": _replication(known),
            "quarantine": _quarantine(known),
            "verified_at_rest": verified_at_rest(seen, status),
            "words": words(seen),
            "drills": drills(seen),
        }
    )


def _condition(known: Known, before: Condition | None, name: str, *, answer: Answer) -> Condition:
    truth, reason, message = answer
    changed = before is None or before.status != truth
    return Condition(
        type=name,
        status=truth,
        reason=reason.value,
        message=printable(message),
        observed_generation=known.seen.generation,
        last_transition_time=known.seen.now if changed or before is None else before.last_transition_time,
    )


def state(known: Known) -> State:
    """Return the one printed word."""
    decision, status = known.decided.decision, known.status
    if split_brain_detected(known)[0] == "True":
        return State.SPLIT_BRAIN
    if isinstance(decision, Hold):
        if decision.reason in SAID_BY_STATE:
            return SAID_BY_STATE[decision.reason]
        if decision.reason in WAITS_FOR_PEOPLE:
            return State.WAIT_FOR_USER
    if is_drilling(status):
        return State.DRILLING
    if status.episode is not None:
        return BEING_DONE[status.episode.kind]
    if status.active_node is None:
        return State.ADOPTING
    if is_released(known.seen):
        return State.RELEASED
    return State.ACTIVE if available(known)[0] == "True" else State.LOST


def plan(known: Known) -> str:
    """Return one sentence: would a failover happen now, and if not, why not."""
    decision = known.decided.decision
    if known.decided.assessment.planned is not None:
        return known.decided.assessment.planned[:512]
    if isinstance(decision, (Perform, Record)):
        return decision.message[:512]
    if known.status.active_node is None:
        return decision.message[:512]
    held, alive = known.decided.assessment.brakes, known.decided.assessment.no_outage
    if held:
        return f"would not fail over by itself: {held[0].reason}: {held[0].message}"[:512]
    if alive is None:
        return "would fail over now: the active node is conclusively down"
    return f"would not fail over now: {alive.message}; no brake holds once it is conclusively down"[:512]


def _recorded(known: Known, name: str) -> Recorded:
    """Remember the highest epoch a node was ever read to hold, which machine it was, and where names found it."""
    before = next((item for item in known.status.recorded if item.node == name), None) or Recorded(node=name, epoch=0)
    frozen = known.status.episode.frozen_node(name) if known.status.episode else None
    own = {known.seen.spec.node(name).address, *([frozen.address] if frozen else [])}
    pointed = {item.addresses[0] for item in known.seen.traffic if isinstance(item, TrafficSeen) and item.addresses}
    address = min(own & pointed, default=before.address)
    node = known.seen.nodes[name]
    if isinstance(node, Unknown):
        return before.model_copy(update={"address": address})
    if known.seen.barred is not None:
        # Not ours, or not surely the one that is meant: nothing of it is kept.
        return before
    in_force = node.guard.in_force.number if node.guard.in_force else 0
    return Recorded(node=name, epoch=max(in_force, before.epoch), machine_id=node.machine_id, address=address)


def _replication(known: Known) -> ReplicationStatus:
    found, driver = known.decided.assessment.out_of_sync, known.seen.spec.replication.driver
    if found is None:
        return ReplicationStatus(driver=driver, in_sync=True, reason=Reason.ALL_GOOD.value, lag="in sync")
    if found.reason is Reason.CLUSTER_DECIDES:
        return ReplicationStatus(driver=driver, reason=found.reason.value)
    return ReplicationStatus(driver=driver, in_sync=False, reason=found.reason.value, lag=found.reason.value)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat().replace("+00:00", "Z")


def _quarantine(known: Known) -> tuple[QuarantineEntry, ...]:
    """List what is kept aside; what a node that cannot be read keeps stays listed."""
    entries: list[QuarantineEntry] = []
    for name, node in known.seen.nodes.items():
        if isinstance(node, Unknown):
            entries += [item for item in known.status.quarantine if item.node == name]
        else:
            since = {item: _moment(seconds) for item, seconds in node.replica.kept_at}
            entries += [
                QuarantineEntry(node=name, episode=item, bytes=size, kept_at=since.get(item))
                for item, size in node.replica.quarantine
            ]
    return tuple(entries)
