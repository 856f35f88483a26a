"""`make model-check`: walks every world within the bound, judges it, writes build/model-check.json.

FAULTS=2 is the bound, DEEP=1 lets every one of them be of any kind. PAIRS=1 lets one fault alone be of any kind, and
several be plain ones (`moves.Kinds`), after the beginnings that `TWICE` names (PAIRS=all: after every one). ONE_IN=n
strikes the last fault in every n-th world only, ONLY=text keeps the beginnings whose name has it, JOBS=n walks in so
many processes, BREAK=name plants a fault that must be found.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from support.modelcheck.beginnings import BEGINNINGS, TWICE
from support.modelcheck.breaks import BREAKS
from support.modelcheck.claims import EVERY_STEP, EVERY_STEP_AND_LIE, NOTHING, claims_of
from support.modelcheck.clock import monotonic_seconds
from support.modelcheck.explore import Alone, Begun, Explorer
from support.modelcheck.jobs import in_processes
from support.modelcheck.result import Ending, Result, added, judged, plain, unjudged
from support.modelcheck.stage import Stage
from support.modelcheck.story import Story, kept, told
from support.report import BUILD, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIES_FROM = 2
"""So many faults are needed to come to a lie: a node that falls silent, and the device that is asked about it."""
SEVERAL = 2
MOST_STORIES = 5
"""Of each law, of the rounds and of each hold."""
FOLDER = BUILD / "model-check"


class Bound(NamedTuple):
    """What is walked."""

    faults: int
    any_kind: int
    """So many of the faults may be of any kind; the others are those of a machine room."""
    one_in: int
    only: str
    jobs: int
    pairs: frozenset[str]
    """After these beginnings several faults are plain ones, and one alone is of any kind, if any is named."""

    @property
    def said(self) -> str:
        """Returns the bound in words."""
        if self.pairs:
            return f"1 fault of any kind; {self.faults} plain ones after {len(self.pairs)} beginnings without a fault"
        last = f", the last one in every {self.one_in}th world" if self.one_in > 1 else ""
        return f"{self.faults} faults, {min(self.faults, self.any_kind)} of any kind{last}"

    @property
    def asked(self) -> int:
        """Returns what a walk within this bound must come to."""
        if self.only or not self.faults:
            return NOTHING
        return EVERY_STEP if self.faults < LIES_FROM else EVERY_STEP_AND_LIE


def main() -> int:
    """Walks, judges and reports; returns 0 where every claim holds, or a planted fault was found."""
    logging.disable(logging.CRITICAL)
    fault = os.environ.get("BREAK", "")
    if fault not in BREAKS:
        print(f"BREAK={fault} is none of {', '.join(name for name in BREAKS if name)}", file=sys.stderr)
        return 2
    bound, began = _bound(os.environ), monotonic_seconds()
    if bound.pairs and bound.faults < SEVERAL:
        print(f"PAIRS is about {SEVERAL} faults or more", file=sys.stderr)
        return 2
    stage = Stage()
    begun = [Begun(label, item.faults, item.make(stage)) for label, item in BEGINNINGS.items() if bound.only in label]
    with BREAKS[fault]():
        result = walked(stage, begun, bound, is_broken=bool(fault))
    claims = list(claims_of(result, bound=bound.said, beginnings=len(begun), asked=bound.asked))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, ending in enumerate(_endings(result), start=1):
        _tell(ending, number)
    path = write_report(f"model-check-{fault}" if fault else "model-check", claims, seconds=monotonic_seconds() - began)
    told_too = {"holds": plain(result.holds), "cells": _counted(result)}
    path.write_text(json.dumps({**json.loads(path.read_text()), **told_too}, indent=1) + "\n")
    for claim in claims:
        if not claim.ok:
            print(f"FAIL {claim.id}: {claim.measured} (bound: {claim.bound}) {'; '.join(claim.evidence)}")
    print(path)
    counts = f"{len(result.cells)} worlds, {result.transitions} transitions"
    print(f"{counts}, {result.violations} violations, {len(result.holds)} holds")
    if fault:
        return 0 if result.found else 1
    return 0 if all(claim.ok for claim in claims) else 1


def walked(stage: Stage, begun: list[Begun], bound: Bound, *, is_broken: bool) -> Result:
    """Walks the last fault in as many processes as there may be; what comes before it, once."""
    explorer = Explorer(
        stage, most_faults=bound.faults, any_kind=bound.any_kind, pairs=bound.pairs, first_only=is_broken
    )
    own = explorer.approach(begun)[:: bound.one_in]
    before, played = dict.fromkeys(explorer.walk.after), explorer.walk.transitions

    def part(number: int) -> Result:
        """Walks every n-th of what is left, and judges it and every n-th of what came before."""
        walk = explorer.strike(_share(own, number, of=bound.jobs), begun[number :: bound.jobs])
        walk.transitions -= played if number else 0
        if is_broken:
            return unjudged(walk)
        new = [name for name in walk.after if name not in before]
        return judged(stage, walk, names=[*list(before)[number :: bound.jobs], *new])

    return added(in_processes(part, bound.jobs))


def _share(own: list[Alone], number: int, *, of: int) -> list[Alone]:
    """Returns one share of these worlds: neighbours, for what comes of neighbours is much the same."""
    kept: list[Alone] = []
    for spent in dict.fromkeys(item.spent for item in own):
        alike = [item for item in own if item.spent == spent]
        kept += alike[len(alike) * number // of : len(alike) * (number + 1) // of]
    return kept


_PAIRS = {"": frozenset[str](), "1": TWICE, "all": frozenset(BEGINNINGS)}


def _bound(given: Mapping[str, str]) -> Bound:
    faults = int(given.get("FAULTS") or "2")
    jobs = 1 if given.get("BREAK") else int(given.get("JOBS") or "1")
    any_kind = faults if given.get("DEEP") else 1
    one_in, only = int(given.get("ONE_IN") or "1"), given.get("ONLY", "")
    return Bound(faults, any_kind, one_in, only, jobs, pairs=_PAIRS[given.get("PAIRS", "")])


def _counted(result: Result) -> list[list[str | int]]:
    """Returns how many worlds there are of each kind of episode, step and fault."""
    counts: dict[tuple[str, str, str], int] = {}
    for cell in result.cells.values():
        counts[cell] = counts.get(cell, 0) + 1
    return [[*cell, worlds] for cell, worlds in sorted(counts.items())]


def _endings(result: Result) -> Iterator[Ending]:
    """Gives some of all that is wrong, with how it is come to."""
    laws = dict.fromkeys(item.law for item in result.found)
    for law in laws:
        broken = [item for item in result.found if item.law == law]
        yield from (Ending(item.start, item.story, f"law {law}: {item.said}") for item in broken[:MOST_STORIES])
    yield from list(result.rounds.values())[:MOST_STORIES]
    for hold in result.holds.values():
        yield from list(hold.dead_ends.values())[:MOST_STORIES]


def _tell(ending: Ending, number: int) -> None:
    story = Story(ending.start, ending.story)
    for line in told(story, ending.said):
        print(line)
    kept(story, FOLDER / f"story-{number}.json")


if __name__ == "__main__":
    sys.exit(main())
