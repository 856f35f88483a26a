"""One name for all states that differ in nothing that matters; docs/explanation/enumeration.md argues each reduction.

Names of nodes, boots, machines and episodes are replaced by the order in which they are met, beginning with the owner's
side; epochs, terms, generations and amounts of data by their rank; moments by what they are held against. What people
only read is left out. What this file does not know, it keeps: a new field makes more states, never fewer.
"""

from __future__ import annotations

import hashlib
import marshal
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.outcome import Done
from maestro_operator.model.seen import NodeSeen, Unknown
from maestro_operator.observe.wallclock import CLOCK_MARGIN, WORD_LASTS

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.guard_twin import GuardState, Mark
    from maestro_operator.drivers.memory.world import MemoryNode
    from maestro_operator.loop import PairLoop
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.observe.gather import Observer
    from maestro_operator.observe.lookout import Lookout, Periodic
    from support.modelcheck.state import Late, Operator, State
    from support.worlds import MemoryStore

Value = Any
READ_BY_PEOPLE = frozenset(
    {
        "conditions", "nodes", "verdicts", "replication", "quarantine", "plan", "state", "observedGeneration", "claims",
        "history", "takenAnswers",
    }
)  # fmt: skip
"""Fields of status that no decision reads; `history` and `takenAnswers` are put in by what is asked of them."""
NOT_HELD_AGAINST_ANYTHING = frozenset(
    {
        "startedAt", "finishedAt", "downSince", "provedAt", "cutAt", "seconds", "remoteCommands", "apiWrites",
        "message", "evidence", "ssh", "fencing", "loss", "device", "identity", "writtenBy", "address", "trigger",
    }
)  # fmt: skip
"""Fields whose value no decision reads, or that follow from the spec, which is itself in the name."""
HAS_ITS_OWN_PLACE = frozenset(
    {
        "clock", "units", "nodes", "names", "cuts", "commands", "acknowledged", "last_acknowledged_seconds",
        "moments_with_two_writers",
    }
)  # fmt: skip
"""Fields of the world that the name has already, or that only count."""
MOST_ATTEMPTS = 4
"""More attempts than any rule counts."""
MOVES = ("Switchover", "Failover")
MOVES_KEPT = 3
ASTRAY = "astray"
"""In the trigger of a repair that is begun as often as it is needed; every other one is begun once after a move."""
UPTIMES = (30.0,)
ATTEMPT_AGES = (0.2, 1.0, 3.0, 5.0, 20.0)


def name_of(state: State) -> bytes:
    """Returns the state's name: 16 bytes, the same for all states that differ in nothing that matters."""
    return hashlib.blake2b(marshal.dumps(form_of(state), 2), digest_size=16).digest()


def form_of(state: State) -> tuple[Value, ...]:
    """Returns what the name is made of."""
    return _Form(state).whole()


