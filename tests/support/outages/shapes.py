"""Every shape: whether clients lose the service by it, and the one thing that is right to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Made(StrEnum):
    """What the operator makes of what it sees; the rows and columns of the matrix."""

    MOVES = "Moves"
    """It would fail over now."""
    SICK = "Sick"
    """Alive and not well: said, alerted, not moved."""
    HOLDS = "Holds"
    """Not certain, or certain and held back: not moved."""
    HEALTHY = "Healthy"
    """Nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One thing that happens."""

    id: str
    right: Made
    what: str
    reason: str = ""
    """A reason that must be among those in the status, where one is to be told from others."""


OUTAGES = (
    Shape("node-cut", Made.MOVES, "the active node's cable is pulled"),
    Shape("frozen", Made.SICK, "every process of the active node stops, its kernel answers"),
    Shape("power-lost", Made.MOVES, "the active node loses its power"),
    Shape("services-dead", Made.SICK, "the machine lives and all its services are dead", "ServiceDown"),
    Shape("one-service-dead", Made.SICK, "one service of two is dead", "ServiceDown"),
    Shape("disk-full", Made.SICK, "nothing can be written where the data is", "DiskFull"),
    Shape("database-hung", Made.SICK, "the database runs and answers nobody"),
    Shape("deaf", Made.MOVES, "what is sent to the active node is lost, what it sends arrives"),
    Shape("mute", Made.MOVES, "what the active node sends is lost, what is sent to it arrives"),
    Shape("switch-down", Made.HOLDS, "both nodes are dark at once"),
    Shape("dns-down", Made.HOLDS, "the name server answers nobody", "TrafficUnproven"),
    Shape("slow-network", Made.SICK, "everything the active node sends crawls"),
    Shape("memory-exhausted", Made.SICK, "the active node has no memory left for its services"),
    Shape("site-lost", Made.HOLDS, "the active node, its fence device and the witness are gone at once"),
)
NONE = (
    Shape("reboot-in-grace", Made.HEALTHY, "the active node is switched off in order and comes back"),
    Shape("icmp-blocked", Made.HEALTHY, "echo requests are dropped"),
    Shape("witness-dead", Made.HEALTHY, "the witness is gone"),
    Shape("witnesses-cut", Made.HOLDS, "operator, witness and Prometheus are behind one cut", "SeenAlive"),
    Shape("operator-cut", Made.HOLDS, "the operator reaches nothing at all", "ObserverIsolated"),
    Shape("flapping", Made.HEALTHY, "the active node is away three times, each for less than downForSeconds"),
    Shape("maintenance", Made.HOLDS, "the active node is switched off in a window of maintenance", "Maintenance"),
    Shape("certificate-expired", Made.HEALTHY, "the certificate on a probe is over", "CertificateExpired"),
    Shape("clock-jump", Made.HEALTHY, "the operator's wall clock jumps by two hours and back"),
    Shape("api-brown-out", Made.HEALTHY, "the API server answers nobody for a while"),
)
SHAPES = (*OUTAGES, *NONE)
LOSE_THE_SERVICE = frozenset(shape.id for shape in OUTAGES)
"""Those in which clients are told no more that their records are stored."""
BY_ID = {shape.id: shape for shape in SHAPES}
ROUNDS = 3
