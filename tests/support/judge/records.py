"""Says which acknowledged records are lost, which files and rows disagree, and which records exist twice."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields

from support.judge.evidence import Ack, Disk, EvidenceBrokenError, Group, Key, StoredRecord, Write

NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class LostRecord:
    """A record that a client was told is stored, and that the surviving disk does not hold whole."""

    client: str
    number: int
    node: str
    """The node that acknowledged it."""
    epoch: int | None
    received_ns: int
    missing: str
    """`file`, `row` or `file and row`."""
    kept_aside: bool
    """True where its file lies in quarantine on either node."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What of one epoch is lost."""

    epoch: int | None
    records: int
    seconds: float
    """From the oldest to the newest acknowledgement that is lost."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A record, or a whole group, whose parts contradict each other."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the disks and the acknowledgements say together."""

    acknowledged: int
    lost: tuple[LostRecord, ...]
    disagreements: tuple[Disagreement, ...]
    contradictions: tuple[Disagreement, ...]
    """Records that were stored or acknowledged twice with different content."""

    @property
    def lost_seconds(self) -> float:
        """Return the time from the oldest to the newest lost acknowledgement."""
        return _span_seconds(self.lost)

    def losses(self) -> tuple[Loss, ...]:
        """Return the loss of each epoch that lost anything: one failover each."""
        by_epoch: dict[int | None, list[LostRecord]] = defaultdict(list)
        for record in self.lost:
            by_epoch[record.epoch].append(record)
        return tuple(
            Loss(epoch=epoch, records=len(records), seconds=_span_seconds(records))
            for epoch, records in sorted(by_epoch.items(), key=lambda item: item[0] or 0)
        )

    def lost_in(self, epoch: int | None) -> Loss:
        """Return the loss among what was acknowledged in one epoch; zero records where there is none."""
        return next((loss for loss in self.losses() if loss.epoch == epoch), Loss(epoch=epoch, records=0, seconds=0.0))


def audit(acks: Sequence[Ack], *, survivor: Disk, others: Sequence[Disk] = ()) -> Audit:
    """Judge the acknowledgements by the survivor's disk; the others tell what was kept or stored twice.

    A survivor without a live group is no evidence and raises EvidenceBrokenError.
    """
    live = survivor.live
    if live is None:
        raise EvidenceBrokenError(f"the disk of {survivor.node} holds no live data")
    disks = (survivor, *others)
    kept = frozenset[Key]().union(*(disk.kept_aside for disk in disks))
    return Audit(
        acknowledged=len(acks),
        lost=tuple(_lost(acks, live=live, kept=kept)),
        disagreements=(*disagreements(live), *_unlike_acknowledged(acks, live)),
        contradictions=tuple(_contradictions(acks, disks)),
    )


def disagreements(group: Group) -> tuple[Disagreement, ...]:
    """Return everything in one group that does not fit together; a whole copy has nothing here."""
    return tuple(Disagreement(place=group.place, what=what) for what in _complaints(group))


def _complaints(group: Group) -> Iterator[str]:
    yield from group.broken_files
    if group.database_problem is not None:
        yield f"the database cannot be read: {group.database_problem}"
        return
    last = max((row.sequence for row in group.rows.values()), default=0)
    for key in sorted(group.files.keys() | group.rows.keys()):
        file, row = group.files.get(key), group.rows.get(key)
        if row is None and file is not None:
            # Only one record is in flight when the power goes: its file is written first, and nobody was told.
            if file.sequence != last + 1:
                yield f"{_name(key)}: a file without a row"
        elif file is None:
            yield f"{_name(key)}: a row without a file"
        elif row is not None:
            yield from _differences(key, file=file, row=row)


def _differences(key: Key, *, file: StoredRecord, row: StoredRecord) -> Iterator[str]:
    different = [field.name for field in fields(StoredRecord) if getattr(file, field.name) != getattr(row, field.name)]
    if different:
        yield f"{_name(key)}: file and row differ in {', '.join(different)}"
    for kind, record in (("file", file), ("row", row)):
        if hashlib.sha256(record.payload.encode()).hexdigest() != record.sha256:
            yield f"{_name(key)}: the {kind} contradicts its own digest"


def _lost(acks: Iterable[Ack], *, live: Group, kept: frozenset[Key]) -> Iterator[LostRecord]:
    for ack in acks:
        missing = [kind for kind, held in (("file", live.files), ("row", live.rows)) if ack.key not in held]
        if missing:
            yield LostRecord(
                client=ack.client,
                number=ack.number,
                node=ack.node,
                epoch=ack.epoch,
                received_ns=ack.received_ns,
                missing=" and ".join(missing),
                kept_aside=ack.key in kept,
            )


def _unlike_acknowledged(acks: Iterable[Ack], live: Group) -> Iterator[Disagreement]:
    for ack in acks:
        for kind, held in (("file", live.files), ("row", live.rows)):
            record = held.get(ack.key)
            if record is not None and record.sha256 != ack.sha256:
                what = f"{_name(ack.key)}: the {kind} is not what the client was acknowledged"
                yield Disagreement(place=live.place, what=what)


def _contradictions(acks: Iterable[Ack], disks: Iterable[Disk]) -> Iterator[Disagreement]:
    seen: dict[Key, dict[str, str]] = defaultdict(dict)
    for ack in acks:
        seen[ack.key].setdefault(ack.sha256, f"acknowledged by {ack.node}")
    for disk in disks:
        for record in (*_stored(disk), *disk.writes):
            seen[record.key].setdefault(record.sha256, f"on the disk of {disk.node}, written by {record.node}")
    for key, contents in sorted(seen.items()):
        if len(contents) > 1:
            yield Disagreement(place="; ".join(contents.values()), what=f"{_name(key)}: {len(contents)} contents")


def _stored(disk: Disk) -> tuple[StoredRecord | Write, ...]:
    if disk.live is None:
        return ()
    return (*disk.live.files.values(), *disk.live.rows.values())


def _span_seconds(records: Iterable[LostRecord]) -> float:
    moments = [record.received_ns for record in records]
    return (max(moments) - min(moments)) / NANOSECONDS if moments else 0.0


def _name(key: Key) -> str:
    return f"record {key[0]}/{key[1]}"
