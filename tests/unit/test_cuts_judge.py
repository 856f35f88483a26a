"""The judge of the cuts finds what may not be left to promote."""

from __future__ import annotations

import json
from pathlib import Path

from support.cuts.judge import Verdict, judged

SENT = {"event": "announced", "generation": "1.1", "digest": "x"}


def after(cut: int, **kept: str) -> dict[str, object]:
    told = {name.replace("g", "", 1).replace("_", "."): digest for name, digest in kept.items()}
    return {"event": "after", "cut": cut, "at": "data bytes 7", "code": 1, "kept": told}


def verdict(folder: Path, *told: object) -> Verdict:
    (folder / "evidence.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    return judged(folder)


def test_cuts_that_leave_what_was_announced_are_sound(tmp_path: Path) -> None:
    found = verdict(tmp_path, SENT, after(1, g1_1="x"), after(2, g1_1="x"))

    assert found == Verdict(cuts=2, failed=2, generations={"1.1"}, complaints=[])


def test_a_generation_of_other_bytes_is_found(tmp_path: Path) -> None:
    found = verdict(tmp_path, SENT, after(1, g1_1="y"))

    assert found.complaints == ["data bytes 7: generation 1.1 is not what was live when it was announced"]


def test_a_generation_that_nobody_announced_is_found(tmp_path: Path) -> None:
    assert verdict(tmp_path, SENT, after(1, g1_1="x", g1_2="x")).complaints


def test_a_cut_that_takes_everything_away_is_found(tmp_path: Path) -> None:
    assert len(verdict(tmp_path, SENT, after(1, g1_1="x"), after(2)).complaints) == 2
