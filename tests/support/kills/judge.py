"""Judges the matrix by the evidence in its folder alone; it imports nothing of the operator.

`python -m support.kills.judge FOLDER --target NAME --seconds S` prints every claim and writes build/NAME.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.kills import listed
from support.kills.judge_bed import bed_claims
from support.kills.verdict import complaints
from support.report import Claim, write_report

MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell of the memory half and what is wrong with it."""

    story: str
    boundary: str
    wrong: Mapping[str, Sequence[str]]

    @property
    def shown(self) -> str:
        """Return its first complaint."""
        law, said = next(iter(self.wrong.items()))
        return f"{self.boundary}: {law}: {said[0]}"


def read_cells(folder: Path) -> list[Judged]:
    """Read and judge every cell that is there."""
    found = []
    for path in sorted(folder.glob("*/*.json")):
        if path.parent.name != "logs":
            cell = json.loads(path.read_text())
            found.append(Judged(cell["story"], cell["boundary"], complaints(cell)))
    return found


def memory_claims(folder: Path, stories: Iterable[str]) -> list[Claim]:
    """Return every claim of the memory half for these stories."""
    plan: Mapping[str, Sequence[str]] = json.loads((folder / "plan.json").read_text())["stories"]
    cells = read_cells(folder)
    chosen = tuple(stories)
    claims = [_story(story, plan.get(story, ()), [cell for cell in cells if cell.story == story]) for story in chosen]
    return [*claims, _every_step(cells, chosen), *(_law(law, cells) for law in listed.LAWS)]


def _story(story: str, planned: Sequence[str], cells: Sequence[Judged]) -> Claim:
    """Every boundary of a story has its death, and a new operator finished what it left."""
    by_name = {cell.boundary: cell for cell in cells}
    missing = [name for name in planned if name not in by_name]
    bad = [by_name[name] for name in planned if name in by_name and by_name[name].wrong]
    good = len(planned) - len(missing) - len(bad)
    shown = (*(f"{name}: missing" for name in missing[:MOST_SHOWN]), *(cell.shown for cell in bad[:MOST_SHOWN]))
    ok = bool(planned) and good == len(planned)
    return Claim(f"memory-{story}", ok, f"{good} of {len(planned)} boundaries", "every boundary, > 0", shown)


def _every_step(cells: Sequence[Judged], stories: Sequence[str]) -> Claim:
    """Every listed step of every kind was killed before and after its write and its effect."""
    hit: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
    for cell in cells:
        kind, step, act, *_, moment = cell.boundary.split(".")
        hit[kind, step, act == "write"].add(moment)
    kinds = {listed.STORIES[story] for story in stories}
    wanted = [(kind, step, is_write) for kind in kinds for step in listed.STEPS[kind] for is_write in (True, False)]
    wanted += [(kind, "End", True) for kind in kinds]
    missing = [
        f"{kind}.{step}: {'write' if is_write else 'effect'} {moment}"
        for kind, step, is_write in wanted
        for moment in ("before", "after")
        if moment not in hit[kind, step, is_write]
    ]
    measured = f"{2 * len(wanted) - len(missing)} of {2 * len(wanted)}"
    return Claim("memory-every-step", not missing and bool(wanted), measured, "all", tuple(missing[:MOST_SHOWN]))


def _law(law: str, cells: Sequence[Judged]) -> Claim:
    """A law held in every story that was told."""
    broken = [f"{cell.boundary}: {said}" for cell in cells for said in cell.wrong.get(law, ())]
    ok = not broken and bool(cells)
    measured = f"{len(broken)} times in {len(cells)} deaths"
    return Claim(f"memory-{law}", ok, measured, "0 times, > 0 deaths", tuple(broken[:MOST_SHOWN]))


def main(arguments: Sequence[str]) -> int:
    """Judge, print, write the report; return 0 where every claim holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", default="kill-matrix")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--only", choices=("memory", "bed"))
    parser.add_argument("--stories", default=",".join(listed.STORIES))
    options = parser.parse_args(arguments)
    claims: list[Claim] = []
    if options.only != "bed":
        claims += _or_broken("memory", lambda: memory_claims(options.folder / "cells", options.stories.split(",")))
    if options.only != "memory":
        claims += _or_broken("bed", lambda: bed_claims(options.folder / "bed"))
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
        for line in claim.evidence:
            print(f"       {line}")
    path = write_report(options.target, claims, seconds=options.seconds)
    failed = [claim.id for claim in claims if not claim.ok]
    print(
        f"{path}\n{len(claims) - len(failed)} passed, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}"
    )
    return 1 if failed or not claims else 0


def _or_broken(half: str, judged: Any) -> list[Claim]:  # noqa: ANN401
    """Return the claims of one half, or the one that says that its evidence is not whole."""
    try:
        found: list[Claim] = judged()
    except (OSError, KeyError, ValueError, IndexError) as problem:
        return [Claim(f"{half}-evidence", ok=False, measured=f"{problem!r}"[:300], bound="whole")]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
