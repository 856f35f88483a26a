"""Random traces of the enumeration: what the guards were ordered and what was written to status on the way.

The law of this file: the walk chooses, by a seed, among the very moves that `make model-check` plays. Nothing is made
up for the comparison.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from maestro_operator.drivers.ports import Order
from support.modelcheck import moves
from support.modelcheck.beginnings import fresh
from support.modelcheck.canonical import name_of
from support.modelcheck.moves import GO, Kinds, Move
from support.modelcheck.stage import Stage, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from maestro_operator.drivers.memory.guard_twin import GuardState
    from maestro_operator.model.pair import PairSpec
    from support.modelcheck.state import Call, State

LONGEST = 40
LEFT_ALONE = 0.8
"""How often the pair is left to itself rather than struck."""
FORGETS = ("the API server is put back", "the resource is made anew", "an operator of another cluster", "deleted")
"""What leads out of the life of one resource on one API server."""


class Given(NamedTuple):
    """An order as a guard was given it."""

    state: GuardState
    order: Order
    boot: str


class Written(NamedTuple):
    """One write of status, and the spec that stood beside it."""

    spec: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(slots=True)
class Trace:
    """One life of a pair."""

    moves: list[Move] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)


class Recorded(Stage):
    """A stage that writes down what the guards and the API server are asked."""

    def __init__(self) -> None:
        """Begins with nothing written down."""
        super().__init__()
        self.trace = Trace()

    @override
    async def _real(self, call: Call) -> Any:
        if call.verb == "order" and isinstance(call.arguments[1], Order) and call.about is not None:
            node = self.state.world.nodes[call.about]
            self.trace.given.append(Given(node.guard, call.arguments[1], node.boot_id))
        return await super()._real(call)

    def kept(self, state: State) -> None:
        """Lets a state's store write down every write of status that it took from now on."""

        def after(status: Mapping[str, Any]) -> None:
            spec, written = dict(self.state.stores[0].spec.to_resource()), self.trace.written
            before = written[-1].after if written else {}
            written.append(Written(spec, before, copy.deepcopy(dict(status))))

        state.stores[0].after_write = after


def trace(stage: Recorded, spec: PairSpec, random: Random, *, most_moves: int = LONGEST) -> Trace:
    """Returns what was asked of guards and API server in one random life."""
    stage.trace = Trace()
    state = fresh(stage, spec)
    stage.kept(state)
    for _ in range(most_moves):
        move = _chosen(stage, state, random)
        stage.trace.moves.append(move)
        try:
            state = moves.play(stage, state, move)
        except Violation:
            break
    return stage.trace


def _chosen(stage: Recorded, state: State, random: Random) -> Move:
    if random.random() < LEFT_ALONE:
        return Move(GO)
    mark = len(stage.trace.given), len(stage.trace.written)
    acts = moves.wait(stage, state, name=name_of(state))[1].acts
    # What would have happened has not: only what is chosen is written down.
    del stage.trace.given[mark[0] :], stage.trace.written[mark[1] :]
    able = [*moves.free(state), *moves.faults(state, acts, kinds=Kinds.EVERY)]
    return random.choice([move for move in able if not any(word in move.what for word in FORGETS)])
