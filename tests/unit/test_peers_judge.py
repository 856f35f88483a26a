"""What the comparison concludes from the files of an accident, with a fault in them each."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from support.peers.judge import Cost, NotSeenError, cost_of
from support.peers.ratios import Cell, ratio_claims

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MS = 1_000_000
BEGAN = 2000
"""Milliseconds, as everything below; the client asks every 20 of them for 6 seconds."""
MOVED = Cost(
    side="operator",
    kind="power-cut",
    served=True,
    outage_seconds=1.0,
    lost=0,
    lost_seconds=0.0,
    lost_of_new=0,
    two_writers_seconds=0.0,
    split=0,
)


def _write(path: Path, moments: Iterable[int]) -> None:
    path.write_text("".join(f"{moment * MS}\n" for moment in moments))


def _accident(folder: Path, answers: Iterable[tuple[int, str]], *, final: str = "b") -> Path:
    """Write the files of a move from a to b that nobody complains about."""
    listed = list(answers)
    with (folder / "answers.jsonl").open("w") as file:
        for sent, by in listed:
            file.write(json.dumps({"sent_ns": sent * MS, "ended_ns": (sent + 5) * MS, "by": by}) + "\n")
    _write(folder / "records-a", [sent for sent, by in listed if by == "a"])
    _write(folder / "records-b", [sent for sent, by in listed if by])
    _write(folder / "ticks-a", range(0, BEGAN, 50))
    _write(folder / "ticks-b", range(3000, 6000, 50))
    play = {"side": "operator", "kind": "power-cut", "began_ns": BEGAN * MS, "old": "a", "final": final, "served": True}
    (folder / "play.json").write_text(json.dumps(play))
    return folder


def _moved(sent: int) -> str:
    return "a" if sent < BEGAN else "" if sent < 2980 else "b"


def _asked() -> list[tuple[int, str]]:
    return [(sent, _moved(sent)) for sent in range(0, 6000, 20)]


def test_a_move_that_lost_nothing_cost_its_longest_silence(tmp_path: Path) -> None:
    folder = _accident(tmp_path, _asked())

    assert cost_of(folder) == MOVED


def test_a_record_that_was_acknowledged_and_is_not_where_the_service_is_is_lost(tmp_path: Path) -> None:
    folder = _accident(tmp_path, _asked())
    _write(folder / "records-b", [sent for sent, by in _asked() if by and not 1500 <= sent < 1600])

    assert cost_of(folder) == dataclasses.replace(MOVED, lost=5, lost_seconds=0.5)


def test_a_record_of_the_side_that_took_over_is_counted_as_such(tmp_path: Path) -> None:
    folder = _accident(tmp_path, _asked())
    _write(folder / "records-b", [sent for sent, by in _asked() if by and sent < 5940])

    assert cost_of(folder) == dataclasses.replace(MOVED, lost=3, lost_of_new=3)


def test_a_service_that_ran_on_both_nodes_is_two_writers_for_as_long(tmp_path: Path) -> None:
    folder = _accident(tmp_path, _asked())
    _write(folder / "ticks-a", [*range(0, BEGAN, 50), *range(4000, 4501, 50)])

    assert cost_of(folder) == dataclasses.replace(MOVED, two_writers_seconds=0.5)


def test_what_ran_before_the_client_asked_is_of_another_accident(tmp_path: Path) -> None:
    folder = _accident(tmp_path, [(sent, by) for sent, by in _asked() if sent >= 500])
    _write(folder / "ticks-b", [*range(0, 450, 50), *range(3000, 6000, 50)])

    assert cost_of(folder) == MOVED


def test_answers_of_the_old_side_after_the_new_one_began_are_counted(tmp_path: Path) -> None:
    split = [(sent, "a" if sent in (5000, 5020) else by) for sent, by in _asked()]
    folder = _accident(tmp_path, split)

    assert cost_of(folder) == dataclasses.replace(MOVED, split=2)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([item for item in _asked() if not 4000 < item[0] < 4600], "the client made no request for 0.60 s"),
        ([(sent, by) for sent, by in _asked() if sent >= 1500], "a did not serve before"),
        ([(sent, "b" if sent < 100 else by) for sent, by in _asked()], "a did not serve before"),
        ([(sent, by if by == "a" else "") for sent, by in _asked()], "nobody served after"),
    ],
)
def test_what_was_not_seen_is_no_figure(tmp_path: Path, asked: list[tuple[int, str]], words: str) -> None:
    folder = _accident(tmp_path, asked)

    with pytest.raises(NotSeenError, match=words):
        cost_of(folder)


@pytest.mark.parametrize(
    "cost",
    [
        MOVED,
        dataclasses.replace(MOVED, two_writers_seconds=0.2),
        dataclasses.replace(MOVED, split=1),
        dataclasses.replace(MOVED, lost=9, lost_seconds=601.0),
        dataclasses.replace(MOVED, lost=1, lost_of_new=1),
    ],
)
def test_only_the_operator_is_held_to_what_it_promises(cost: Cost) -> None:
    costs = [cost]

    own = Cell(side="operator", kind="power-cut", costs=costs).claim(1, evidence="")
    peer = Cell(side="keepalived", kind="power-cut", costs=costs).claim(1, evidence="")

    assert (own.ok, peer.ok) == (cost == MOVED, True)


def test_a_planned_move_may_lose_nothing_and_a_cut_may() -> None:
    costs = [dataclasses.replace(MOVED, lost=1, lost_seconds=0.1)]

    assert not Cell(side="operator", kind="planned", costs=costs).claim(1, evidence="").ok
    assert Cell(side="operator", kind="power-cut", costs=costs).claim(1, evidence="").ok


def test_a_ratio_says_its_noise_and_whether_its_goal_was_met() -> None:
    ours = [dataclasses.replace(MOVED, outage_seconds=seconds) for seconds in (2.0, 3.0, 4.0)]
    theirs = [dataclasses.replace(MOVED, outage_seconds=1.0) for _ in ours]
    cells = {
        ("operator", "planned"): Cell(side="operator", kind="planned", costs=ours),
        ("floor", "planned"): Cell(side="floor", kind="planned", costs=theirs),
    }

    (claim,) = ratio_claims(cells, 3)

    assert claim.ok
    assert claim.measured == "operator / floor: 3.00 (2.00 to 4.00, n=3); goal 3.0 in the median: met"


def test_a_ratio_of_too_few_rounds_fails() -> None:
    cells = {
        ("operator", "planned"): Cell(side="operator", kind="planned", costs=[MOVED]),
        ("floor", "planned"): Cell(side="floor", kind="planned", costs=[MOVED]),
    }

    (claim,) = ratio_claims(cells, 7)

    assert not claim.ok
