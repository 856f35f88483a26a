"""Every move out of a state: the one that the pair makes by itself, and those of the adversary.

A move is plain data with a name in the project's nouns, so that a story of moves is printed, kept and played again.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from maestro_operator.model.pair import Answer, Say
from maestro_operator.model.reasons import Reason
from support.kills.boundaries import EFFECTS
from support.modelcheck.blows import ANY, AT_ANY_MOMENT, IN_MID_TURN, edit
from support.modelcheck.canonical import name_of
from support.modelcheck.copies import copied_loop, moved_over
from support.modelcheck.lies import LIES as WAYS_TO_LIE
from support.modelcheck.stage import HOLD, LIES, UNREAD, WRITE, Plan, Turned
from support.modelcheck.state import Rest

if TYPE_CHECKING:
    from support.modelcheck.stage import Stage
    from support.modelcheck.state import State

BEGIN, GO, TURN, BLOW, KILL, ORDER, SAY, UNSAY, LATE, LOST, STRAY = (
    "begin", "go", "turn", "blow", "kill", "order", "say", "unsay", "late", "lost", "stray",
)  # fmt: skip
IDLE_PAUSES = (0.0, 0.0, 0.0, 1.0, 2.0, 4.0, *(7.0,) * 10)
"""What is let pass besides between looks that show nothing new, until all that could come of waiting has come."""
STRAY_TURNS = (1, 2, 3)
"""How many turns a stray operator takes before it is gone again; between two of its strays the first one goes on."""
STALE, SECOND, APART = "a stale operator", "a second operator", "an operator of another cluster"
MOST_LATE = 1
ONLY_LOOKS = "verify"
"""The effect that changes nothing and whose answers are its own: it is lost with its node or not at all."""
CORE = frozenset({"kills", "fails", "unheard", *(f"{LIES}{lie}" for lie in WAYS_TO_LIE), *IN_MID_TURN})
"""What a machine room does by itself."""
PLAIN_WORDS = ("loses its power", "gets power", "freezes", "thaws", "cut off from each other", "heals")
PLAIN = frozenset({"kills", "fails", "unheard", *(f"{LIES}{lie}" for lie in WAYS_TO_LIE)})
"""What befalls an act of a turn by itself."""
PLAIN_BLOWS = tuple(name for name in IN_MID_TURN if any(word in name for word in PLAIN_WORDS))


class Kinds(Enum):
    """Of which kinds a fault may be."""

    EVERY = "of any kind"
    CORE = "of those that a machine room does by itself"
    PLAIN = "plain: power, a node that hangs, a link, a killed operator; an act that fails, is unheard, kills; a lie"


BETWEEN: Mapping[Kinds, Collection[str]] = {Kinds.CORE: CORE, Kinds.PLAIN: PLAIN_BLOWS}
AT_AN_ACT: Mapping[Kinds, Collection[str]] = {Kinds.CORE: CORE, Kinds.PLAIN: PLAIN}


class Move(NamedTuple):
    """One move."""

    kind: str
    what: str = ""
    """The blow, the node, the act of a turn, or the word that people say."""
    fault: str = ""
    act: int = -1

    @property
    def text(self) -> str:
        """Returns the move as a line of a story."""
        fault = FAULTS.get(self.fault, self.fault)
        return TOLD.get(self.kind, "{what}").format(what=self.what, fault=fault, act=self.act)


TOLD = {
    GO: "the operator looks, decides and acts",
    TURN: "the operator takes a turn, and at '{what}': {fault}",
    KILL: "the operator's process is killed and started anew",
    ORDER: "people set activeNode to {what}",
    SAY: "people answer {what}",
    UNSAY: "people take the answer {what} out",
    "confirm": "people switch it off, and answer {what}",
    LATE: "'{what}' arrives late after all",
    LOST: "'{what}' never arrives",
    STRAY: "{what} takes {act} turns and is gone",
}
FAULTS = {
    "kills": "it happens, and the operator is killed right after",
    "fails": "it does not happen, and the operator is told that nothing answered",
    "unheard": "it happens, and its answer is lost",
    "late": "no answer; it may still arrive",
    "twice": "it happens, and may arrive once more",
}


def wait(stage: Stage, state: State, *, name: bytes) -> tuple[State, Turned]:
    """Returns what comes of leaving a state to itself: the next one that differs, or the same at rest.

    What the operator only waits for is one move: it looks again and again, and time passes, until something is new.
    """
    moved = state.copied()
    stage.put(moved)
    first = turned = stage.turn()
    if moved.stores[0].is_gone:
        moved.rest = Rest("gone", Reason.DELETING.value, "the resource is gone")
        return moved, first
    for pause in IDLE_PAUSES:
        if not turned.is_idle or name_of(moved) != name:
            return moved, first
        if pause:
            stage.let_pass(pause)
        turned = stage.turn()
    moved.rest = turned.rest if turned.is_idle and name_of(moved) == name else None
    return moved, first


def play(stage: Stage, state: State, move: Move) -> State:
    """Returns the state after a move.

    Raises:
        Violation: a law was broken.

    """
    if move.kind == GO:
        return wait(stage, state, name=name_of(state))[0]
    moved = state.copied()
    stage.put(moved)
    match move.kind:
        case "turn":
            stage.turn(plan=_plan(move))
        case "blow":
            stage.strike(ANY[move.what].do)
        case "kill":
            moved.operators = (stage.new_operator(0, store=0), *moved.operators[1:])
        case "order" | "say" | "unsay":
            _edited(moved, move)
        case "late":
            late = moved.adversary.late[0]
            moved.adversary = replace(moved.adversary, late=moved.adversary.late[1:])
            stage.deliver(late)
        case "lost":
            moved.adversary = replace(moved.adversary, late=moved.adversary.late[1:])
        case "stray":
            _stray(stage, moved, move)
        case _:
            raise ValueError(move.kind)
    return moved


def _plan(move: Move) -> Plan:
    if move.fault in ANY:
        return Plan(move.act, "blow", ANY[move.fault].do)
    return Plan(move.act, move.fault)


def _edited(state: State, move: Move) -> None:
    """Lets people order a node, answer, or take every answer that says so out again."""
    spec = state.stores[0].spec
    if move.kind == ORDER:
        edit(state, spec.model_copy(update={"active_node": move.what}))
        return
    kept = tuple(word for word in spec.answers if move.kind == SAY or word.say.value != move.what)
    if move.kind == SAY:
        episode, say, of = move.what.split(" ")
        word = Answer(episode=episode, say=Say(say), of=of or None, by="ops@example.org", why="looked at it")
        kept = (*kept, word)
    edit(state, spec.model_copy(update={"answers": kept}))


def _stray(stage: Stage, state: State, move: Move) -> None:
    """Lets one more operator look after the pair for a while: beside the first one, or for a cluster of its own."""
    if move.what == APART:
        other = copy.copy(state.stores[0])
        other.restore(state.adversary.older)
        state.stores = (*state.stores, other)
        state.adversary = replace(state.adversary, forgot=True)
    second = stage.new_operator(1, store=len(state.stores) - 1)
    if move.what == STALE and state.adversary.stale is not None:
        second.loop = moved_over(copied_loop(state.adversary.stale), second.loop)
    state.operators = (*state.operators, second)
    for _ in range(move.act):
        stage.turn(seat=1)
    state.operators, state.stores = state.operators[:1], state.stores[:1]
    state.operators[0].loop.wake()


def free(state: State) -> Iterator[Move]:
    """Returns what may happen at any moment without a further fault: it follows from an earlier one."""
    adversary = state.adversary
    if adversary.late:
        late = adversary.late[0]
        is_there = late.boot is None or state.world.nodes[late.call.about or ""].boot_id == late.boot
        in_time = state.world.clock.monotonic_seconds() < late.until_seconds
        if is_there and in_time:
            yield Move(LATE, late.call.name)
        yield Move("lost", late.call.name)


def faults(state: State, acts: tuple[str, ...], *, kinds: Kinds) -> Iterator[Move]:
    """Returns the faults of these kinds that are possible now; the next turn would do `acts`."""
    for name, blow in AT_ANY_MOMENT.items():
        if (kinds is Kinds.EVERY or name in BETWEEN[kinds]) and blow.can(state):
            yield Move(BLOW, name)
    yield Move(KILL)
    for index, act in enumerate(acts):
        every = _at_an_act(state, index, act)
        yield from (move for move in every if kinds is Kinds.EVERY or move.fault in AT_AN_ACT[kinds])
    if kinds is Kinds.EVERY:
        yield from _rare(state)


def _rare(state: State) -> Iterator[Move]:
    if state.status.get("activeNode"):
        yield Move(ORDER, "b" if state.stores[0].spec.active_node == "a" else "a")
    for who in (SECOND, STALE, APART):
        if who == SECOND or state.adversary.older:
            yield from (Move(STRAY, who, act=turns) for turns in STRAY_TURNS)
    for name in state.world.nodes:
        yield Move(TURN, f"read {name}", f"{UNREAD}read {name}")
    yield Move(TURN, "read names", f"{UNREAD}read names")


def _at_an_act(state: State, number: int, act: str) -> Iterator[Move]:
    verb = act.partition(" ")[0]
    if act in (WRITE, HOLD):
        yield from (Move(TURN, act, fault, number) for fault in ("kills", "fails", "unheard"))
        return
    assert verb in EFFECTS, act
    yield Move(TURN, act, "kills", number)
    yield from (Move(TURN, act, name, number) for name in IN_MID_TURN if ANY[name].can(state))
    if verb == ONLY_LOOKS:
        return
    yield from (Move(TURN, act, fault, number) for fault in ("fails", "unheard"))
    if len(state.adversary.late) < MOST_LATE:
        yield from (Move(TURN, act, fault, number) for fault in ("late", "twice"))
    if verb == "off":
        yield from (Move(TURN, act, f"{LIES}{lie}", number) for lie in WAYS_TO_LIE)
