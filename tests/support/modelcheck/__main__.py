"""`make model-check`: walks every world within the bound, judges it, writes build/model-check.json.

FAULTS=2 is the bound, DEEP=1 lets every one of them be of any kind, ONLY=text keeps the beginnings whose name has it,
BREAK=name plants a fault that must be found.
"""

from __future__ import annotations

import json
import logging
import os
import sys

from support.modelcheck.beginnings import BEGINNINGS
from support.modelcheck.breaks import BREAKS
from support.modelcheck.claims import claims_of
from support.modelcheck.clock import monotonic_seconds
from support.modelcheck.explore import Explorer, story_of
from support.modelcheck.stage import Stage
from support.modelcheck.story import Story, kept, told
from support.modelcheck.ways_out import WaysOut
from support.report import BUILD, write_report

MOST_STORIES = 5
FOLDER = BUILD / "model-check"


def main() -> int:
    """Walks, judges and reports; returns 0 where every claim holds, or a planted fault was found."""
    logging.disable(logging.CRITICAL)
    fault, only = os.environ.get("BREAK", ""), os.environ.get("ONLY", "")
    most_faults = int(os.environ.get("FAULTS") or "2")
    any_kind = most_faults if os.environ.get("DEEP") else 1
    if fault not in BREAKS:
        print(f"BREAK={fault} is none of {', '.join(name for name in BREAKS if name)}", file=sys.stderr)
        return 2
    began = monotonic_seconds()
    stage = Stage()
    begun = [
        (label, item.faults, item.make(stage))
        for label, item in BEGINNINGS.items()
        if only in label and item.faults <= most_faults
    ]
    with BREAKS[fault]():
        walk = Explorer(stage, most_faults=most_faults, any_kind=any_kind, first_only=bool(fault)).run(begun)
        ways = WaysOut(stage, walk)
        rounds = [] if fault else ways.endless()
        holds = {} if fault else ways.holds()
    claims = list(claims_of(walk, holds, rounds=len(rounds), most_faults=most_faults, beginnings=len(begun)))
    for item in walk.found[:MOST_STORIES]:
        _tell(Story(item.start, item.story), f"law {item.law}: {item.said}")
    for held in holds.values():
        for name in held.dead_ends[:1]:
            _tell(Story(*story_of(walk, name)), "nothing that people do leads out of this")
    for name in rounds[:MOST_STORIES]:
        _tell(Story(*story_of(walk, name)), "left to itself this goes round for ever")
    target = f"model-check-{fault}" if fault else "model-check"
    path = write_report(target, claims, seconds=monotonic_seconds() - began)
    cells = [[*cell, worlds] for cell, worlds in sorted(walk.cells.items())]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "worlds.json").write_text(json.dumps(cells))
    for claim in claims:
        if not claim.ok:
            print(f"FAIL {claim.id}: {claim.measured} (bound: {claim.bound}) {'; '.join(claim.evidence)}")
    dead = sum(len(held.dead_ends) for held in holds.values())
    violations = len(walk.found) + len(rounds) + dead
    print(path)
    print(f"{len(walk.came)} worlds, {walk.transitions} transitions, {violations} violations, {len(holds)} holds")
    if fault:
        return 0 if walk.found else 1
    return 0 if all(claim.ok for claim in claims) else 1


def _tell(story: Story, ends: str) -> None:
    for line in told(story, ends):
        print(line)
    kept(story, FOLDER / f"story-{len(list(FOLDER.glob('story-*.json'))) + 1}.json")


if __name__ == "__main__":
    sys.exit(main())
