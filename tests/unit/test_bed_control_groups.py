"""What the bed says of a node's processes while scripts in it come and go."""

import threading
from pathlib import Path

from support.bed.control_groups import ControlGroup


def test_processes_are_listed_while_groups_below_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "cgroup.procs").write_text("1\n0\n")
    ended = threading.Event()

    def scripts() -> None:
        while not ended.is_set():
            for number in range(20):
                (tmp_path / f"script-{number}").mkdir()
            for number in range(20):
                (tmp_path / f"script-{number}").rmdir()

    thread = threading.Thread(target=scripts)
    thread.start()
    try:
        for _ in range(500):
            assert list(ControlGroup(str(tmp_path)).process_ids()) == [1]
    finally:
        ended.set()
        thread.join(timeout=10)