class _Form:
    """The form of one state, built from the owner's side on."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._world = state.world
        store = state.stores[0]
        self._spec = store.spec
        owner = store.status.get("activeNode") or store.spec.active_node
        names = sorted(self._world.nodes, key=lambda name: name != owner)
        self._names = names
        self._node = {name: "xy"[index] for index, name in enumerate(names)}
        self._address = {node.address: self._node[name] for name, node in self._world.nodes.items()}
        self._now = self._world.clock.monotonic_seconds()
        self._wall = datetime.fromisoformat(self._world.clock.now())
        self._met: dict[str, str] = {}
        self._epochs = _ranks(self._all_epochs())
        self._terms = _ranks(self._all_terms())
        self._amounts = _ranks(self._all_amounts())

    def whole(self) -> tuple[Value, ...]:
        world, adversary = self._world, self._state.adversary
        return (
            tuple(self._store(store) for store in self._state.stores),
            tuple(self._memory_node(world.nodes[name]) for name in self._names),
            tuple(sorted(self._address.get(address, address) for address in world.names.values())),
            self._rest_of_the_world(),
            tuple(sorted({"".join(sorted(self._party(end) for end in cut)) for cut in world.cuts})),
            tuple(self._operator(operator) for operator in self._state.operators),
            tuple(sorted(self._node[name] for name in adversary.locked)),
            tuple(sorted((self._node[name], lie) for name, lie in adversary.lies.items())),
            tuple(self._late(late) for late in adversary.late),
            adversary.forgot,
        )

    def _rest_of_the_world(self) -> Value:
        """Returns every field of the world that has no place of its own in the name, the devices among them."""
        return tuple(
            (field, tuple(sorted((self._node.get(key, key), str(item)) for key, item in value.items())))
            if isinstance(value, dict)
            else (field, value)
            for field, value in sorted(vars(self._world).items())
            if field not in HAS_ITS_OWN_PLACE
        )

    def _party(self, end: str) -> str:
        return "o" if end == OPERATOR else self._node[end]

    def _late(self, late: Late) -> Value:
        """Returns what an order on its way says, and whether it still can arrive."""
        call, about = late.call, late.call.about or ""
        there = self._world.nodes.get(about)
        said = []
        for item in call.arguments[1:]:
            epoch, episode, term = (getattr(item, field, None) for field in ("epoch", "episode", "term"))
            said.append((self._epochs.get(epoch), self._id(episode), self._terms.get(term)))
        return (
            call.verb,
            getattr(call.arguments[-1], "verb", ""),
            self._node.get(about, about),
            tuple(said),
            late.boot == (there.boot_id if there else None),
            self._now < late.until_seconds,
        )

    # ------------------------------------------------------------ numbers and ids

    def _all_epochs(self) -> Iterable[int]:
        for store in self._state.stores:
            yield from _numbers(store.status)
        for node in self._world.nodes.values():
            guard = node.guard
            for mark in (guard.promised, guard.inforce, guard.permit, guard.maxpermit, guard.grant):
                if mark is not None:
                    yield mark.epoch
            yield from (number for number in (guard.final, guard.quarantined) if number is not None)
            yield from (item.generation.epoch for item in node.copies)
            yield from (item.epoch for item in (node.sent, node.promoted) if item is not None)
        for late in self._state.adversary.late:
            yield from (item.epoch for item in late.call.arguments[1:] if getattr(item, "epoch", None) is not None)

    def _all_terms(self) -> Iterable[int]:
        yield 0
        for store in self._state.stores:
            yield from _terms(store.status)
        yield from (node.guard.term for node in self._world.nodes.values())
        yield from (operator.loop._memory.term for operator in self._state.operators)
        for late in self._state.adversary.late:
            yield from (item.term for item in late.call.arguments[1:] if hasattr(item, "term"))

    def _all_amounts(self) -> Iterable[int]:
        for node in self._world.nodes.values():
            yield from (item.records for item in node.copies)
            yield from node.quarantine.values()
            if node.records is not None:
                yield node.records

    def _id(self, value: str | None) -> str | None:
        """Returns an episode's id without its moment: its kind, and how many ids were met before it."""
        if value is None:
            return None
        if value not in self._met:
            kind = value.partition("-")[0]
            self._met[value] = f"{kind}-{len(self._met)}"
        return self._met[value]

    def _known(self, value: str | None, kind: str) -> str | None:
        if value is None:
            return None
        return self._met.setdefault(kind + value, f"{kind}{len(self._met)}")

    def _mark(self, mark: Mark | None) -> Value:
        return mark and (self._epochs[mark.epoch], self._node.get(mark.owner, mark.owner), self._id(mark.episode))

    # ------------------------------------------------------------ a node

    def _memory_node(self, node: MemoryNode) -> Value:
        return tuple(self._field(node, name) for name in _NODE_FIELDS)

    def _field(self, node: MemoryNode, name: str) -> Value:
        value = getattr(node, name)
        handler = _HANDLERS.get(name)
        if handler is not None:
            return handler(self, node, value)
        return tuple(sorted(value)) if isinstance(value, (set, dict)) else value

    def _guard(self, node: MemoryNode, guard: GuardState) -> Value:
        permit, highest, grant = guard.permit, guard.maxpermit, guard.grant
        rank = self._epochs.get
        return (
            self._known(guard.pair, "p"),
            self._node.get(guard.node, guard.node),
            self._terms[guard.term],
            self._mark(guard.promised),
            self._mark(guard.inforce),
            permit and (rank(permit.epoch), permit.boot == node.boot_id),
            highest and (rank(highest.epoch), highest.boot == node.boot_id),
            rank(guard.final or -1),
            grant and (rank(grant.epoch), self._node.get(grant.source, grant.source)),
            rank(guard.quarantined or -1),
            guard.standing.value,
        )

    def _generation(self, _node: MemoryNode, value: Any) -> Value:  # noqa: ANN401
        return value and (self._epochs[value.epoch], self._counter(value))

    def _counter(self, value: Any) -> int:  # noqa: ANN401
        """Returns how far a generation is behind the newest one of its epoch."""
        newest = max(
            (
                item.generation.counter
                for node in self._world.nodes.values()
                for item in node.copies
                if item.generation.epoch == value.epoch
            ),
            default=value.counter,
        )
        return int(min(newest - value.counter, 3))

    def _copies(self, node: MemoryNode, value: Any) -> Value:  # noqa: ANN401
        limits = self._copy_ages()
        return tuple(
            (
                *self._generation(node, item.generation),
                self._amounts[item.records],
                bisect_left(limits, self._now - item.announced_at_seconds),
            )
            for item in value
        )

    def _copy_ages(self) -> tuple[float, ...]:
        rsync, budget = self._spec.replication.rsync, float(self._spec.failover.max_data_loss_seconds)
        interval = float(rsync.interval_seconds) if rsync else 0.0
        return tuple(sorted((2 * interval, budget - 60.0, budget)))

    def _aside(self, _node: MemoryNode, value: Mapping[str, int]) -> Value:
        return tuple(sorted(self._amounts[amount] for amount in value.values()))

    # ------------------------------------------------------------ an API server

    def _store(self, store: MemoryStore) -> Value:
        spec, status = store.spec, store.status
        answers = tuple(
            (self._id(item.episode), item.say.value, self._node.get(item.of or "", item.of)) for item in spec.answers
        )
        return (
            self._node[spec.active_node],
            spec.management.value,
            _rest_of_the_spec(spec),
            answers,
            (store.is_deleting, store.is_gone, len(store.finalizers), self._known(store.key.uid, "p")),
            tuple(
                (key, self._value(key, status[key])) for key in sorted(status.keys() - READ_BY_PEOPLE) if status[key]
            ),
            self._history(status, {item.episode for item in spec.answers}),
        )

    def _history(self, status: Mapping[str, Any], spoken_of: set[str]) -> Value:
        """Returns the moves that count against the next one, what was repaired since, and which answers were taken."""
        moves = [
            (entry["kind"], entry["result"], self._node.get(entry["target"]), self._id(entry["id"]))
            for entry in status.get("history", ())
            if entry["kind"] in MOVES
        ][:MOVES_KEPT]
        since = takewhile(lambda entry: entry["kind"] not in MOVES, status.get("history", ()))
        repaired = {entry["trigger"] for entry in since if entry["kind"] == "Repair"}
        taken = [
            (self._id(item["episode"]), item["say"], self._node.get(item.get("of") or "", item.get("of")))
            for item in status.get("takenAnswers", ())
            if item["episode"] in spoken_of or item["episode"] in self._met
        ]
        return (
            tuple(moves),
            tuple(sorted(item for item in repaired if ASTRAY not in item)),
            tuple(sorted(taken, key=repr)),
        )

    def _value(self, key: str, value: Any) -> Value:  # noqa: ANN401
        if isinstance(value, Mapping):
            return tuple(
                (name, self._value(name, value[name])) for name in sorted(value.keys() - NOT_HELD_AGAINST_ANYTHING)
            )
        if isinstance(value, (list, tuple)):
            items = [self._value(key, item) for item in value]
            return tuple(sorted(items, key=repr)) if key in ("recorded", "frozen") else tuple(items)
        reader = _READERS.get(key)
        if reader is not None:
            return reader(self, value)
        return self._node.get(value, value) if isinstance(value, str) else value

    def _is_over(self, moment: str) -> bool:
        return self._wall > datetime.fromisoformat(moment) + CLOCK_MARGIN

    def _is_fresh(self, moment: str) -> bool:
        return self._wall - datetime.fromisoformat(moment) <= WORD_LASTS

    # ------------------------------------------------------------ an operator

    def _operator(self, operator: Operator) -> Value:
        loop = operator.loop
        memory, store = loop._memory, self._state.stores[operator.store]
        resource, last = memory.resource, memory.last
        known = None if resource is None else resource.resource_version == str(store._version)
        down_for = float(self._spec.detection.down_for_seconds)
        is_under_way = bool(store.status.get("episode"))
        return (
            operator.store,
            operator.has_lease,
            self._now - operator.since_seconds >= down_for,
            known,
            self._terms[memory.term],
            is_under_way
            and last
            and (
                self._id(last.episode),
                last.step.value,
                self._outcome(last.outcome),
                bisect_left(ATTEMPT_AGES, self._now - memory.last_at_seconds),
            ),
            # That the traffic was left alone saves a reading of an address that is read on the nodes; here is none. But
            # that a step was made at all, whatever it left alone, may end what was said of a node.
            tuple(sorted(self._node[name] for name in memory.untouched if name in self._node)),
            bool(memory.untouched),
            self._observer(loop, down_for),
        )

    def _outcome(self, outcome: Any) -> Value:  # noqa: ANN401
        if not isinstance(outcome, Done):
            return (type(outcome).__name__, getattr(outcome, "remote_reason", ""))
        generation = outcome.facts.get("generation")
        evidence = outcome.evidence
        readings = evidence and tuple((item.identity, item.state, item.process) for item in evidence.readings)
        is_newest = generation and tuple(
            str(node.newest().generation) == generation if node.newest() else None  # type: ignore[union-attr]
            for node in (self._world.nodes[name] for name in self._names)
        )
        return ("Done", is_newest, evidence and (self._node.get(evidence.node), evidence.rung, readings))

    def _observer(self, loop: PairLoop, down_for: float) -> Value:
        if loop._observer is None:
            return None
        _, observer = loop._observer
        vantage, said = observer._vantage, observer._vantage._memory._said
        return (
            tuple(self._lookout(observer._nodes[name]) for name in self._names),
            tuple(self._lookout(item) for item in observer._traffic),
            tuple(
                sorted(
                    (
                        key[0],
                        self._node.get(key[1], key[1]),
                        *self._periodic(item),
                        key in said and (said[key].vote.value, self._now - said[key].since_seconds >= down_for),
                    )
                    for key, item in vantage._asked.items()
                )
            ),
            tuple(self._periodic(observer._devices[name]) for name in self._names),
            tuple(self._remembered(observer, name) for name in self._names),
        )

    def _remembered(self, observer: Observer, name: str) -> Value:
        """Returns what an observer remembers of a node: its boot, its silence, how often it came back."""
        booted, flaps = observer._boots._booted.get(name), observer._flaps
        grace = float(self._spec.detection.startup_grace_seconds)
        return (
            booted and (booted.boot_id == self._world.nodes[name].boot_id, self._now - booted.at_seconds >= grace),
            name in observer._silent,
            name in observer._running,
            name in observer._vantage._suspects,
            flaps._is_silent.get(name),
            len(flaps._returns.get(name, ())),
        )

    def _lookout(self, item: Lookout[Any]) -> Value:
        return (_newest(item), item._is_first)

    def _periodic(self, item: Periodic[Any]) -> Value:
        return (_newest(item),)


