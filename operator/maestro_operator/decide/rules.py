"""The decision: an ordered tuple of named rules; the first that has something to say decides.

The law of this file: pure. No clock, no I/O, no logging, no randomness; equal `Seen`, equal
decision. The order is the priority: what protects comes before what serves, what is under way
before what is new, what people said before what the operator would do by itself.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING

from maestro_operator.decide import brakes, facts, journal, machine
from maestro_operator.decide.adoption import adopt, split_brain
from maestro_operator.decide.drilling import asked, begin_drill, drill_back
from maestro_operator.decide.episodes import carry_on
from maestro_operator.decide.mirror import standby_lost, together, unfrozen
from maestro_operator.decide.moves import MOVES, OWN_WAYS, begin, begin_move, flapping, go_back, kind_of_move
from maestro_operator.decide.rehearsing import rehearse
from maestro_operator.decide.restoring import restore
from maestro_operator.decide.upkeep import discard, newer_guard, refit, release
from maestro_operator.decide.verdict import Verdict, conclude, conclude_service
from maestro_operator.model.decision import Decided, Decision, Hold, Perform, Record, Steady
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, TrafficSeen, Unknown
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.model.seen import Seen

RESTART_PATIENCE_SECONDS = 30.0
"""A rebooted owner is first left to its own guard, which asks the peer by itself."""
LOWERED = "lowered time to live"


def not_leading(seen: Seen) -> Decision | None:
    """Do nothing without the Lease."""
    if not seen.leadership.has_lease:
        return Hold(Reason.NOT_LEADER, "another operator holds the Lease")
    return None


def resting(seen: Seen) -> Decision | None:
    """Begin nothing new while paused, observing or deleted; an episode first reaches its end."""
    if seen.status.episode is not None:
        return None
    if seen.is_deleting:
        return Hold(Reason.DELETING, "the resource is being deleted: the nodes run on and their guards stay")
    if seen.spec.management is Management.PAUSED:
        return Hold(Reason.PAUSED, "management is Paused; set it to Enforce to go on")
    if seen.spec.management is Management.OBSERVE:
        return Hold(Reason.OBSERVE_ONLY, "management is Observe; set it to Enforce to go on")
    return None


def take_term(seen: Seen) -> Decision | None:
    """Speak with a term above every other leader's, written before it is used (law 5)."""
    guards = [node.guard for node in seen.nodes.values() if isinstance(node, NodeSeen)]
    terms = [guard.term for guard in guards if facts.is_ours(seen, guard)]
    highest = max([seen.status.term, *terms])
    mine = seen.leadership.term
    if mine and mine >= highest:
        return None
    status = seen.status.model_copy(update={"term": highest + 1})
    return Record(status=status, because=Reason.STEP_TAKEN, message=f"leads with term {highest + 1}")


def barred(seen: Seen) -> Decision | None:
    """Do nothing for what may have no effect: bad input, another pair's host, an address nobody may name."""
    if seen.barred is None or seen.is_deleting:
        return None
    return Hold(seen.barred.reason, seen.barred.message)


def acknowledged(seen: Seen) -> Decision | None:
    """Take an Acknowledge of the last automatic failover or of the last move."""
    for entry in seen.status.history:
        word = facts.answer(seen, entry.id, Say.ACKNOWLEDGE)
        if word is not None:
            move = seen.status.automatic_move
            status = journal.take_answer(seen.status, word)
            if move and move.episode == entry.id:
                move = move.model_copy(update={"acknowledged": True})
                status = status.model_copy(update={"automatic_move": move})
            return Record(status=status, because=Reason.ORDERED, message=f"{entry.id} is acknowledged")
    return None


def outage(seen: Seen) -> Decision | None:
    """Fail over by itself when the active side is conclusively down and no brake holds."""
    if brakes.outage(seen) is not None or brakes.standing(seen):
        return None
    return begin_move(seen, EpisodeKind.FAILOVER, trigger=journal.AUTOMATIC)


