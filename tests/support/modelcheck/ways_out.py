"""Liveness: once the adversary rests, the pair is Active, or holds for a reason that names what a person can do.

Every state is followed to where it comes to rest. Where that is not Active, people do what the hold says: they mend
what is broken, give the answers that its words name, or change the order that it speaks of. From what comes of that
Active must be reached, in a few such moves.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from support.modelcheck import moves
from support.modelcheck.blows import ANOTHER, BY_HAND, MENDS
from support.modelcheck.canonical import name_of
from support.modelcheck.explore import story_of
from support.modelcheck.moves import Move
from support.modelcheck.stage import Violation
from support.modelcheck.story import after
from support.modelcheck.unattended import is_active

if TYPE_CHECKING:
    from support.modelcheck.blows import Blow
    from support.modelcheck.explore import Walk
    from support.modelcheck.stage import Stage, Turned
    from support.modelcheck.state import State

MOST_MOVES = 4
"""How many things people do one after the other before a hold counts as a dead end."""
MOST_STEPS = 120
MEANINGS = {reason.value: reason.meaning for reason in Reason}
MEND = Move("mend", "people mend what is broken")
CONFIRM = "confirm"
"""People switch a node off, and then say that it is off."""
EPISODE = re.compile(r"\b[a-z]+-[a-z0-9-]*\d[a-z0-9-]*\b")
AMOUNT = re.compile(r"AcceptLoss of (\d+)")
DELETED, ANEW = "the resource is deleted", "the resource is made anew"
BY_HAND_WORDS = {
    "stop": ("stop ", "runbook"),
    "start": ("start them",),
    "put the data": ("put the data", "put them there"),
    "switch": ("switch it off",),
}
"""What a hold says where people are to do something on a node."""
ENOUGH_SECONDS = "100000"


@dataclass(slots=True)
class Held:
    """All worlds that rest at one rule for one reason."""

    worlds: list[bytes] = field(default_factory=list)
    said: str = ""
    """The words of one of those that nothing leads out of."""
    way: tuple[Move, ...] = ()
    """What people did in one of them."""
    dead_ends: list[bytes] = field(default_factory=list)


class WaysOut:
    """Follows states to their rest, and out of it."""

    def __init__(self, stage: Stage, walk: Walk, *, names: Iterable[bytes] | None = None) -> None:
        """Keeps what is known of each state's future; asked about are these worlds, or all."""
        self._names = list(walk.after if names is None else names)
        self._stage = stage
        self._walk = walk
        self._rests: dict[bytes, bytes | None] = {}
        self._known: dict[bytes, State] = dict(walk.rests)
        self._ways: dict[bytes, tuple[Move, ...]] = {}
        self.found: list[tuple[bytes, str, str]] = []
        """Laws that were broken while people led a pair out of a hold: of which hold, which law, and what shows it."""

    def holds(self) -> dict[tuple[str, str], Held]:
        """Returns every way in which worlds of the walk rest without being Active."""
        found: dict[tuple[str, str], Held] = defaultdict(Held)
        for name in dict.fromkeys(self._rests.get(name) for name in self._names):
            state = self._known.get(name) if name is not None else None
            if name is None or state is None:
                continue
            if is_active(state) or state.rest is None:
                continue
            held = found[state.rest.rule, state.rest.reason]
            held.worlds.append(name)
            way = self.way(state)
            if way is None:
                held.dead_ends.append(name)
                held.said = state.rest.message
            else:
                held.way = held.way or way
        return dict(found)

    def endless(self) -> list[bytes]:
        """Returns a state of every round that states left to themselves go for ever without a hold that says so."""
        rounds = []
        for name in self._names:
            seen: dict[bytes, None] = {}
            while name in self._walk.after and name not in seen and name not in self._rests:
                seen[name] = None
                name = self._walk.after[name]  # noqa: PLW2901 - the walk along the chain
            end = self._rests.get(name, name if self._walk.after.get(name) == name else None)
            if name in seen and self._walk.after[name] != name:
                begun, story = story_of(self._walk, name)
                waiting = self._settled(after(self._stage, self._walk.begun[begun], story))
                end = name if waiting is not None else None
                if waiting is None:
                    rounds.append(name)
                else:
                    self._known[name] = waiting
            self._rests.update(dict.fromkeys(seen, end))
        return rounds

    def way(self, state: State) -> tuple[Move, ...] | None:
        """Returns what people do to bring a resting pair back to Active, or None where nothing they do helps."""
        tried: set[bytes] = set()
        to_try: deque[tuple[State, tuple[Move, ...]]] = deque([(state, ())])
        while to_try:
            at, way = to_try.popleft()
            for move in human(at):
                settled = self._asked(at, move, of=state)
                if settled is None:
                    continue
                if is_active(settled):
                    return self._leads(state, (*way, move))
                name = name_of(settled)
                rest = self._ways.get(name)
                if rest is not None and len(way) + 1 + len(rest) <= MOST_MOVES:
                    return self._leads(state, (*way, move, *rest))
                if name not in tried and len(way) + 1 < MOST_MOVES:
                    tried.add(name)
                    to_try.append((settled, (*way, move)))
        return None

    def _asked(self, at: State, move: Move, *, of: State) -> State | None:
        """Returns where people's move leads to; that a law is broken on the way is a finding like any other."""
        try:
            return self._settled(self._after(at, move))
        except Violation as broken:
            self.found.append((name_of(of), broken.law, f"{broken.said}, after {move.text}"))
            return None

    def _leads(self, state: State, way: tuple[Move, ...]) -> tuple[Move, ...]:
        """Remembers what leads out of a state, for others from which people come to it."""
        self._ways[name_of(state)] = way
        return way

    def _after(self, state: State, move: Move) -> State:
        if move.kind == CONFIRM:
            about = move.what.rpartition(" ")[2]
            off = moves.play(self._stage, state, Move(moves.BLOW, f"people switch {about} off for good"))
            return moves.play(self._stage, off, Move(moves.SAY, move.what))
        if move != MEND:
            return moves.play(self._stage, state, move)
        mended = state.copied()
        self._stage.put(mended)
        for mend in mends(mended):
            self._stage.strike(mend.do)
        return mended

    def _settled(self, state: State) -> State | None:
        """Returns where a state comes to rest, by what is known or by letting it go on.

        One that only does the same step again and again, and says each time that it waits, rests there.
        """
        seen: dict[bytes, tuple[State, Turned]] = {}
        while len(seen) < MOST_STEPS:
            name = name_of(state)
            end = self._rests.get(name, name if name in self._known else None)
            if end is not None and end in self._known:
                return self._end(seen, end, self._known[end])
            if name in seen:
                waiting = _waiting(list(seen.values())[list(seen).index(name) :])
                return waiting and self._end(seen, name, waiting)
            moved, turned = moves.wait(self._stage, state, name=name)
            seen[name] = state, turned
            state = moved
            if state.rest is not None:
                return self._end(seen, name, state)
        return None

    def _end(self, seen: Iterable[bytes], name: bytes, state: State) -> State:
        """Remembers where all these states come to rest, and returns it."""
        self._known[name] = state
        self._rests.update(dict.fromkeys(seen, name))
        return state


