"""Measures downtime as the clients saw it, one outage an interruption, whatever caused it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from support.judge.evidence import Ack, Failure


@dataclass(frozen=True, slots=True)
class Gap:
    """From one client's last acknowledgement before an interruption to its first after it."""

    client: str
    before: Ack
    after: Ack | None
    """None where the client was never acknowledged again."""
    last_failure_ns: int

    @property
    def end_ns(self) -> int:
        """Return when the gap ended, or for one that did not, when the client last tried."""
        return self.last_failure_ns if self.after is None else self.after.received_ns

    @property
    def seconds(self) -> float:
        """Return how long the client waited."""
        return (self.end_ns - self.before.received_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Outage:
    """One interruption, over all clients."""

    began_ns: int
    ended_ns: int | None
    """None where a client was never acknowledged again."""
    seconds: float
    """The longest wait of any client."""
    failures: int
    from_node: str
    from_epoch: int | None
    to_node: str | None
    to_epoch: int | None
    by_client: tuple[tuple[str, float], ...]

    @property
    def is_move(self) -> bool:
        """Say whether another epoch answered afterwards."""
        return self.ended_ns is not None and self.from_epoch != self.to_epoch


def find_outages(acks: Iterable[Ack], failures: Iterable[Failure]) -> tuple[Outage, ...]:
    """Return every interruption in order of time; gaps of several clients that overlap are one outage."""
    all_failures = tuple(failures)
    gaps = sorted(_gaps(tuple(acks), all_failures), key=lambda gap: gap.before.received_ns)
    groups: list[list[Gap]] = []
    for gap in gaps:
        if groups and gap.before.received_ns <= max(other.end_ns for other in groups[-1]):
            groups[-1].append(gap)
        else:
            groups.append([gap])
    return tuple(_outage(group, all_failures) for group in groups)


def outage_into(outages: Iterable[Outage], epoch: int) -> Outage | None:
    """Return the interruption that ended with this epoch answering, or None where no client saw one."""
    return next((outage for outage in outages if outage.is_move and outage.to_epoch == epoch), None)


def _gaps(acks: tuple[Ack, ...], failures: tuple[Failure, ...]) -> Iterable[Gap]:
    for client in sorted({ack.client for ack in acks}):
        own = sorted((ack for ack in acks if ack.client == client), key=lambda ack: ack.received_ns)
        failed = sorted(failure.failed_ns for failure in failures if failure.client == client)
        for index, before in enumerate(own):
            after = own[index + 1] if index + 1 < len(own) else None
            inside = _between(failed, before.received_ns, None if after is None else after.received_ns)
            moved = after is not None and _writer(before) != _writer(after)
            if inside or moved:
                last_failure_ns = inside[-1] if inside else before.received_ns
                yield Gap(client=client, before=before, after=after, last_failure_ns=last_failure_ns)


def _between(moments: Sequence[int], start: int, end: int | None) -> list[int]:
    return [moment for moment in moments if moment > start and (end is None or moment < end)]


def _writer(ack: Ack) -> tuple[str, str, int | None]:
    return (ack.node, ack.boot_id, ack.epoch)


def _outage(gaps: Sequence[Gap], failures: Iterable[Failure]) -> Outage:
    began_ns = min(gap.before.received_ns for gap in gaps)
    end_ns = max(gap.end_ns for gap in gaps)
    before = max((gap.before for gap in gaps), key=lambda ack: ack.received_ns)
    afters = [gap.after for gap in gaps if gap.after is not None]
    after = max(afters, key=lambda ack: ack.received_ns, default=None)
    return Outage(
        began_ns=began_ns,
        ended_ns=end_ns if len(afters) == len(gaps) else None,
        seconds=max(gap.seconds for gap in gaps),
        failures=sum(1 for failure in failures if began_ns < failure.failed_ns <= end_ns),
        from_node=before.node,
        from_epoch=before.epoch,
        to_node=None if after is None else after.node,
        to_epoch=None if after is None else after.epoch,
        by_client=tuple((gap.client, gap.seconds) for gap in gaps),
    )