def accepted(seen: Seen) -> Decision | None:
    """Take an order for the node that is active already."""
    wanted, status = seen.spec.active_node, seen.status
    if wanted == status.active_node and status.order_not_done is not None:
        text = f"{status.order_not_done} was taken back"
        cleared = status.model_copy(update={"order_not_done": None})
        return Record(status=cleared, because=Reason.ORDERED, message=text)
    if wanted == status.active_node and wanted != status.observed_active_node:
        update = {"observed_active_node": wanted, "automatic_move": None}
        text = f"{wanted} is active already"
        return Record(status=status.model_copy(update=update), because=Reason.ORDERED, message=text)
    return None


def order(seen: Seen) -> Decision | None:
    """Take a changed `spec.activeNode`: people's one order."""
    wanted, status = seen.spec.active_node, seen.status
    if wanted in (status.observed_active_node, status.active_node):
        return None
    often = flapping(seen)
    if often is not None:
        return often
    kind = kind_of_move(seen)
    unable = brakes.standby_able(seen, status.active_node or "", kind=kind) if kind is EpisodeKind.SWITCHOVER else None
    if unable is not None:
        return Hold(unable.reason, f"the order waits: {unable.message}")
    return begin_move(seen, kind, trigger="Ordered", order=wanted)


def hand_back(seen: Seen) -> Decision | None:
    """Go back to the declared node from where the operator or a drill left the pair, when a person says so."""
    wanted, status = seen.spec.active_node, seen.status
    if wanted == status.active_node:
        return None
    for entry in status.history:
        word = facts.answer(seen, entry.id, Say.HAND_BACK)
        if word is not None and (entry.kind is EpisodeKind.FAILOVER or entry.trigger in OWN_WAYS):
            begun = begin_move(seen, EpisodeKind.SWITCHOVER, trigger="HandBack", order=wanted)
            taken = journal.take_answer(begun.status, word)
            return Record(status=taken, because=Reason.ORDERED, message=begun.message)
    return None


def retry(seen: Seen) -> Decision | None:
    """Repeat a switch that was rolled back or abandoned, or fence the side that will not stop, as a person says."""
    left = seen.status.order_not_done
    wanted = seen.spec.active_node
    word = facts.answer(seen, left, Say.RETRY, Say.FAIL_OVER) if left else None
    if word is None or wanted == seen.status.active_node:
        return None
    kind = EpisodeKind.FAILOVER if word.say is Say.FAIL_OVER else kind_of_move(seen)
    begun = begin_move(seen, kind, trigger=word.say.value, order=wanted)
    taken = journal.take_answer(begun.status, word)
    return Record(status=taken, because=Reason.ORDERED, message=begun.message)


def drill(seen: Seen) -> Decision | None:
    """Begin a drill that a person asks for, where no other rule finds anything to do or to hold."""
    word = asked(seen)
    if word is None or not brakes.devices_asked(seen, seen.status.active_node or ""):
        return None
    # A test beside the pair is given up for it.
    _, otherwise = _first(seen, tuple(rule for rule in RULES[RULES.index(drill) + 1 :] if rule is not rehearse))
    return begin_drill(seen, word, otherwise=otherwise)


def strange_promise(seen: Seen) -> Decision | None:
    """Let the owner go on above a promise that no journal knows of: nobody vouches and nothing is sent below it."""
    mark, active = seen.status.epoch.in_force, seen.status.active_node
    owner = facts.readable(seen, active or "")
    promise = facts.promise_above(seen)
    if promise is None or facts.is_yielded(promise):
        return None
    if mark is None or owner is None or not facts.is_ours(seen, owner.guard) or not facts.holds_epoch(owner, mark):
        return None
    trigger = f"epoch {promise.number} was promised in {promise.episode}"
    return begin(seen, EpisodeKind.RENEW, target=owner.name, trigger=trigger)


def restart(seen: Seen) -> Decision | None:
    """Confirm a rebooted owner whose own guard could not get its peer's word."""
    mark, active = seen.status.epoch.in_force, seen.status.active_node
    node = facts.readable(seen, active or "")
    if node is None or mark is None or node.guard.may_run or not facts.holds_epoch(node, mark):
        return None
    if facts.promise_above(seen) is not None or not node.has_data_of(mark):
        return None
    if node.uptime_seconds < RESTART_PATIENCE_SECONDS:
        return Hold(Reason.CONFIRMATION_UNPROVEN, f"{node.name} is asking its peer for confirmation")
    return begin(seen, EpisodeKind.RESTART, target=node.name, trigger="Rebooted")


