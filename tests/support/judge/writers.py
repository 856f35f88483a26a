"""Finds moments with two writers, from acknowledgements and write journals alone.

A tenure is one node, one boot, one epoch: from the first to the last record it accepted. Under law 1 tenures
never overlap, one epoch has one node, and nothing is accepted in an epoch after a higher one has begun.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from support.judge.evidence import Ack, Write


@dataclass(frozen=True, slots=True)
class Tenure:
    """What one node accepted in one boot and one epoch."""

    node: str
    boot_id: str
    epoch: int | None
    first_ns: int
    last_ns: int
    records: int

    def describe(self) -> str:
        """Name the tenure for a reader."""
        return f"node {self.node}, boot {self.boot_id[:8]}, epoch {self.epoch}"


@dataclass(frozen=True, slots=True)
class TwoWriters:
    """Two tenures that cannot both be lawful."""

    kind: str
    """`Overlap`, `StaleEpoch`, `OneEpochTwoNodes` or `EpochUnknown`."""
    earlier: Tenure
    later: Tenure
    seconds: float
    """How long both accepted records; 0 where they only touched."""

    def describe(self) -> str:
        """Say what happened, in one line."""
        return f"{self.kind}: {self.earlier.describe()} and {self.later.describe()}, {self.seconds:.3f} s"


def tenures(acks: Iterable[Ack], writes: Iterable[Write] = ()) -> tuple[Tenure, ...]:
    """Return all tenures in the order in which they began."""
    moments: dict[tuple[str, str, int | None], list[int]] = {}
    events: list[Ack | Write] = [*acks, *writes]
    for event in events:
        moments.setdefault((event.node, event.boot_id, event.epoch), []).append(event.monotonic_ns)
    found = (
        Tenure(node=node, boot_id=boot_id, epoch=epoch, first_ns=min(times), last_ns=max(times), records=len(times))
        for (node, boot_id, epoch), times in moments.items()
    )
    return tuple(sorted(found, key=lambda tenure: (tenure.first_ns, tenure.last_ns)))


def find_two_writers(acks: Iterable[Ack], writes: Iterable[Write] = ()) -> tuple[TwoWriters, ...]:
    """Return every pair of tenures that breaks law 1; each pair once for each way in which it does."""
    pairs = combinations(tenures(acks, writes), 2)
    return tuple(finding for earlier, later in pairs for finding in _judge(earlier, later))


def _judge(earlier: Tenure, later: Tenure) -> tuple[TwoWriters, ...]:
    overlap_ns = min(earlier.last_ns, later.last_ns) - later.first_ns
    kinds: list[str] = []
    if overlap_ns >= 0:
        kinds.append("Overlap")
    if (earlier.epoch is None) != (later.epoch is None):
        kinds.append("EpochUnknown")
    if earlier.epoch is not None and later.epoch is not None:
        if earlier.epoch == later.epoch and earlier.node != later.node:
            kinds.append("OneEpochTwoNodes")
        if _is_stale(earlier, later) or _is_stale(later, earlier):
            kinds.append("StaleEpoch")
    seconds = max(overlap_ns, 0) / 1e9
    return tuple(TwoWriters(kind=kind, earlier=earlier, later=later, seconds=seconds) for kind in kinds)


def _is_stale(low: Tenure, high: Tenure) -> bool:
    """Say whether the lower epoch still accepted a record after the higher one had."""
    return (low.epoch or 0) < (high.epoch or 0) and low.last_ns > high.first_ns
