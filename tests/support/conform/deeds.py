"""What happens in one random life of the enumeration, one deed a line, so that it can be done again anywhere.

The law of this file: a deed is plain data. It names nodes, orders and blows and holds no value of a driver, so the same
line is done to the nodes in memory and to real ones.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from maestro_operator.drivers.ports import Equipment, Order, Way
from support.conform.physics import KNOWN, OWN, REAL
from support.kills.boundaries import EFFECTS
from support.modelcheck import moves
from support.modelcheck.beginnings import checked_spec, fresh
from support.modelcheck.blows import ANY, BY_HAND, MENDS
from support.modelcheck.canonical import name_of
from support.modelcheck.moves import BLOW, GO, KILL, LATE, LOST, ORDER, TURN, Kinds, Move
from support.modelcheck.stage import LIES, Stage, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random

    from maestro_operator.model.status import Generation
    from support.modelcheck.state import Call, State

LEFT_ALONE = 0.75
"""How often the pair is left to itself rather than struck."""
MENDED, ORDERED = 0.5, 0.15
"""How often a strike is a repair, and how often an order, where one is to be had."""
MOST_GROWN = 24
"""So many moves at most a life is spared at first: some are struck in mid-adoption, some as adults."""
MOST_DEEDS = 60
"""A life ends with the move that brings so many deeds together."""
MOST_MOVES = 60
TIME = "time passes: a client writes, and the syncs are due"
CHANGES_NODES = EFFECTS - {"verify"} | {"lower"}
NEWEST, SENT = "the newest whole one", "what was sent last"
"""Stand for the generation that the operator named, where it was that one."""


class Deed(NamedTuple):
    """One thing done to both pairs."""

    kind: str
    """`act`: a driver's verb; `blow`: the adversary's; `time`."""
    name: str
    words: Mapping[str, Any]
    """For an act: the verb and what it is told."""


class Lived(Stage):
    """A stage that writes down every deed."""

    def __init__(self) -> None:
        """Begins with nothing written down."""
        super().__init__()
        self.deeds: list[Deed] = []

    @override
    async def _real(self, call: Call) -> Any:
        if call.verb in CHANGES_NODES:
            self.deeds.append(Deed("act", call.name, words_of(call, self.state)))
        return await super()._real(call)

    @override
    def strike(self, blow: Callable[[State], None]) -> None:
        name = next(name for name, known in KNOWN.items() if known.do is blow)
        self.deeds.append(Deed("blow", name, {}))
        super().strike(blow)

    @override
    def let_pass(self, seconds: float) -> None:
        # The moments between two deeds are one: what comes of the second is what came of the first.
        if seconds >= 1 and (not self.deeds or self.deeds[-1].kind != "time"):
            self.deeds.append(Deed("time", TIME, {}))
        super().let_pass(seconds)


def life(random: Random) -> list[Deed]:
    """Returns the deeds of one random life."""
    stage = Lived()
    state = fresh(stage, checked_spec())
    spared = random.randrange(MOST_GROWN)
    for number in range(MOST_MOVES):
        if len(stage.deeds) >= MOST_DEEDS:
            break
        try:
            state = _moved(stage, state, Move(GO) if number < spared else _chosen(stage, state, random))
        except Violation:
            break
    return stage.deeds


def _moved(stage: Lived, state: State, move: Move) -> State:
    """Plays a move of the enumeration, or one of those that it has not."""
    if move.kind != BLOW or move.what in ANY:
        return moves.play(stage, state, move)
    moved = state.copied()
    stage.put(moved)
    stage.strike(OWN[move.what].do)
    return moved


def _chosen(stage: Lived, state: State, random: Random) -> Move:
    if random.random() < LEFT_ALONE:
        return Move(GO)
    mark = len(stage.deeds)
    acts = moves.wait(stage, state, name=name_of(state))[1].acts
    # What would have happened has not: only what is chosen is written down.
    del stage.deeds[mark:]
    able = [*moves.free(state), *moves.faults(state, acts, kinds=Kinds.EVERY)]
    able += [Move(BLOW, name) for name, blow in {**OWN, **BY_HAND}.items() if blow.can(state)]
    able = [move for move in able if can_be_done(move)]
    mends, orders = [move for move in able if move.what in MENDS], [move for move in able if move.kind == ORDER]
    # Left to chance alone, a pair is soon cut to pieces and stays so: nothing more would come of its life.
    for some, often in ((mends, MENDED), (orders, ORDERED)):
        if some and random.random() < often:
            return random.choice(some)
    return random.choice([Move(GO), *able])


def can_be_done(move: Move) -> bool:
    """Tells whether everything in a move can be done to real nodes."""
    if move.kind == BLOW:
        return move.what in REAL
    if move.kind == TURN:
        return not move.fault.startswith(LIES) and (move.fault not in ANY or move.fault in REAL)
    return move.kind in (GO, KILL, ORDER, LATE, LOST)


def words_of(call: Call, state: State) -> dict[str, Any]:
    """Returns a call of a driver as plain words."""
    words: dict[str, Any] = {"port": call.port, "verb": call.verb}
    for name, value in (*zip(POSITIONS[call.verb], call.arguments, strict=True), *call.options.items()):
        if name not in ("deadline_seconds", "peer_public_key"):
            words.update(_said(name, value, state, about=call.about))
    return words


POSITIONS: Mapping[str, tuple[str, ...]] = {
    "equip": ("node", "equipment"),
    "introduce": ("node",),
    "release": ("node",),
    "order": ("node", "order"),
    "start": ("node", "services"),
    "stop": ("node", "services"),
    "pin": ("node", "names"),
    "final_sync": ("source", "target"),
    "sync": ("source", "target"),
    "promote": ("node",),
    "reverse": ("node",),
    "quarantine": ("node",),
    "restore": ("node",),
    "discard": ("node",),
    "hold_queue": ("node",),
    "off": ("node",),
    "lower": ("entry",),
    "move": ("entry", "way"),
}


def _said(name: str, value: Any, state: State, *, about: str | None) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    match value:
        case Equipment():
            yield "pair_uid", value.pair_uid
        case Order():
            yield "order", asdict(value)
        case Way():
            yield from (("target", value.target.name), ("source", value.source.name), ("former", list(value.former)))
            yield from (("is_off", value.source_is_off), ("keeps_owner", value.keeps_owner))
            yield "is_planned", value.is_planned
        case _ if name in ("services", "entry"):
            return
        case _ if name == "generation":
            yield name, _generation(value, state, about=about)
        case _ if hasattr(value, "name"):
            yield name, value.name
        case _:
            yield name, dict(value) if name == "names" else value


def _generation(value: Generation | None, state: State, *, about: str | None) -> str | None:
    if value is None:
        return None
    node = state.world.nodes[about or ""]
    newest = node.newest()
    if newest is not None and newest.generation == value:
        return NEWEST
    return SENT if node.sent == value else str(value)
