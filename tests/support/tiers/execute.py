"""Runs one tier and counts it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from support.tiers import junit, process
from support.tiers.verdict import Counts, Run

if TYPE_CHECKING:
    from pathlib import Path

    from support.tiers.plan import Tier
    from support.tiers.process import Surroundings

# pytest's own words for "tests failed"; everything else above 0 is a fault of its own.
_PYTEST_TESTS_FAILED = 1


def execute(tier: Tier, *, build: Path, around: Surroundings, limit_seconds: float) -> Run:
    """Runs a tier, its log and counts under `build`; ends it at `limit_seconds`."""
    build.mkdir(parents=True, exist_ok=True)
    log = build / f"{tier.name}.log"
    log.unlink(missing_ok=True)
    if tier.tests:
        return _tests(tier, log=log, around=around, limit_seconds=limit_seconds)
    return _steps(tier, log=log, around=around, limit_seconds=limit_seconds)


def _tests(tier: Tier, *, log: Path, around: Surroundings, limit_seconds: float) -> Run:
    """Runs pytest over the tier's folders and reads the counts from its JUnit file."""
    result = log.with_suffix(".xml")
    result.unlink(missing_ok=True)
    measure = ["-m", "coverage", "run"] if tier.measured else []
    command = [sys.executable, *measure, "-m", "pytest", "-q", "-m", tier.select, f"--junitxml={result}", *tier.tests]
    ended = process.run(command, log=log, limit_seconds=limit_seconds, around=around)
    counts = junit.read(result)
    faults = []
    if ended.killed:
        faults.append(f"ended after {ended.seconds:.0f} s, its limit")
    elif counts is None:
        faults.append(f"pytest ended with {ended.code} and wrote no result; see {log}")
    elif ended.code not in {0, _PYTEST_TESTS_FAILED}:
        faults.append(f"pytest ended with {ended.code}; see {log}")
    elif ended.code and not counts.failed:
        faults.append(f"pytest ended with {ended.code} although no test failed; see {log}")
    return Run(counts=counts or Counts(), seconds=ended.seconds, faults=tuple(faults), failures=junit.failures(result))


def _steps(tier: Tier, *, log: Path, around: Surroundings, limit_seconds: float) -> Run:
    """Runs the tier's commands, all of them also after one failed; each counts as one test."""
    counts, seconds = Counts(), 0.0
    faults: list[str] = []
    failures: list[str] = []
    for step in tier.steps:
        around.show(f"$ {' '.join(step)}\n")
        remaining = max(1.0, limit_seconds - seconds)
        ended = process.run(step, log=log, limit_seconds=remaining, around=around)
        seconds += ended.seconds
        counts += Counts(passed=int(ended.code == 0), failed=int(ended.code != 0))
        if ended.code:
            failures.append(f"{' '.join(step)}: ended with {ended.code}")
        if ended.killed:
            faults.append(f"{' '.join(step)}: ended after {ended.seconds:.0f} s, the tier's limit")
    return Run(counts=counts, seconds=seconds, faults=tuple(faults), failures=tuple(failures))
