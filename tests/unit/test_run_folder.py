"""The folder that a run fills is empty at its begin, and nobody else's until its process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.run_folder import emptied, held

HOLDER = """
import sys
from pathlib import Path
from support.run_folder import emptied
with emptied(Path(sys.argv[1])) as folder:
    (folder / "found").touch()
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_in_words_and_takes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "build" / "journey"
    first = subprocess.Popen(
        (sys.executable, "-c", HOLDER, str(folder)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"

        with pytest.raises(SystemExit, match=f"process {first.pid} fills {folder} already"), emptied(folder):
            pass

        assert (folder / "found").exists()
        first.kill()
    with emptied(folder):
        assert list(folder.iterdir()) == []


def test_what_was_made_before_is_there_for_who_only_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / "image"
    with emptied(folder):
        (folder / "oci").touch()

    with held(folder):
        assert (folder / "oci").exists()