def _waiting(going_round: Sequence[tuple[State, Turned]]) -> State | None:
    """Returns a state of a round that says why it waits, where all the round does is one step of one episode."""
    steps = {(it["id"], it["step"]) if (it := state.status.get("episode")) else None for state, _ in going_round}
    holds = [(state, turned.rest) for state, turned in going_round if turned.rest is not None]
    if len(steps) > 1 or not holds:
        return None
    state, rest = holds[0]
    waiting = state.copied()
    waiting.rest = rest
    return waiting


def mends(state: State) -> list[Blow]:
    """Returns what of all that is broken people can mend; that everything is to be taken off is no fault."""
    is_released = state.stores[0].spec.management is Management.RELEASE
    return [blow for name, blow in MENDS.items() if blow.can(state) and not (is_released and "management" in name)]


def human(state: State) -> Iterator[Move]:
    """Returns what the hold's own words, and what is plainly broken, tell people to do."""
    if mends(state):
        yield MEND
    if state.rest is None:
        return
    words = f"{state.rest.message} {MEANINGS[state.rest.reason]}"
    yield from _answers(state, words)
    yield from (Move(moves.BLOW, name) for name, blow in BY_HAND.items() if _is_asked(name, words) and blow.can(state))
    if "take the answer Restore" in words and any(word.say is Say.RESTORE for word in state.stores[0].spec.answers):
        yield Move(moves.UNSAY, Say.RESTORE.value)
    if "delete the resource" in words:
        yield Move(moves.BLOW, DELETED)
    if "make the resource anew" in words:
        yield Move(moves.BLOW, ANEW)
    wanted = state.stores[0].spec.active_node
    if "activeNode" in words or "order" in words:
        yield Move(moves.ORDER, "b" if wanted == "a" else "a")


def _is_asked(name: str, words: str) -> bool:
    """Tells whether a hold's words ask for this to be done by hand."""
    return any(word in words for says, asked in BY_HAND_WORDS.items() if says in name for word in asked)


def _answers(state: State, words: str) -> Iterator[Move]:
    for say in Say:
        if say.value in words:
            for episode in dict.fromkeys(_episodes(state, words)):
                for of in _of(say, words):
                    is_there = say is Say.CONFIRM_FENCED and _is_there(state, of)
                    yield Move(CONFIRM if is_there else moves.SAY, f"{episode} {say.value} {of}")


def _is_there(state: State, name: str) -> bool:
    """Tells whether the machine of which people are to say that it is off is on, and no other one in its place."""
    node = state.world.nodes[name]
    return node.is_on and not node.machine_id.startswith(ANOTHER)


def _episodes(state: State, words: str) -> Iterator[str]:
    status = state.status
    yield from EPISODE.findall(words)
    if status.get("episode"):
        yield status["episode"]["id"]
    if status.get("orderNotDone"):
        yield status["orderNotDone"]


def _of(say: Say, words: str) -> tuple[str, ...]:
    match say:
        case Say.ACCEPT_LOSS:
            return (*AMOUNT.findall(words), ENOUGH_SECONDS)[:1]
        case Say.CONFIRM_FENCED:
            return ("a", "b")
        case Say.ADOPT:
            return tuple(re.findall(r"of: ([0-9a-f-]{36})", words))
        case _:
            return ("",)
