"""Liveness: once the adversary rests, the pair is Active, or holds for a reason that names what a person can do.

Every state is followed to where it comes to rest. Where that is not Active, people do what the hold says: they mend
what is broken, give the answers that its words name, or change the order that it speaks of. From what comes of that
Active must be reached, in a few such moves.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from support.modelcheck import moves
from support.modelcheck.blows import BY_HAND, MENDS
from support.modelcheck.canonical import name_of
from support.modelcheck.moves import Move

if TYPE_CHECKING:
    from support.modelcheck.explore import Walk
    from support.modelcheck.stage import Stage
    from support.modelcheck.state import State

MOST_MOVES = 4
"""How many things people do one after the other before a hold counts as a dead end."""
MOST_STEPS = 120
MEANINGS = {reason.value: reason.meaning for reason in Reason}
MEND = Move("mend", "people mend what is broken")
EPISODE = re.compile(r"\b[a-z]+-[a-z0-9-]*\d[a-z0-9-]*\b")
AMOUNT = re.compile(r"AcceptLoss of (\d+)")
DELETED = "the resource is deleted"
ENOUGH_SECONDS = "100000"


@dataclass(slots=True)
class Held:
    """All worlds that rest at one rule for one reason."""

    worlds: int = 0
    way: tuple[Move, ...] = ()
    """What people did in one of them."""
    dead_ends: list[bytes] = field(default_factory=list)


def is_active(state: State) -> bool:
    """Tells whether the pair serves, or is gone while its nodes run on."""
    status = state.status
    if state.stores[0].is_gone:
        return True
    return status.get("state") == "Active" and state.world.writers() == [status.get("activeNode")]


class WaysOut:
    """Follows states to their rest, and out of it."""

    def __init__(self, stage: Stage, walk: Walk) -> None:
        """Keeps what is known of each state's future."""
        self._stage = stage
        self._walk = walk
        self._rests: dict[bytes, bytes | None] = {}
        self._known: dict[bytes, State] = dict(walk.rests)
        self._ways: dict[bytes, tuple[Move, ...] | None] = {}

    def holds(self) -> dict[tuple[str, str], Held]:
        """Returns every way in which worlds of the walk rest without being Active."""
        found: dict[tuple[str, str], Held] = defaultdict(Held)
        for name in dict.fromkeys(self._rest_of(name) for name in self._walk.after):
            state = self._known.get(name) if name is not None else None
            if name is None or state is None:
                continue
            if is_active(state) or state.rest is None:
                continue
            held = found[state.rest.rule, state.rest.reason]
            held.worlds += 1
            way = self.way(state)
            if way is None:
                held.dead_ends.append(name)
            else:
                held.way = held.way or way
        return dict(found)

    def endless(self) -> list[bytes]:
        """Returns a state of every round that states left to themselves go for ever."""
        rounds = []
        for name in self._walk.after:
            seen: dict[bytes, None] = {}
            while name in self._walk.after and name not in seen and name not in self._rests:
                seen[name] = None
                name = self._walk.after[name]  # noqa: PLW2901 - the walk along the chain
            if name in seen and self._walk.after[name] != name:
                rounds.append(name)
            end = self._rests.get(name, name if self._walk.after.get(name) == name else None)
            self._rests.update(dict.fromkeys(seen, end))
        return rounds

    def _rest_of(self, name: bytes) -> bytes | None:
        return self._rests.get(name)

    def way(self, state: State) -> tuple[Move, ...] | None:
        """Returns what people do to bring a resting pair back to Active, or None where nothing they do helps."""
        tried: set[bytes] = set()
        to_try: deque[tuple[State, tuple[Move, ...]]] = deque([(state, ())])
        while to_try:
            at, way = to_try.popleft()
            for move in _human(at):
                settled = self._settled(self._after(at, move))
                if settled is None:
                    continue
                if is_active(settled):
                    return (*way, move)
                name = name_of(settled)
                if name not in tried and len(way) + 1 < MOST_MOVES:
                    tried.add(name)
                    to_try.append((settled, (*way, move)))
        return None

    def _after(self, state: State, move: Move) -> State:
        if move != MEND:
            return moves.play(self._stage, state, move)
        mended = state.copied()
        self._stage.put(mended)
        for mend in MENDS.values():
            if mend.can(mended):
                self._stage.strike(mend.do)
        return mended

    def _settled(self, state: State) -> State | None:
        """Returns where a state comes to rest, by what is known or by letting it go on."""
        for _ in range(MOST_STEPS):
            name = name_of(state)
            end = self._rests.get(name, name if name in self._known else None)
            if end is not None and end in self._known:
                return self._known[end]
            state, _turned = moves.wait(self._stage, state, name=name)
            if state.rest is not None:
                self._known[name] = state
                return state
        return None


def _human(state: State) -> Iterator[Move]:
    """Returns what the hold's own words, and what is plainly broken, tell people to do."""
    if any(mend.can(state) for mend in MENDS.values()):
        yield MEND
    if state.rest is None:
        return
    words = f"{state.rest.message} {MEANINGS[state.rest.reason]}"
    for say in Say:
        if say.value in words:
            for episode in dict.fromkeys(_episodes(state, words)):
                for of in _of(say, words):
                    yield Move(moves.SAY, f"{episode} {say.value} {of}")
    if any(word in words for word in ("stop ", "runbook", "switch it off")):
        yield from (Move(moves.BLOW, name) for name, blow in BY_HAND.items() if blow.can(state))
    if "delete the resource" in words:
        yield Move(moves.BLOW, DELETED)
    wanted = state.stores[0].spec.active_node
    if "activeNode" in words or "order" in words:
        yield Move(moves.ORDER, "b" if wanted == "a" else "a")


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