_SPECS: dict[int, tuple[PairSpec, str]] = {}
"""What was said of each spec, beside the spec itself, so that no other one is ever found in its place."""


def _rest_of_the_spec(spec: PairSpec) -> str:
    """Returns every field of a spec that has no place of its own in the name."""
    if id(spec) not in _SPECS:
        _SPECS[id(spec)] = spec, spec.model_dump_json(exclude={"active_node", "management", "answers"})
    return _SPECS[id(spec)][1]


def _newest(item: Lookout[Any] | Periodic[Any]) -> Value:
    """Returns the answer that the next look takes: one that came in the background stands for the one before it."""
    task = item._task
    is_there = task is not None and task.done() and not task.cancelled()
    return _kind(task.result() if task is not None and is_there else item._last)


def _kind(value: Any) -> Value:  # noqa: ANN401
    """Returns what of a look's answer is still read when the next look has been taken."""
    if isinstance(value, tuple):
        return tuple(_kind(item) for item in value)
    if isinstance(value, NodeSeen):
        return "seen"
    if isinstance(value, Unknown):
        return value.reason.value
    return str(getattr(value, "vote", getattr(value, "state", "seen")))


def _ranks(numbers: Iterable[int]) -> dict[int | None, int]:
    """Returns the rank of each number; two that are neighbours stay neighbours, and a gap stays a gap."""
    found: dict[int | None, int] = {-1: -1}
    rank, before = 0, None
    for number in sorted(set(numbers)):
        rank += 0 if before is None else min(number - before, 2)
        found[number] = rank
        before = number
    return found


