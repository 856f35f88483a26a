"""The report: ok only when every claim is, and when there is one."""

import json
from pathlib import Path

from support.report import Claim, tree, write_report

GOOD = Claim(id="lost", ok=True, measured=0, bound=0, evidence=("clients/c1.jsonl",))
BAD = Claim(id="two-writers", ok=False, measured=1, bound=0)


def test_a_report_is_ok_when_every_claim_is(tmp_path: Path) -> None:
    path = write_report("demo", [GOOD], seconds=1.23456, build=tmp_path)

    report = json.loads(path.read_text())
    assert path == tmp_path / "demo.json"
    assert (report["ok"], report["seconds"], report["tree"]) == (True, 1.235, tree())
    assert report["claims"] == [{"id": "lost", "ok": True, "measured": 0, "bound": 0, "evidence": ["clients/c1.jsonl"]}]


def test_one_failed_claim_fails_the_report(tmp_path: Path) -> None:
    assert json.loads(write_report("demo", [GOOD, BAD], seconds=0, build=tmp_path).read_text())["ok"] is False


def test_a_report_that_claims_nothing_is_not_ok(tmp_path: Path) -> None:
    assert json.loads(write_report("demo", [], seconds=0, build=tmp_path).read_text())["ok"] is False


def test_outside_a_repository_the_tree_is_unknown(tmp_path: Path) -> None:
    assert tree(tmp_path) == "unknown"
