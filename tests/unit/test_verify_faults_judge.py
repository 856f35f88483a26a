"""What the judge of `make verify-faults` makes of a row, told without planting anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.verify_faults.judge import Found, judged, untried

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit


def said(name: str, *, passed: bool = True, waits_for: str | None = None, message: str = "x") -> dict[str, object]:
    return {"name": name, "passed": passed, "waits_for": waits_for, "message": message}


def row_of(folder: Path, wanted: str, *checks: dict[str, object], secret: str = "s3cret") -> Found:
    (folder / "rows.jsonl").write_text(json.dumps({"fault": "f", "wanted": wanted, "checks": checks}) + "\n")
    (found,) = judged(folder / "rows.jsonl", secrets=[secret])
    return found


def test_the_one_check_that_should_find_it_does(tmp_path: Path) -> None:
    row = row_of(tmp_path, "log", said("page"), said("log", passed=False))
    assert (row.holds, row.words) == (True, "log")


def test_another_check_that_fails_too_spoils_the_row(tmp_path: Path) -> None:
    row = row_of(tmp_path, "log", said("page", passed=False), said("log", passed=False))
    assert (row.holds, row.words) == (False, "page, log")


def test_a_check_that_only_waits_is_no_finding(tmp_path: Path) -> None:
    late = said("click", passed=False, waits_for="mailing")
    assert row_of(tmp_path, "mailing", said("mailing", passed=False), late).holds
    assert not row_of(tmp_path, "click", late).holds


def test_a_check_that_was_blinded_finds_nothing(tmp_path: Path) -> None:
    assert not row_of(tmp_path, "log", said("page"), said("log")).holds


def test_without_a_fault_nothing_may_fail(tmp_path: Path) -> None:
    assert row_of(tmp_path, "", said("page")).holds
    assert not row_of(tmp_path, "", said("page", passed=False)).holds


def test_a_secret_in_a_message_spoils_the_row(tmp_path: Path) -> None:
    row = row_of(tmp_path, "log", said("log", passed=False, message="token=s3cret"))
    assert (row.holds, row.words) == (False, "a secret in a message")


def test_a_check_without_a_fault_of_its_own_is_named(tmp_path: Path) -> None:
    assert untried([row_of(tmp_path, "log")], ["log", "page"]) == ["page"]