def _numbers(value: Any) -> Iterable[int]:  # noqa: ANN401
    """Returns every epoch that a status names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in READ_BY_PEOPLE:
                continue
            if key in ("number", "epoch") and isinstance(item, int):
                yield item
            elif isinstance(item, (Mapping, list, tuple)):
                yield from _numbers(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item)


def _terms(status: Mapping[str, Any]) -> Iterable[int]:
    yield status.get("term", 0)
    episode = status.get("episode") or {}
    yield from (record["term"] for record in episode.get("steps", ()))
    if episode.get("proof"):
        yield episode["proof"]["term"]


_NODE_FIELDS: tuple[str, ...]
_HANDLERS: Mapping[str, Any] = {
    "name": lambda form, _node, value: form._node[value],
    "address": lambda form, _node, value: form._address[value],
    "machine_id": lambda form, _node, value: form._known(value, "m"),
    "guard": _Form._guard,
    "records": lambda form, _node, value: value is not None and form._amounts[value],
    "copies": _Form._copies,
    "sent": _Form._generation,
    "promoted": _Form._generation,
    "promoted_episode": lambda form, _node, value: form._id(value),
    "quarantine": _Form._aside,
    "pins": lambda form, _node, value: tuple(sorted(form._address.get(item, item) for item in value.values())),
    "running": lambda _form, _node, value: len(value),
    "boots": lambda _form, _node, _value: None,
    "sent_at_seconds": lambda _form, _node, value: value is not None,
    "peer_left_at_seconds": lambda form, _node, value: (
        value is not None and form._now - value >= float(form._spec.detection.startup_grace_seconds)
    ),
    "booted_at_seconds": lambda form, _node, value: bisect_left(UPTIMES, form._now - value),
}
_READERS: Mapping[str, Any] = {
    "number": lambda form, value: form._epochs[value],
    "epoch": lambda form, value: form._epochs[value],
    "term": lambda form, value: form._terms[value],
    "attempts": lambda _form, value: min(value, MOST_ATTEMPTS),
    "counter": lambda _form, _value: None,
    "id": lambda form, value: form._id(value),
    "episode": lambda form, value: form._id(value),
    "orderNotDone": lambda form, value: form._id(value),
    "pairUID": lambda form, value: form._known(value, "p"),
    "machineId": lambda form, value: form._known(value, "m"),
    "bootId": lambda form, value: form._known(value, "b"),
    "deadline": lambda form, value: form._is_over(value),
    "seenAt": lambda form, value: form._is_fresh(value),
    "provenAt": lambda _form, value: value is not None,
}


def _node_fields() -> tuple[str, ...]:
    from maestro_operator.drivers.memory.world import MemoryNode as Node  # noqa: PLC0415 - typing alone needs it above

    return tuple(item.name for item in fields(Node))


_NODE_FIELDS = _node_fields()