def rejoin(seen: Seen) -> Decision | None:
    """Make the other node a standby again, whenever it appears."""
    active, mark = seen.status.active_node, seen.status.epoch.in_force
    if active is None or mark is None or not facts.owner_serves(seen):
        return None
    other = facts.readable(seen, facts.other_name(seen, active))
    if other is None:
        return None
    guard = other.guard
    is_standby = (
        facts.is_ours(seen, guard)
        and facts.holds_epoch(other, mark)
        and (guard.grant_epoch, guard.grant_source) == (mark.number, active)
        and facts.cannot_write(other)
        and other.replica.arrived is not None
        and other.replica.arrived[0].epoch == mark.number
    )
    if is_standby:
        return None
    return begin(seen, EpisodeKind.REJOIN, target=other.name, trigger="Appeared")


def repair(seen: Seen) -> Decision | None:
    """Put names and pins right that do not point at the active node, as far as they were read."""
    active = seen.status.active_node
    if active is None or not facts.owner_serves(seen):
        return None
    address = seen.spec.node(active).address
    astray = [item.name for item in seen.traffic if isinstance(item, TrafficSeen) and item.is_astray(address)]
    if astray or not facts.is_localised(seen, active):
        return begin(seen, EpisodeKind.REPAIR, target=active, trigger=f"astray: {','.join(astray) or 'pins'}")
    # Once after a switchover: a server that keeps to the short time is not argued with.
    since = takewhile(lambda entry: entry.kind not in MOVES, seen.status.history)
    is_tried = any(entry.trigger == LOWERED for entry in since)
    if facts.is_lowered(seen) and not is_tried:
        return begin(seen, EpisodeKind.REPAIR, target=active, trigger=LOWERED)
    return None


def braked(seen: Seen) -> Decision | None:
    """Say which brake keeps the operator from failing over by itself; an order of people's is taken before."""
    held = brakes.standing(seen)
    if brakes.outage(seen) is not None or not held:
        return None
    return Hold(held[0].reason, f"{seen.status.active_node} is down; no automatic failover: {held[0].message}")


def owner_without_right(seen: Seen) -> Decision | None:
    """Say that the owner's own guard does not let it run, whatever runs there by now."""
    mark, active = seen.status.epoch.in_force, seen.status.active_node or ""
    node = facts.readable(seen, active)
    if node is None or mark is None or (node.guard.may_run and facts.holds_epoch(node, mark)):
        return None
    way_out = f"order {facts.other_name(seen, active)} and answer FailOver{_or_restore(seen, active)}"
    if not facts.is_ours(seen, node.guard):
        return Hold(Reason.STATE_LOST, f"{active}: its guard is {node.guard.state}; {way_out}")
    if facts.holds_epoch(node, mark) and not node.has_data_of(mark):
        return Hold(Reason.COPY_NOT_WHOLE, f"{active} never had the data of epoch {mark.number}; {way_out}")
    if facts.holds_epoch(node, mark):
        text = (
            f"root gave the service up on {active}: order {facts.other_name(seen, active)}, or run maestro-guard take"
        )
        return Hold(Reason.WAIT_FOR_USER, text)
    return Hold(Reason.NODE_ROLLED_BACK, f"{active} does not know epoch {mark.number} any more; {way_out}")


def _or_restore(seen: Seen, active: str) -> str:
    """Say what is left to do where no copy is to be had on the other side."""
    unable = brakes.standby_able(seen, active, kind=EpisodeKind.FAILOVER)
    if unable is None or unable.reason is not Reason.COPY_NOT_WHOLE:
        return ""
    return f"; as long as {unable.message}: put the data back on {active} and make the resource anew"


