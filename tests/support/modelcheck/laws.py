"""The laws, as assertions over what the nodes do: one event after the other, by physics alone.

An event is one effect, one round of the guards, one run of the syncs, one write of status or one blow of the adversary.
What a blow does is nobody's fault; what follows it is. Nothing here asks why something was decided.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from maestro_operator.drivers.memory.guard_twin import Standing

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.guard_twin import GuardState, Mark
    from maestro_operator.drivers.memory.world import MemoryNode, MemoryWorld

OWNER_STEPS = ("Promote", "Adopt")
DISCOVERY = ("adopt-", "activate-")
"""How the ids of the episodes begin that find out who leads."""
CAMEL_CASE = re.compile(r"[A-Z][A-Za-z0-9]*")


class NodeFacts(NamedTuple):
    """What stands on one node, for everybody to see."""

    name: str
    address: str
    machine: str
    is_on: bool
    runs: bool
    may_run: bool
    guard: GuardState
    records: int | None
    aside: Mapping[str, int]
    copies: tuple[tuple[int, int, int], ...]
    promoted: tuple[int, int] | None

    @property
    def can_write(self) -> bool:
        """Tells whether something runs here, or may be started at any moment."""
        return self.is_on and (self.runs or self.may_run)


class Facts(NamedTuple):
    """What stands on both nodes and in the public names."""

    nodes: tuple[NodeFacts, ...]
    names: Mapping[str, str]

    def node(self, name: str) -> NodeFacts:
        """Returns one node."""
        return next(node for node in self.nodes if node.name == name)

    def other(self, name: str) -> NodeFacts:
        """Returns the node that is not the named one."""
        return next(node for node in self.nodes if node.name != name)


def facts_of(world: MemoryWorld) -> Facts:
    """Returns what stands in a world now."""
    return Facts(tuple(_node(node) for node in world.nodes.values()), dict(world.names))


def _node(node: MemoryNode) -> NodeFacts:
    return NodeFacts(
        name=node.name,
        address=node.address,
        machine=node.machine_id,
        is_on=node.is_on,
        runs=bool(node.running),
        may_run=node.guard.may_run(node.boot_id),
        guard=node.guard,
        records=node.records,
        aside=dict(node.quarantine),
        copies=tuple((item.generation.epoch, item.generation.counter, item.records) for item in node.copies),
        promoted=(node.promoted.epoch, node.promoted.counter) if node.promoted else None,
    )


class Event(NamedTuple):
    """What just happened, between two sets of facts."""

    what: str
    before: Facts
    after: Facts
    statuses: Sequence[Mapping[str, Any]]
    """What every API server holds."""
    forgot: bool
    """Whether the adversary made an API server forget, so that a number may be given out twice."""


def one_writer(event: Event) -> Iterator[str]:
    """Law 1: no event lets a second node run, or may run."""
    able = [node.name for node in event.after.nodes if node.can_write]
    were = [node.name for node in event.before.nodes if node.can_write]
    if len(able) > 1 and len(were) < len(able):
        yield f"{' and '.join(able)} can write at one moment"


def promoted_under_a_proof(event: Event) -> Iterator[str]:
    """Law 3: a guard puts an epoch of its own in force by an order only where status holds the proof for the other."""
    if not event.what.startswith("order promote"):
        return
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        mark = after.guard.inforce
        if mark is None or mark == before.guard.inforce or mark.owner != after.name:
            continue
        proofs = [(status.get("episode") or {}).get("proof") for status in event.statuses]
        fitting = [it for it in proofs if it and (it["node"], it["epoch"]) == (_other(event, after.name), mark.epoch)]
        if not fitting:
            yield f"{after.name} put epoch {mark.epoch} in force, and no status holds a proof for it"


def _other(event: Event, name: str) -> str:
    return event.after.other(name).name


def numbers_never_fall(event: Event) -> Iterator[str]:
    """Law 5: on no node does a term or an epoch fall, and what is promised is never below what is in force."""
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        old, new = before.guard, after.guard
        if old.standing is not new.standing:
            continue
        pairs = (
            ("term", old.term, new.term),
            ("promised epoch", old.promised_epoch, new.promised_epoch),
            ("epoch in force", old.inforce_epoch, new.inforce_epoch),
        )
        yield from (f"{after.name}'s {what} fell from {was} to {now}" for what, was, now in pairs if now < was)
        if new.promised_epoch < new.inforce_epoch:
            yield f"{after.name} has epoch {new.inforce_epoch} in force and promised {new.promised_epoch} only"


def one_owner(event: Event) -> Iterator[str]:
    """Law 5: no epoch has two owners, on the nodes and in status together."""
    if event.forgot or event.before == event.after:
        return
    owners: dict[int, str] = {}
    marks = chain.from_iterable((node.guard.promised, node.guard.inforce) for node in event.after.nodes)
    found = [(mark.epoch, mark.owner) for mark in marks if mark is not None]
    found += [(mark["number"], mark["owner"]) for status in event.statuses for mark in _epochs(status)]
    for number, owner in found:
        if owners.setdefault(number, owner) != owner:
            yield f"epoch {number} is owned by {owners[number]} and {owner}"


def _epochs(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [mark for mark in (status.get("epoch") or {}).values() if mark]


def copy_is_whole(event: Event) -> Iterator[str]:
    """Law 6: what is brought up is a whole copy that was there before."""
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        if after.promoted is None or after.promoted == before.promoted:
            continue
        whole = {(epoch, counter): records for epoch, counter, records in before.copies}
        if whole.get(after.promoted) != after.records:
            yield f"{after.name} brought {after.promoted} up, which was no whole copy there"


def nothing_thrown_away(event: Event) -> Iterator[str]:
    """Law 7: what a node wrote last is on it, kept aside there, or in the copy that the other one promoted."""
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        lost = [key for key, amount in before.aside.items() if after.aside.get(key) != amount]
        # A person gave it up by its name; the drivers' suites hold a discard to that one name.
        if lost and not event.what.removeprefix("late ").startswith("discard "):
            yield f"{after.name} lost {', '.join(lost)}, which was kept aside"
        had = before.records
        if had is None or (after.records is not None and after.records >= had):
            continue
        kept = {*after.aside.values(), *(records for *_, records in after.copies)}
        other = event.after.other(after.name)
        elsewhere = {records for epoch, counter, records in other.copies if other.promoted == (epoch, counter)}
        if had not in kept | elsewhere:
            yield f"{after.name} had {had} records and has {after.records}; they are nowhere"


def intent_first(event: Event) -> Iterator[str]:
    """Law 9: no node knows an epoch, and no name moves, before a status says so."""
    if event.what.startswith("late "):
        return
    told = {(mark["number"], mark["owner"]) for status in event.statuses for mark in _epochs(status)}
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        for which in ("promised", "inforce"):
            mark: Mark | None = getattr(after.guard, which)
            if mark is not None and mark != getattr(before.guard, which) and (mark.epoch, mark.owner) not in told:
                yield f"{after.name} has epoch {mark.epoch} of {mark.owner} {which} before status promised it"
    steps = [record["name"] for status in event.statuses for record in _steps(status) if record["state"] == "Running"]
    if event.before.names != event.after.names and "MoveTraffic" not in steps:
        yield "a name moved without an intent"


def _steps(status: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (status.get("episode") or {}).get("steps", ())
    return found


def name_at_the_promoted(event: Event) -> Iterator[str]:
    """Law 12: a name is set only to a node that owns the highest epoch in force."""
    for name, address in event.after.names.items():
        if event.before.names.get(name) == address:
            continue
        highest = max(node.guard.inforce_epoch for node in event.after.nodes)
        at = [node for node in event.after.nodes if node.address == address]
        if not any(node.guard.owns(highest) for node in at):
            yield f"{name} was set to {address}, where no epoch in force is owned"


def last_good_owner_leads(event: Event) -> Iterator[str]:
    """Law 8: nobody is let in below an epoch that the other node owns, nor found to lead with older data."""
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        other = event.after.other(after.name)
        if other.guard.standing is not Standing.VALID:
            continue
        permit, theirs = after.guard.permit, other.guard.inforce
        is_new = permit is not None and permit != before.guard.permit
        if permit and is_new and theirs and theirs.owner == other.name and theirs.epoch > permit.epoch:
            yield f"{after.name} was let in under epoch {permit.epoch}, and {other.name} owns epoch {theirs.epoch}"
        mark, last, mine = after.guard.inforce, other.guard.maxpermit, before.guard.maxpermit
        is_found = mark is not None and mark != before.guard.inforce and mark.episode.startswith(DISCOVERY)
        is_newer = last is not None and last.epoch > (mine.epoch if mine else 0)
        is_newer = is_newer and (other.records or 0) > (before.records or 0)
        if is_found and mark and mark.owner == after.name and is_newer and not before.runs:
            yield f"{after.name} was found to lead, and {other.name} was let in after it and has more"


def guards_stop_no_owner(event: Event) -> Iterator[str]:
    """Law 11: left to themselves, the guards stop no owner of the highest epoch that may run."""
    if event.what != "the guards went round":
        return
    highest = max(node.guard.inforce_epoch for node in event.before.nodes)
    for before, after in zip(event.before.nodes, event.after.nodes, strict=True):
        if before.runs and before.may_run and before.guard.owns(highest) and not after.runs:
            yield f"the guards stopped {after.name}, which owns epoch {highest}"


LAWS: Mapping[str, Callable[[Event], Iterator[str]]] = {
    "1 one writer": one_writer,
    "3 promoted under a proof": promoted_under_a_proof,
    "5 numbers never fall": numbers_never_fall,
    "5 one owner an epoch": one_owner,
    "6 a copy is whole": copy_is_whole,
    "7 nothing thrown away": nothing_thrown_away,
    "9 intent first": intent_first,
    "8 the last good owner leads": last_good_owner_leads,
    "11 the guards stop no owner": guards_stop_no_owner,
    "12 the name at the promoted": name_at_the_promoted,
}


def broken(event: Event) -> list[tuple[str, str]]:
    """Returns every law that an event broke, with what shows it."""
    if event.before == event.after:
        return []
    return [(name, said) for name, law in LAWS.items() for said in law(event)]


def broken_by_a_write(
    facts: Facts, *, before: Mapping[str, Any], after: Mapping[str, Any], read: frozenset[str]
) -> list[tuple[str, str]]:
    """Returns what a write of status broke: a proof in it must be true at this moment (laws 2 and 4).

    `read` names the nodes that this very turn could read.
    """
    episode = after.get("episode") or {}
    changes = after.get("activeNode") != before.get("activeNode") or _in_force(after) > _in_force(before)
    proof = episode.get("proof")
    if not changes or proof is None or episode.get("step") not in OWNER_STEPS:
        return []
    found = []
    node = facts.node(proof["node"])
    if node.can_write:
        found.append(("2 proof is an observation", f"{proof['method']} is said of {node.name}, which can write"))
    if proof["method"] in ("Demoted", "Adopted", "NeverRan") and node.name not in read:
        found.append(("4 unknown is not no", f"{proof['method']} is said of {node.name}, which nobody could read"))
    return found


def _in_force(status: Mapping[str, Any]) -> int:
    mark = (status.get("epoch") or {}).get("inForce")
    return mark["number"] if mark else 0


def unsaid(reason: str, status: Mapping[str, Any]) -> str | None:
    """Returns what is wrong with how a hold is told, or None (law 13): one word, in a condition, with a sentence."""
    told = [item for item in status.get("conditions", ()) if item["reason"] == reason]
    if not CAMEL_CASE.fullmatch(reason):
        return f"{reason} is no word"
    return None if any(item["message"] for item in told) else f"no condition says {reason}"
