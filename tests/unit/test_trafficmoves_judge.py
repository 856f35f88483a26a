"""What the judge of `make traffic` makes of clients' records, told without moving anything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.trafficmoves.judge import Verdict, judged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.unit

MILLISECOND = 1_000_000
GOOD = Verdict(begun=2, ended=2, refused=0, requests=20, failed=0, wrong=0, longest_gap_seconds=0.1, unseen=0)


def move(number: int, began: int, ended: int | None, *, target: str, done: bool = True) -> list[dict[str, object]]:
    begun: dict[str, object] = {"number": number, "target": target, "began": began * MILLISECOND}
    if ended is None:
        return [begun]
    return [begun, {"number": number, "ended": ended * MILLISECOND, "done": done, "said": ""}]


def requests(start: int, by: str | None, *, count: int = 10) -> list[dict[str, object]]:
    """Returns requests that follow each other every 100 ms, each of 10 ms."""
    moments = [start + number * 100 for number in range(count)]
    return [{"began": it * MILLISECOND, "ended": (it + 10) * MILLISECOND, "by": by} for it in moments]


def verdict_of(
    folder: Path, moves: Sequence[Mapping[str, object]], *clients: Sequence[Mapping[str, object]]
) -> Verdict:
    (folder / "moves.jsonl").write_text("".join(json.dumps(item) + "\n" for item in moves))
    for number, records in enumerate(clients):
        text = "".join(json.dumps(item) + "\n" for item in records)
        (folder / f"requests-{number}.jsonl").write_text(text)
    return judged(folder)


BOTH = [*move(0, 0, 100, target="b"), *move(1, 1200, 1300, target="a")]
SERVED = [*requests(200, "b"), *requests(1400, "a")]


def test_two_moves_that_clients_followed_are_well(tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, BOTH, SERVED)
    assert verdict == replace(GOOD, longest_gap_seconds=0.3)
    assert verdict.complaint(2) == ""


def test_a_request_that_began_after_a_move_and_was_answered_by_the_old_side_is_counted(tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, BOTH, [*SERVED, *requests(1850, "b", count=1)])
    assert verdict.wrong == 1
    assert "1 requests were served by the wrong side" in verdict.complaint(2)


def test_one_that_was_under_way_when_a_move_began_or_ended_belongs_to_nobody(tmp_path: Path) -> None:
    during = [*requests(50, "a", count=1), *requests(1195, "a", count=1), *requests(1250, "b", count=1)]
    assert verdict_of(tmp_path, BOTH, [*SERVED, *during]).wrong == 0


def test_what_comes_after_a_move_that_was_cut_off_is_not_held_against_the_one_before(tmp_path: Path) -> None:
    """The run was ended in the middle of a third move, which had already taken clients to the other side."""
    cut = [*BOTH, *move(2, 2500, None, target="b")]
    verdict = verdict_of(tmp_path, cut, [*SERVED, *requests(2600, "b")])
    assert (verdict.begun, verdict.ended, verdict.wrong) == (3, 2, 0)
    assert verdict.complaint(3) == "2 of 3 moves ended well"
    assert verdict.complaint(2) == "2 of 2 moves ended well"


def test_a_move_that_was_refused_is_no_move(tmp_path: Path) -> None:
    stayed = [*requests(200, "b"), *requests(1400, "b")]
    verdict = verdict_of(tmp_path, [*BOTH[:2], *move(1, 1200, 1300, target="a", done=False)], stayed)
    assert (verdict.refused, verdict.wrong) == (1, 0)
    assert verdict.complaint(2) == "1 of 2 moves ended well"


def test_a_move_that_too_few_requests_follow_was_not_seen(tmp_path: Path) -> None:
    verdict = verdict_of(tmp_path, BOTH, [*requests(200, "b"), *requests(1400, "a", count=4)])
    assert verdict.complaint(2) == "1 moves were not seen by clients"


def test_failed_requests_and_the_longest_time_without_an_answer_are_told(tmp_path: Path) -> None:
    lost = requests(1000, None, count=3)
    verdict = verdict_of(tmp_path, BOTH, [*requests(200, "b", count=8), *lost, *requests(1400, "a")])
    assert (verdict.failed, verdict.longest_gap_seconds) == (3, 0.5)
    assert verdict.complaint(2) == ""


def test_all_clients_count_and_a_line_that_was_cut_off_is_none(tmp_path: Path) -> None:
    verdict_of(tmp_path, BOTH, SERVED, SERVED)
    with (tmp_path / "requests-1.jsonl").open("a") as records:
        records.write('{"began": 12')
    assert judged(tmp_path).requests == 40


def test_no_records_are_no_moves(tmp_path: Path) -> None:
    assert judged(tmp_path).complaint(50) == "0 of 50 moves ended well"
