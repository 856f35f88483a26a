"""Says what the numbers of a tier mean; this is its law.

A tier is green only if everything in it ran and passed, no fewer tests than declared were there, and, in CI, nothing
was skipped, nothing was missing and the budget was kept. Outside CI what a machine cannot run is named, not failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.tiers.plan import Tier


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many tests passed, failed (errors included) and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def all(self) -> int:
        """Returns how many tests were there."""
        return self.passed + self.failed + self.skipped

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What running a tier gave, before it is judged."""

    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0
    faults: tuple[str, ...] = ()
    """What went wrong beside failed tests: killed, no result written, a runner's own error."""
    failures: tuple[str, ...] = ()
    """Which tests or commands failed, each in a line with what it said."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A tier with its verdict."""

    tier: Tier
    run: Run
    problems: tuple[str, ...] = ()
    """Why it fails, failed tests aside; each counts as one failure."""
    notes: tuple[str, ...] = ()
    """What would fail in CI, said where it does not."""
    missing: str = ""
    """Why it did not run at all; empty when it ran."""

    @property
    def ok(self) -> bool:
        """Returns whether the tier holds up; one that a laptop cannot run does not fail there."""
        return not self.problems and self.run.counts.failed == 0

    @property
    def counts(self) -> Counts:
        """Returns the tests, and each problem as a failure, and a tier that was not run as one skipped."""
        absent = 1 if self.missing and not self.problems else 0
        return self.run.counts + Counts(failed=len(self.problems), skipped=absent)


def judge(tier: Tier, run: Run, *, strict: bool) -> Judged:
    """Returns the verdict on a tier that ran; `strict` is CI."""
    problems = list(run.faults)
    notes: list[str] = []
    in_ci_only = problems if strict else notes
    if run.counts.all < tier.minimum:
        problems.append(f"{run.counts.all} tests, at least {tier.minimum} were expected")
    if run.counts.skipped:
        in_ci_only.append(f"{run.counts.skipped} skipped")
    if run.seconds > tier.budget_seconds:
        in_ci_only.append(f"over budget: {run.seconds:.0f} s, {tier.budget_seconds} s are allowed")
    return Judged(tier=tier, run=run, problems=tuple(problems), notes=tuple(notes))


def absent(tier: Tier, reason: str, *, strict: bool) -> Judged:
    """Returns the verdict on a tier this machine cannot run."""
    problems = (f"did not run: {reason}",) if strict else ()
    return Judged(tier=tier, run=Run(), problems=problems, missing=reason)


def total(judged: tuple[Judged, ...]) -> Counts:
    """Returns what the closing line says."""
    counts = Counts()
    for one in judged:
        counts += one.counts
    return counts
