"""Walks every state within a bound of faults, each once, fewest faults first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from support.modelcheck import moves
from support.modelcheck.canonical import name_of
from support.modelcheck.moves import BEGIN, GO, Move
from support.modelcheck.stage import Stage, Violation

if TYPE_CHECKING:
    from support.modelcheck.state import State


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
    cells: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Distinct states by the kind of episode, its step, and the fault that led there."""


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
        first_only: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        """Keeps the bound: how many faults, and how many of them may be of any kind.

        With `first_only` the walk ends at the first law that was broken.
        """
        self.stage = stage
        self.walk = Walk()
        self._most_faults = most_faults
        self._any_kind = any_kind
        self._first_only = first_only
        self._say = say

    def run(self, beginnings: Iterable[tuple[str, int, State]]) -> Walk:
        """Walks every state that can be reached within the bound; each beginning says how many faults it took."""
        given = [(faults, label, state) for label, faults, state in beginnings]
        self.walk.begun = {label: state for _, label, state in given}
        layer: list[tuple[bytes, State]] = []
        for faults in range(self._most_faults + 1):
            for _, label, state in (item for item in given if item[0] == faults):
                self._enter(None, Move(BEGIN, label), state, to=layer, faults=faults)
            own = self._left_alone(layer, faults)
            self._say(f"{faults} faults: {len(self.walk.came)} worlds, {self.walk.transitions} transitions")
            layer = self._struck(own, faults + 1) if faults < self._most_faults else []
        return self.walk

    @property
    def _is_over(self) -> bool:
        return self._first_only and bool(self.walk.found)

    def _left_alone(self, entered: list[tuple[bytes, State]], faults: int) -> list[Alone]:
        """Walks all that comes of these states without a further fault."""
        own = []
        while entered and not self._is_over:
            name, state = entered.pop()
            own.append(Alone(name, state, self._alone(name, state, to_do=entered, faults=faults)))
        return own

    def _struck(self, own: list[Alone], faults: int) -> list[tuple[bytes, State]]:
        """Returns what comes of one more fault in each of these states; the last fault's is walked at once."""
        beyond: list[tuple[bytes, State]] = []
        for name, state, acts in own:
            for move in () if self._is_over else moves.faults(state, acts, every=faults <= self._any_kind):
                after = self._play(name, state, move)
                if after is not None:
                    self._enter(name, move, after, to=beyond, faults=faults)
            if faults == self._most_faults:
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
        if name not in self.walk.came:
            self.walk.came[name] = Came(parent, move, faults)
            episode = state.status.get("episode") or {}
            fault = move.fault or move.what or move.kind if move.kind != GO else ""
            self.walk.cells[episode.get("kind", ""), episode.get("step", ""), fault] += 1
            to.append((name, state))
        return name

    def _note(self, name: bytes, move: Move, surprise: Exception) -> None:
        law = surprise.law if isinstance(surprise, Violation) else "a turn ended in a surprise"
        said = surprise.said if isinstance(surprise, Violation) else repr(surprise)
        start, story = story_of(self.walk, name, move)
        self.walk.found.append(Found(law, said, start, story))
