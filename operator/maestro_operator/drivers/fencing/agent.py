"""One ClusterLabs fence agent as a process: parameters on its standard input, its end in sight.

A password in an argument shows in the process list, so every parameter goes through the standard
input. The agent runs below a guardian, which kills it with all it started at its wall-clock
deadline, at the caller's cancellation and at the operator's death, however that comes: nothing of
it may land on a node that was handed back. No code of ours runs between fork and exec, which in a
process with threads may hang for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.guardian import KILLED

if TYPE_CHECKING:
    from collections.abc import Mapping

GUARDIAN = Path(__file__).with_name("guardian.py")
OUTPUT_LIMIT_BYTES = 64 * 1024
GRACE_SECONDS = 2.0
"""How much longer than its agent a guardian may take to end."""
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
# What the agents' reader takes for the end of a line, and what no agent has a use for.
_BREAKS_A_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class AgentRun:
    """How one run of an agent ended."""

    process: int
    """The process that ran the agent; a new one for every run."""
    exit_status: int | None
    """None where it was killed at its deadline."""
    output: str
    """The last part of what it printed."""


def standard_input(parameters: Mapping[str, str]) -> bytes:
    """Return the parameters as an agent reads them.

    Raises:
        ValueError: a name or value cannot be given to an agent; the message holds no value.

    """
    for name, value in parameters.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no fence agent's parameter")
        if _BREAKS_A_LINE.search(value) or value != value.strip() or (value[:1] + value[-1:]) == '""':
            raise ValueError(
                f"the value of {name} has a line break, a quote or a blank at its ends: no agent reads it so"
            )
    return "".join(f"{name}={value}\n" for name, value in parameters.items()).encode()


async def run_agent(
    program: Path,
    parameters: Mapping[str, str],
    *,
    deadline_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> AgentRun:
    """Run an agent to its end or to its deadline.

    Raises:
        OSError: there is no such agent, or no process can be started.
        ValueError: a name or value cannot be given to an agent.

    """
    text = standard_input(parameters)
    return await run_program(program, text=text, deadline_seconds=deadline_seconds, environment=environment)


async def run_program(
    program: Path,
    *arguments: str,
    text: bytes,
    deadline_seconds: float,
    environment: Mapping[str, str] | None = None,
) -> AgentRun:
    """Run a program below the guardian, with `text` on its standard input.

    Raises:
        OSError: there is no such program, or no process can be started.

    """
    if not os.access(program, os.X_OK):
        raise FileNotFoundError(f"there is no agent {program}; install the package that has {program.name}")
    theirs, ours = os.pipe()
    try:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(GUARDIAN), str(theirs), f"{deadline_seconds:.3f}"),
                *(str(program), *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs,),
                start_new_session=True,
                # The agents ask for /usr/bin/python3 and find ipmitool, ssh and the like by PATH.
                env={**(environment or {}), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
                cwd="/",
            )
        finally:
            os.close(theirs)
        try:
            return await _result(process, text, deadline_seconds=deadline_seconds)
        finally:
            os.close(ours)
            ours = -1
            await _gone(process)
    finally:
        if ours >= 0:
            os.close(ours)


async def _result(process: asyncio.subprocess.Process, text: bytes, *, deadline_seconds: float) -> AgentRun:
    try:
        async with asyncio.timeout(deadline_seconds + GRACE_SECONDS):
            output, _ = await asyncio.gather(_tail(process.stdout), _feed(process.stdin, text))
            status = await process.wait()
    except TimeoutError:
        status, output = KILLED, b""
    if status == KILLED:
        return AgentRun(process.pid, None, "killed at its deadline")
    return AgentRun(process.pid, status, output.decode(errors="replace"))


async def _tail(reader: asyncio.StreamReader | None) -> bytes:
    """Return the last part of all that comes."""
    kept = b""
    while reader is not None and (chunk := await reader.read(OUTPUT_LIMIT_BYTES)):
        kept = (kept + chunk)[-OUTPUT_LIMIT_BYTES:]
    return kept


async def _feed(writer: asyncio.StreamWriter | None, text: bytes) -> None:
    if writer is not None:
        # An agent that ended already did not want them; its status says what that means.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            writer.write(text)
            await writer.drain()
        writer.close()


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait until the guardian has ended, which it does once nobody holds the lifeline."""
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
