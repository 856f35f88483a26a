"""What makes a promotion lawful: an observation that the other node cannot write.

The law of this file: a `Proof` is made by `decide.prove` alone, from what was read, and a
promotion takes one as an argument. It names the node it speaks of, the method, the evidence,
the epoch and the episode it serves, and the leader's term that saw it: another leader sees for
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from maestro_operator.model.resource import ResourceValue


class Method(StrEnum):
    """How it came to be known that a node cannot write."""

    DEMOTED = "Demoted"
    FENCED = "Fenced"
    HUMAN = "Human"
    NEVER_RAN = "NeverRan"
    ADOPTED = "Adopted"


class Proof(ResourceValue):
    """The proof that `node` cannot write under any epoch below `epoch`."""

    node: str
    method: Method
    evidence: tuple[str, ...]
    epoch: int
    episode: str
    term: int
    proved_at: str


@dataclass(frozen=True, slots=True)
class PowerReading:
    """One answer of a fence device about one machine's power."""

    device: str
    identity: str
    state: str
    """`on`, `unknown`, or what such a device says of a fenced node: `off`, `isolated`, `preempted`."""
    at_seconds: float
    """The operator's monotonic clock when the answer arrived."""
    process: int
    """The process id of the agent that read it: two readings need two processes."""
    detail: str = ""
    tells_identity: bool = True
    """The device itself said that it serves the machine of `identity`; else that is only the resource's word."""


@dataclass(frozen=True, slots=True)
class FenceEvidence:
    """Everything a rung's devices answered in one attempt, in order, never summed up."""

    node: str
    rung: str
    devices: tuple[str, ...]
    """The devices that must all be off."""
    readings: tuple[PowerReading, ...]
