"""The demo without nodes: `make demo`'s own command tells the whole story over memory nodes on a real API server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO_SECONDS = 180


@pytest.mark.timeout(DEMO_SECONDS + 20)
def test_the_story_is_told_to_its_end_and_says_first_what_it_was_played_on(tmp_path: Path) -> None:
    # A copy of its own: the report and the evidence of the last real demo stay as they are.
    for folder in ("operator", "tests", "crds", "charts"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))

    demo = subprocess.run(
        [sys.executable, "-m", "support.demo"],
        cwd=tmp_path,
        env={**os.environ, "MAESTRO_DEMO": "memory", "BREAK": "", "KEEP": "", "PYTHONPATH": "operator:tests"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )

    assert demo.returncode == 0, f"{demo.stdout}\n{demo.stderr}"
    assert demo.stdout.startswith("The demo, with memory nodes on a real API server: ")
    report = json.loads((tmp_path / "build" / "demo.json").read_text())
    assert (report["ok"], report["claims"][0]["id"]) == (True, "parts")
