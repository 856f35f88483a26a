"""What a process takes, as the kernel counts it, and processes of the bench on a core of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

END_SECONDS = 30
NANOSECONDS = 1e9


def cpu_seconds(pid: int) -> float:
    """Returns the processor time that a process has taken, all its threads together, to the nanosecond."""
    taken = [(task / "schedstat").read_text().split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(nanoseconds) for nanoseconds in taken) / NANOSECONDS


def cores(pid: int) -> frozenset[int]:
    """Returns the cores that a process may run on, all its threads together."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return frozenset(core for task in tasks for core in os.sched_getaffinity(int(task.name)))


def kept_on(pid: int, core: int) -> None:
    """Keeps every thread of a process that runs already on one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def resident_bytes(pid: int) -> int:
    """Returns the memory that a process has."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no memory")


def started(words: Sequence[str], *, environment: Mapping[str, str], log: Path, core: int) -> subprocess.Popen[bytes]:
    """Starts a process on one core; it ends with the bench at the latest."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            ("setpriv", "--pdeathsig", "KILL", "--", "taskset", "-c", str(core), *words),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd=log.parent,
        )


def ended(process: subprocess.Popen[bytes]) -> None:
    """Ends a process as a kubelet would, and waits for it."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_SECONDS)
