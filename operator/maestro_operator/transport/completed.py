"""What a command on a node came to."""

from __future__ import annotations

from dataclasses import dataclass

KILLED_BY_DEADLINE = (124, 137)
"""The statuses of a command that `timeout` ended."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran to its end on the node; what its status means is for the caller to say."""

    exit_status: int
    stdout: str
    stderr: str
