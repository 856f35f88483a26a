"""Boards for the status page: of every golden world, and of one pair in the middle of a move after two others."""

from __future__ import annotations

from dataclasses import replace

from maestro_operator.decide import decide
from maestro_operator.model.pair import PairKey
from maestro_operator.model.status import PairStatus
from maestro_operator.report.conditions import reported
from maestro_operator.statuspage.board import Board
from support.golden import worlds
from support.looks import NOW, seen

STEPS = [
    {"name": "Preflight", "state": "Done", "seconds": 0.04},
    {"name": "LowerTTL", "state": "Done", "seconds": 5.2},
    {"name": "Quiesce", "state": "Done", "seconds": 2.1},
    {"name": "Raise", "state": "Done", "seconds": 0.2},
    {"name": "FinalSync", "state": "Done", "seconds": 3.4},
]
PAST = {
    "id": "failover-2-20261129", "kind": "Failover", "source": "b", "target": "a", "trigger": "Automatic",
    "startedAt": NOW, "finishedAt": NOW, "result": "Done", "downtimeSeconds": 21.5, "declaredLossSeconds": 4.0,
    "steps": [STEPS[0], {"name": "Fence", "state": "Failed", "seconds": 4.1, "message": "b-bmc: no answer"}],
}  # fmt: skip
UNDER_WAY = {
    "id": "switchover-3-20261130", "kind": "Switchover", "source": "a", "target": "b", "trigger": "Ordered",
    "startedAt": NOW, "epoch": 3, "step": "Demote",
    "steps": [
        *({**step, "term": 1, "startedAt": NOW, "deadline": NOW} for step in STEPS),
        {"name": "Demote", "state": "Running", "term": 1, "startedAt": NOW, "deadline": NOW},
    ],
}  # fmt: skip


def shown_in(board: Board, name: str, **changes: object) -> None:
    """Shows a pair that serves, with what its status has beside that."""
    look = seen()
    look = replace(look, key=PairKey(namespace="maestro", name=name, uid=name))
    decided = decide(look)
    told = reported(look, decided, look.status)
    board.show(look, PairStatus.model_validate(told.model_dump(by_alias=True) | changes))


def lively_board() -> Board:
    """Returns a board with a pair at rest, one that moves, and one that nobody has named anything yet."""
    board = Board()
    board.leads = lambda: True
    shown_in(board, "lists", history=[PAST])
    shown_in(board, "moving", history=[PAST], episode=UNDER_WAY, state="SwitchingOver")
    return board


def board_of_every_world() -> Board:
    """Returns a board with a pair for each golden world."""
    board = Board()
    for world in worlds():
        look = world.look()
        look = replace(look, key=look.key.model_copy(update={"name": world.name, "uid": world.name}))
        decided = decide(look)
        board.show(look, reported(look, decided, look.status))
    return board