def service_down(seen: Seen) -> Decision | None:
    """Say that the active side or its service is not well; a living node is no outage."""
    found = conclude(seen, seen.status.active_node or "")
    if found.verdict is not Verdict.HEALTHY:
        return Hold(found.reason, found.message)
    service = conclude_service(seen)
    return Hold(service.reason, service.message) if service.verdict is Verdict.SICK else None


def standby_absent(seen: Seen) -> Decision | None:
    """Say that the service runs alone."""
    other = facts.other_name(seen, seen.status.active_node or "")
    node = seen.node(other)
    if isinstance(node, Unknown):
        return Hold(Reason.STANDBY_ABSENT, f"{other} cannot be read: {node.reason}, {node.message}")
    return None


def order_not_done(seen: Seen) -> Decision | None:
    """Say that an order was left undone until a person repeats it or takes it back."""
    left = seen.status.order_not_done
    if left is None or seen.spec.active_node == seen.status.active_node:
        return None
    words = f"answer {{episode: {left}, say: Retry}}, or FailOver to have {seen.status.active_node} fenced"
    text = f"{left} was not carried out; {words}, or restore activeNode"
    return Hold(Reason.ORDER_NOT_DONE, text)


def steady(seen: Seen) -> Decision | None:
    """Everything is as ordered."""
    return Steady(Reason.AS_ORDERED, f"{seen.status.active_node} serves")


RULES: tuple[Callable[[Seen], Decision | None], ...] = (
    not_leading,
    resting,
    take_term,
    barred,
    carry_on,
    release,
    newer_guard,
    split_brain,
    adopt,
    acknowledged,
    accepted,
    restore,
    discard,
    standby_lost,
    unfrozen,
    together,
    outage,
    drill,
    strange_promise,
    restart,
    refit,
    repair,
    rejoin,
    drill_back,
    go_back,
    hand_back,
    retry,
    order,
    braked,
    owner_without_right,
    service_down,
    order_not_done,
    standby_absent,
    rehearse,
    steady,
)


RULES_OF_A_MACHINE: tuple[Callable[[Seen], Decision | None], ...] = (
    not_leading,
    resting,
    take_term,
    barred,
    carry_on,
    machine.nothing_installed,
    machine.runs_twice,
    machine.found,
    acknowledged,
    accepted,
    machine.followed,
    machine.moved_by_answer,
    machine.moved_by_order,
    machine.cluster_decides,
    machine.undone,
    service_down,
    standby_absent,
    steady,
)
"""The same where the pair is one virtual machine that a cluster keeps."""


def decide(seen: Seen) -> Decided:
    """Return the first decision a rule makes, with the rule's name."""
    name, decision = _first(seen, rules_of(seen))
    assess = brakes.assess if seen.spec.machine is None else machine.assess
    return Decided(name, _hastened(seen, decision), replace(assess(seen), planned=_planned(seen)))


def rules_of(seen: Seen) -> tuple[Callable[[Seen], Decision | None], ...]:
    """Return the rules that are asked of a pair, in their order."""
    return RULES if seen.spec.machine is None else RULES_OF_A_MACHINE


def _first(seen: Seen, rules: tuple[Callable[[Seen], Decision | None], ...]) -> tuple[str, Decision]:
    return next((rule.__name__, found) for rule in rules if (found := rule(seen)) is not None)


def _planned(seen: Seen) -> str | None:
    """Return what a pair at rest that is only observed would do now, were it managed."""
    if seen.spec.management is not Management.OBSERVE or seen.status.episode is not None:
        return None
    managed = replace(seen, spec=seen.spec.model_copy(update={"management": Management.ENFORCE}))
    rules = rules_of(seen)
    _, found = _first(managed, rules[rules.index(carry_on) :])
    if isinstance(found, Steady):
        return f"would do nothing: {found.message}"
    if isinstance(found, Hold):
        return f"would hold, {found.reason}: {found.message}"
    return f"would begin: {found.message}"


def _hastened(seen: Seen, decision: Decision) -> Decision:
    """Begin an episode together with its first step, in one write, where the step may begin at once."""
    if not isinstance(decision, Record) or seen.status.episode is not None or decision.status.episode is None:
        return decision
    first = carry_on(replace(seen, status=decision.status))
    return first if isinstance(first, Perform) else decision
