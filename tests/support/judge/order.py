"""Says whether a failover kept its order: BMC off read twice, the write with the proof, the promotion.

The law of this file: power off is read at least twice, at least two seconds apart, by nobody contradicted;
only then may `status` carry the proof; only then may the node promote; only then may the name be set to it
and the application accept a record.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from support.judge.events import Event, proof_in

APART_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether the order was kept, and the events that show it."""

    ok: bool
    complaint: str | None
    steps: tuple[Event, ...]
    """The deciding events in order of time, as far as they were found."""

    def describe(self) -> str:
        """Show the steps with the seconds between them."""
        if not self.steps:
            return self.complaint or ""
        parts = [_step(self.steps[0])]
        parts.extend(
            f"{_step(later)} (+{(later.wall_ns - earlier.wall_ns) / 1e9:.3f} s)"
            for earlier, later in pairwise(self.steps)
        )
        shown = " < ".join(parts)
        return shown if self.complaint is None else f"{self.complaint}: {shown}"


def proof_write(status_writes: Iterable[Event], *, episode: str) -> Event | None:
    """Return the first write whose status carries a proof for this episode."""
    return next((write for write in _by_time(status_writes) if _proves(write, episode)), None)


def episodes_with_proof(status_writes: Iterable[Event], *, method: str = "Fenced") -> tuple[tuple[str, str], ...]:
    """Return each episode that a proof of this method was written for, with the node it speaks of."""
    found: dict[str, str] = {}
    for write in _by_time(status_writes):
        proof = proof_in(write.detail["status"])
        if proof is not None and proof["method"] == method:
            found.setdefault(str(proof["episode"]), str(proof["node"]))
    return tuple(found.items())


def check_fenced_failover(
    *,
    fenced: str,
    episode: str,
    bmc: Sequence[Event],
    status_writes: Sequence[Event],
    promote: Event | None,
    afterwards: Sequence[Event] = (),
) -> Finding:
    """Check one failover; `promote` is the node's own evidence, `afterwards` what must come after it.

    `afterwards` are the name's move to the promoted node and its application's first record.
    """
    proof = proof_write(status_writes, episode=episode)
    if proof is None:
        return Finding(ok=False, complaint=f"no status write carries a proof for episode {episode}", steps=())
    reads, complaint = _two_reads_off(bmc, fenced=fenced, before_ns=int(proof.detail["received_ns"]))
    steps = [*reads, proof]
    about = proof_in(proof.detail["status"])
    if about is None or about["node"] != fenced:
        complaint = complaint or f"the proof does not speak of node {fenced}"
    if promote is None:
        return Finding(ok=False, complaint=complaint or "there is no evidence of a promotion", steps=tuple(steps))
    steps.append(promote)
    if promote.wall_ns <= proof.wall_ns:
        complaint = complaint or "the node promoted before the proof was stored"
    early = next((event for event in _by_time(afterwards) if event.wall_ns <= promote.wall_ns), None)
    if early is not None:
        complaint = complaint or f"{early.source} {early.kind} came before the promotion"
    steps.extend(afterwards)
    return Finding(ok=complaint is None, complaint=complaint, steps=tuple(_by_time(steps)))


def lies_about_power(bmc: Iterable[Event]) -> tuple[Event, ...]:
    """Return every `off` that a BMC told while the node it stands for had power."""
    return tuple(
        event for event in _by_time(bmc) if event.kind == "read-off" and event.detail.get("true_power_after") == "On"
    )


def _two_reads_off(bmc: Iterable[Event], *, fenced: str, before_ns: int) -> tuple[list[Event], str | None]:
    """Return the first and last reading of the last unbroken row of `off`, and what is wrong with them."""
    row: list[Event] = []
    for event in _by_time(bmc):
        if event.node != fenced or event.wall_ns >= before_ns:
            continue
        if event.kind == "read-off":
            row.append(event)
        else:
            # Another reading, or another order to the power supply: what was read before no longer counts.
            row = []
    if len(row) < 2:
        return row, f"node {fenced} was read off {len(row)} time(s) before the proof, not twice"
    apart_seconds = (row[-1].wall_ns - row[0].wall_ns) / 1e9
    if apart_seconds < APART_SECONDS:
        return [row[0], row[-1]], f"node {fenced} was read off twice within {apart_seconds:.3f} s"
    return [row[0], row[-1]], None


def _proves(write: Event, episode: str) -> bool:
    proof = proof_in(write.detail["status"])
    return proof is not None and proof.get("episode") == episode


def _by_time(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.wall_ns)


def _step(event: Event) -> str:
    return f"{event.source} {event.kind}" + (f" {event.node}" if event.node else "")
