"""One ClusterLabs fence agent as a process: parameters on its standard input, its end in sight.

A password in an argument shows in the process list, so every parameter goes through the standard
input. The agent leads a process group of its own, is killed with all of it at its wall-clock
deadline, and dies with this operator: nothing of it may land on a node that was handed back.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PR_SET_PDEATHSIG = 1
OUTPUT_LIMIT_BYTES = 64 * 1024
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class AgentRun:
    """How one run of an agent ended."""

    process: int
    exit_status: int | None
    """None where it was killed at its deadline."""
    output: str


def _die_with_parent() -> None:
    """Ask the kernel to kill the agent when the operator dies, however it dies."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def run_agent(
    program: Path, parameters: Mapping[str, str], *, deadline_seconds: float
) -> AgentRun:
    """Run an agent to its end or to its deadline.

    Raises:
        FileNotFoundError: there is no such agent.
        ValueError: a name or value holds a line break and cannot be given to an agent.
    """
    for name, value in parameters.items():
        if "\n" in name + value or "=" in name:
            message = f"fencing parameter {name!r} cannot be passed to an agent"
            raise ValueError(message)
    process = await asyncio.create_subprocess_exec(
        str(program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_die_with_parent,  # the agent must not outlive the operator
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        cwd="/",
    )
    text = "".join(f"{name}={value}\n" for name, value in parameters.items()).encode()
    try:
        async with asyncio.timeout(deadline_seconds):
            output, _ = await process.communicate(text)
    except (TimeoutError, asyncio.CancelledError) as end:
        await _kill_group(process)
        if isinstance(end, asyncio.CancelledError):
            raise
        return AgentRun(process.pid, None, "killed at its deadline")
    return AgentRun(process.pid, process.returncode, output[:OUTPUT_LIMIT_BYTES].decode(errors="replace"))


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill the agent with everything it started, and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
