"""Walks every state within a bound of faults, each once, fewest faults first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from support.modelcheck import moves
from support.modelcheck.canonical import name_of
from support.modelcheck.laws import unsaid
from support.modelcheck.moves import BEGIN, GO, Kinds, Move
from support.modelcheck.stage import Stage, Violation
from support.modelcheck.unattended import DOES_ALONE, SAYS_WHY, is_active, unattended

if TYPE_CHECKING:
    from support.modelcheck.state import State


Cell = tuple[str, str, str]


class Begun(NamedTuple):
    """What a walk begins with."""

    label: str
    faults: int
    """How many faults it took to come to it."""
    state: State


class Found(NamedTuple):
    """A law that was broken, and the way there."""

    law: str
    said: str
    start: str
    story: tuple[Move, ...]


class Alone(NamedTuple):
    """A state that was left to itself once, and what its operator did in its next turn."""

    name: bytes
    state: State
    acts: tuple[str, ...]
    spent: int
    """How many faults it took to come to it."""


class Came(NamedTuple):
    """How a state was first reached."""

    parent: bytes | None
    move: Move
    faults: int


@dataclass(slots=True)
class Walk:
    """What was found so far."""

    begun: dict[str, State] = field(default_factory=dict)
    """What the walk began with, by name."""
    came: dict[bytes, Came] = field(default_factory=dict)
    after: dict[bytes, bytes] = field(default_factory=dict)
    """What each state becomes when it is left to itself."""
    rests: dict[bytes, State] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    transitions: int = 0
    cells: dict[bytes, Cell] = field(default_factory=dict)
    """Of each distinct state the kind of episode, its step, and the fault that led there."""


def story_of(walk: Walk, name: bytes, *then: Move) -> tuple[str, tuple[Move, ...]]:
    """Returns how a state was reached: the name of its beginning, and the moves from there."""
    story = list(reversed(then))
    while True:
        came = walk.came[name]
        if came.parent is None:
            return came.move.what, tuple(reversed(story))
        story.append(came.move)
        name = came.parent


class Explorer:
    """Walks from given beginnings."""

    def __init__(
        self,
        stage: Stage,
        *,
        most_faults: int,
        any_kind: int = 1,
        pairs: frozenset[str] = frozenset(),
        first_only: bool = False,
        known: frozenset[bytes] = frozenset(),
        say: Callable[[str], None] = print,
    ) -> None:
        """Keeps the bound: how many faults, and how many of them may be of any kind.

        With `pairs` one fault alone may be of any kind, and several are plain ones; several strike only what comes of
        the beginnings that `pairs` names, and of those that took a fault. With `first_only` the walk ends at the first
        law that was broken. What is `known` was walked before.
        """
        self.stage = stage
        self.walk = Walk()
        self._most_faults = most_faults
        self._any_kind = any_kind
        self._pairs = pairs
        self._first_only = first_only
        self._known = known
        self._say = say

    def run(self, beginnings: Sequence[Begun]) -> Walk:
        """Walks every state that can be reached within the bound; each beginning says how many faults it took."""
        return self.strike(self.approach(beginnings), beginnings)

    def approach(self, beginnings: Iterable[Begun]) -> list[Alone]:
        """Walks all that comes before the last fault; returns the states that it can strike."""
        given = list(beginnings)
        self.walk.begun = {label: state for label, _, state in given}
        layer: list[tuple[bytes, State]] = []
        own: list[Alone] = []
        unstruck: list[Alone] = []
        for faults in range(self._most_faults):
            layer = self._struck(own, faults, kinds=Kinds.PLAIN if self._pairs else self._kinds(faults))
            self._begin((item for item in given if item.faults == faults), to=layer)
            own = self._left_alone(layer, faults)
            if self._pairs and not faults:
                unstruck, twice = own, self._onwards(state for label, _, state in given if label in self._pairs)
                own = [item for item in own if item.name in twice]
            self._tell(faults)
        return [*unstruck, *own]

    def _onwards(self, states: Iterable[State]) -> set[bytes]:
        """Returns the names of all that comes of these states when they are left to themselves."""
        met: set[bytes] = set()
        for state in states:
            name = name_of(state)
            while name not in met:
                met.add(name)
                name = self.walk.after.get(name, name)
        return met

    def _kinds(self, faults: int) -> Kinds:
        """Returns of which kinds a fault may be, by its number."""
        return Kinds.EVERY if faults <= self._any_kind else Kinds.CORE

    def strike(self, own: Iterable[Alone], beginnings: Iterable[Begun]) -> Walk:
        """Walks what comes of the last fault in these states, and of what began with that many or more."""
        layer: list[tuple[bytes, State]] = []
        self._begin((item for item in beginnings if item.faults >= self._most_faults), to=layer)
        self._left_alone(layer, self._most_faults)
        if self._pairs:
            given = list(own)
            self._struck((item for item in given if item.spent), self._most_faults, kinds=Kinds.PLAIN)
            self._struck((item for item in given if not item.spent), 1, kinds=Kinds.EVERY)
        else:
            self._struck(own, self._most_faults, kinds=self._kinds(self._most_faults))
        self._tell(self._most_faults)
        return self.walk

    def _begin(self, given: Iterable[Begun], *, to: list[tuple[bytes, State]]) -> None:
        for label, faults, state in given:
            self._enter(None, Move(BEGIN, label), state, to=to, faults=faults)

    def _tell(self, faults: int) -> None:
        self._say(f"{faults} faults: {len(self.walk.came)} worlds, {self.walk.transitions} transitions")

    @property
    def _is_over(self) -> bool:
        return self._first_only and bool(self.walk.found)

    def _left_alone(self, entered: list[tuple[bytes, State]], faults: int) -> list[Alone]:
        """Walks all that comes of these states without a further fault."""
        own = []
        while entered and not self._is_over:
            name, state = entered.pop()
            own.append(Alone(name, state, self._alone(name, state, to_do=entered, faults=faults), faults))
        return own

    def _struck(self, own: Iterable[Alone], faults: int, *, kinds: Kinds) -> list[tuple[bytes, State]]:
        """Returns what comes of one more fault in each of these states; the last fault's is walked at once."""
        beyond: list[tuple[bytes, State]] = []
        is_last = faults == self._most_faults or (kinds is Kinds.EVERY and self._pairs)
        for name, state, acts, _ in own:
            for move in () if self._is_over else moves.faults(state, acts, kinds=kinds):
                after = self._play(name, state, move)
                if after is not None:
                    self._enter(name, move, after, to=beyond, faults=faults)
            if is_last:
                self._left_alone(beyond, faults)
        return beyond

    def _alone(self, name: bytes, state: State, *, to_do: list[tuple[bytes, State]], faults: int) -> tuple[str, ...]:
        """Leaves a state to itself, lets what is free happen, and returns what the next turn would do."""
        acts: tuple[str, ...] = ()
        try:
            self.walk.transitions += 1
            after, turned = moves.wait(self.stage, state, name=name)
            acts = turned.acts
            if after.rest is not None:
                self._heard(name, after)
                state.rest = after.rest
                self.walk.after[name] = name
                self.walk.rests[name] = state
            else:
                self.walk.after[name] = self._enter(name, Move(GO), after, to=to_do, faults=faults)
        except Exception as surprise:  # noqa: BLE001 - whatever a turn raises is a finding
            self._note(name, Move(GO), surprise)
        for move in moves.free(state):
            moved = self._play(name, state, move)
            if moved is not None:
                self._enter(name, move, moved, to=to_do, faults=faults)
        return acts

    def _heard(self, name: bytes, rests: State) -> None:
        """Asks of a pair at rest whether it says why, and whether its nodes would do without an operator."""
        if rests.rest is None or rests.rest.rule == "gone":
            return
        wrong = unsaid(rests.rest.reason, rests.status) if not is_active(rests) else None
        if wrong is not None:
            self._note(name, Move(GO), Violation(SAYS_WHY, wrong))
        alone = unattended(self.stage, rests)
        if alone is not None:
            self._note(name, Move(GO), Violation(DOES_ALONE, alone))

    def _play(self, name: bytes, state: State, move: Move) -> State | None:
        self.walk.transitions += 1
        try:
            return moves.play(self.stage, state, move)
        except Exception as surprise:  # noqa: BLE001 - as above
            self._note(name, move, surprise)
            return None

    def _enter(
        self, parent: bytes | None, move: Move, state: State, *, to: list[tuple[bytes, State]], faults: int
    ) -> bytes:
        name = name_of(state)
        if name not in self.walk.came and name not in self._known:
            self.walk.came[name] = Came(parent, move, faults)
            episode = state.status.get("episode") or {}
            fault = move.fault or move.what or move.kind if move.kind != GO else ""
            self.walk.cells[name] = (episode.get("kind", ""), episode.get("step", ""), fault)
            to.append((name, state))
        return name

    def _note(self, name: bytes, move: Move, surprise: Exception) -> None:
        law = surprise.law if isinstance(surprise, Violation) else "a turn ended in a surprise"
        said = surprise.said if isinstance(surprise, Violation) else repr(surprise)
        start, story = story_of(self.walk, name, move)
        self.walk.found.append(Found(law, said, start, story))
