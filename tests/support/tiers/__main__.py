"""`python -m support.tiers [--long] [NAME ...]`: runs the tiers in order and ends with the closing line."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from support.report import write_report
from support.tiers import execute, needs, plan, report
from support.tiers.verdict import Judged, absent, judge

# CI ends a job at 90 minutes without a word; ending first leaves a report.
_WHOLE_LIMIT_SECONDS = 85 * 60
# A tier that hangs is ended at this many times its budget.
_PATIENCE = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs what was asked for; returns 0 only if nothing failed."""
    options = _options(arguments)
    strict = os.environ.get("CI", "").lower() in {"1", "true"}
    try:
        chosen = _choose(plan.read(), names=options.names, long=options.long)
    except plan.PlanError as error:
        print(f"make test: {error}", file=sys.stderr)
        return 2
    needs.install({need for tier in chosen for need in tier.needs})
    if any(tier.measured for tier in chosen):
        shutil.rmtree("build/coverage", ignore_errors=True)
    started = time.monotonic()
    judged: list[Judged] = []
    for tier in chosen:
        left = _WHOLE_LIMIT_SECONDS - (time.monotonic() - started) if strict else float("inf")
        judged.append(_one(tier, strict=strict, left_seconds=left))
    seconds = time.monotonic() - started
    claims = report.claims(tuple(judged), strict=strict)
    write_report("test-long" if options.long else "test", claims, seconds=seconds, build=Path("build"))
    print("", *report.lines(tuple(judged)), sep="\n", flush=True)
    return 0 if all(one.ok for one in judged) else 1


def _one(tier: plan.Tier, *, strict: bool, left_seconds: float) -> Judged:
    """Runs and judges one tier, or says why it cannot run here."""
    if left_seconds <= 0:
        return absent(tier, "no time was left", strict=strict)
    if reason := needs.unmet(tier.needs):
        return absent(tier, reason, strict=strict)
    print(f"\n=== {tier.name}: {tier.about} (budget {tier.budget_seconds} s)", flush=True)
    run = execute.execute(
        tier,
        build=Path("build/tiers"),
        environment=_environment(),
        limit_seconds=min(left_seconds, tier.budget_seconds * _PATIENCE),
    )
    return judge(tier, run, strict=strict)


def _environment() -> dict[str, str]:
    """Returns what a tier's commands see: the venv first, both source roots, nothing of an outer make."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["PYTHONPATH"] = os.pathsep.join(("operator", "tests"))
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _choose(tiers: tuple[plan.Tier, ...], *, names: list[str], long: bool) -> tuple[plan.Tier, ...]:
    """Returns the named tiers, or all of `make test`, or all of `make test-long`."""
    if unknown := set(names) - {tier.name for tier in tiers}:
        raise plan.PlanError(f"no such tier: {', '.join(sorted(unknown))}")
    if names:
        return tuple(tier for tier in tiers if tier.name in names)
    return tuple(tier for tier in tiers if tier.long == long)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    """Returns the command line, parsed."""
    parser = argparse.ArgumentParser(prog="support.tiers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these tiers")
    parser.add_argument("--long", action="store_true", help="the tiers of make test-long")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
