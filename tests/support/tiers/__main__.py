"""`python -m support.tiers [--long] [NAME ...]`: runs the tiers in order and ends with the closing line."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

from support.report import tree, write_report
from support.tiers import done, execute, needs, plan, report
from support.tiers.process import Surroundings
from support.tiers.verdict import Judged, absent, judge

# CI ends a job at 90 minutes without a word; ending first leaves a report.
_WHOLE_LIMIT_SECONDS = 85 * 60
# A tier that hangs is ended at this many times its budget.
_PATIENCE = 2


def main(arguments: list[str] | None = None) -> int:
    """Runs what was asked for; returns 0 only if nothing failed."""
    options = _options(arguments)
    # A shell starts what it runs in the background deaf to interrupts, and some tests interrupt what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
    whole = _Whole(
        strict=strict,
        until_seconds=started + _WHOLE_LIMIT_SECONDS if strict else float("inf"),
        done=done.Done(Path("build/long"), tree=tree()) if options.long else None,
    )
    judged = [one for group in plan.groups(chosen) for one in whole.group(group)]
    judged.sort(key=lambda one: chosen.index(one.tier))
    seconds = time.monotonic() - started
    claims = report.claims(tuple(judged), strict=strict)
    write_report("test-long" if options.long else "test", claims, seconds=seconds, build=Path("build"))
    print("", f"{seconds / 60:.1f} minutes", *report.lines(tuple(judged)), sep="\n", flush=True)
    return 0 if all(one.ok for one in judged) else 1


class _Whole:
    """One run of the runner: what holds for all its tiers, and the one screen they share."""

    def __init__(self, *, strict: bool, until_seconds: float, done: done.Done | None) -> None:
        """Keeps whether this is CI, when the whole run ends, and what an earlier run of the same tree has done."""
        self._strict = strict
        self._until_seconds = until_seconds
        self._done = done
        self._stop = threading.Event()
        self._screen = threading.Lock()

    def group(self, lanes: tuple[tuple[plan.Tier, ...], ...]) -> list[Judged]:
        """Runs a group's lanes side by side; a lone lane shows its output as it comes, the others tier by tier."""
        self._stop.clear()
        if len(lanes) == 1:
            return self._lane(lanes[0], beside=False)
        with ThreadPoolExecutor(max_workers=len(lanes)) as threads:
            running = [threads.submit(self._lane, lane, beside=True) for lane in lanes]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                # Whatever ends one lane early, our own interruption included, ends the others.
                self._stop.set()
            return [one for lane in running for one in lane.result()]

    def _lane(self, tiers: tuple[plan.Tier, ...], *, beside: bool) -> list[Judged]:
        return [self._one(tier, beside=beside) for tier in tiers if not self._stop.is_set()]

    def _one(self, tier: plan.Tier, *, beside: bool) -> Judged:
        """Runs and judges one tier, or says why it cannot run here."""
        left_seconds = self._until_seconds - time.monotonic()
        if left_seconds <= 0:
            return absent(tier, "no time was left", strict=self._strict)
        if reason := needs.unmet(tier.needs):
            return absent(tier, reason, strict=self._strict)
        if self._done is not None and (run := self._done.find(tier.name)) is not None:
            self._print(f"\n=== {tier.name}: done before with this tree, in {run.seconds:.0f} s\n")
            return judge(tier, run, strict=self._strict)
        held: list[str] = []
        head = f"\n=== {tier.name}: {tier.about} (budget {tier.budget_seconds} s)\n"
        self._print(f"... {tier.name} runs beside the others; its output comes at its end\n" if beside else head)
        run = execute.execute(
            tier,
            build=Path("build/tiers"),
            around=Surroundings(
                environment=_environment(), show=held.append if beside else self._print, stop=self._stop
            ),
            limit_seconds=min(left_seconds, tier.budget_seconds * _PATIENCE),
        )
        if beside:
            self._print(head + "".join(held))
        judged = judge(tier, run, strict=self._strict)
        if self._done is not None and judged.ok:
            self._done.keep(tier.name, run)
        return judged

    def _print(self, text: str) -> None:
        with self._screen:
            sys.stdout.write(text)
            sys.stdout.flush()


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
