"""`python -m support.mutants`: every mutant must be noticed; it goes on where it stopped.

PARTS="decide guard cel" chooses, MOST=n tries at most n more, ONE_IN=n only every n-th. QUICK=1 asks of `decide` only
the checks that take seconds, and leaves open what they do not kill. BREAK=deaf plants the fault. The report holds every
mutant of the chosen parts, tried or not: a run that was cut short is not ok.
"""

from __future__ import annotations

import os
import sys
import time
import tomllib
from pathlib import Path

from support.mutants import cel, decisions, guard
from support.mutants.checks import Trials
from support.mutants.ledger import Ledger
from support.mutants.mutant import ROOT, Mutant, Verdict
from support.mutants.verdicts import PARTS, claims
from support.report import write_report

MUTANTS = {"decide": decisions.mutants, "guard": guard.mutants, "cel": cel.mutants}
ARGUED = Path(__file__).with_name("argued.toml")


def main() -> int:
    """Tries what is not known yet; returns 0 only if everything holds."""
    chosen = os.environ.get("PARTS", "").split() or list(PARTS)
    broken = os.environ.get("BREAK", "")
    began = time.monotonic()
    all_of = {part: list(MUTANTS[part]()) for part in chosen}
    ledger = Ledger(ROOT / "build" / ("mutants-broken" if broken else "mutants") / "ledger.jsonl")
    every = [item for part in chosen for item in all_of[part]]
    _try([item for item in every if item.mark not in ledger.known], ledger, broken=broken)
    known = [ledger.known[item.mark] for item in every if item.mark in ledger.known]
    total = {part: sum(not item.is_harmless for item in all_of[part]) for part in chosen}
    found = claims(known, total=total, argued=tomllib.loads(ARGUED.read_text()))
    for claim in found:
        lines = [line for line in claim.evidence if line.startswith("survives")]
        print(f"{'ok  ' if claim.ok else 'NOT '} {claim.id}: {claim.measured} ({claim.bound})", *lines, sep="\n     ")
    write_report("mutants-broken" if broken else "mutants", found, seconds=time.monotonic() - began)
    killed = sum(item.killed_by is not None for item in known if not item.is_harmless)
    print(f"{killed}/{sum(total.values())} mutants killed, {sum(item.is_harmless for item in known)} controls")
    return 0 if all(claim.ok for claim in found) else 1


def _try(left: list[Mutant], ledger: Ledger, *, broken: str) -> None:
    most, one_in = int(os.environ.get("MOST") or len(left)), int(os.environ.get("ONE_IN") or 1)
    is_quick = bool(os.environ.get("QUICK"))
    with Trials(broken=broken) as trials:
        for mutant in sorted(left, key=lambda item: item.is_harmless)[::one_in][:most]:
            began = time.monotonic()
            by = trials.killed_by(mutant)
            seconds = round(time.monotonic() - began, 1)
            laws = tuple(sorted(mutant.laws))
            if by is not None or not is_quick:
                ledger.note(Verdict(mutant.mark, mutant.part, mutant.name, by, seconds, laws, mutant.is_harmless))
            print(f"{'SURVIVES' if by is None else 'killed'}  {seconds:6.1f} s  {mutant.name}  {by or ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
