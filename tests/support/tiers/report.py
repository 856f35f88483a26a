"""What the reader of `make test` gets: a table, what did not run and why, the closing line; and the run's claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.report import Claim
from support.tiers.verdict import Counts, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.tiers.verdict import Judged


def lines(judged: tuple[Judged, ...]) -> tuple[str, ...]:
    """Returns the summary line by line; the last is the closing line a machine reads."""
    head = f"{'tier':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8} {'budget':>7}"
    rows = (_row(one) for one in judged if not one.missing)
    remarks = (remark for one in judged for remark in _remarks(one))
    return (head, *rows, *remarks, closing(total(judged)))


def closing(counts: Counts) -> str:
    """Returns the last line."""
    return f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped"


def claims(judged: tuple[Judged, ...], *, strict: bool) -> tuple[Claim, ...]:
    """Returns what the run claims, by tier; one that the machine could not run claims nothing outside CI."""
    return tuple(claim for one in judged for claim in _claims(one, strict=strict))


def _claims(one: Judged, *, strict: bool) -> Iterator[Claim]:
    """Gives a tier's claims: it ran without a fault, whole, and in CI within its budget and without a skip."""
    name, counts, seconds = one.tier.name, one.run.counts, round(one.run.seconds, 1)
    log = (f"build/tiers/{name}.log",)
    if one.missing:
        if strict:
            yield Claim(id=f"{name}.runs", ok=False, measured=one.missing, bound="runs")
        return
    faults = counts.failed + len(one.run.faults)
    enough = counts.all >= one.tier.minimum
    yield Claim(id=f"{name}.failures", ok=faults == 0, measured=faults, bound=0, evidence=log)
    yield Claim(id=f"{name}.tests", ok=enough, measured=counts.all, bound=f">= {one.tier.minimum}", evidence=log)
    if strict:
        in_time = one.run.seconds <= one.tier.budget_seconds
        yield Claim(id=f"{name}.skipped", ok=counts.skipped == 0, measured=counts.skipped, bound=0, evidence=log)
        yield Claim(id=f"{name}.seconds", ok=in_time, measured=seconds, bound=f"<= {one.tier.budget_seconds}")


def _row(one: Judged) -> str:
    """Returns a tier's line of the table."""
    counts = one.run.counts
    return (
        f"{one.tier.name:<12} {counts.passed:>7} {counts.failed:>7} {counts.skipped:>8} "
        f"{one.run.seconds:>8.1f} {one.tier.budget_seconds:>7}"
    )


def _remarks(one: Judged) -> Iterator[str]:
    """Gives what is to be said about a tier beside its numbers."""
    yield from (f"FAILED {one.tier.name}: {failure}" for failure in one.run.failures)
    yield from (f"FAILED {one.tier.name}: {problem}" for problem in one.problems)
    yield from (f"note {one.tier.name}: {note} (fails in CI)" for note in one.notes)
    if one.missing and not one.problems:
        yield f"not run {one.tier.name}: {one.missing}"
