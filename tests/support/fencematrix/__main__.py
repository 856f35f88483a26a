"""`make fence-matrix`: plays every cell that is not done for this tree, judges all, writes build/fence-matrix.json.

`make fence-storage` does the same with the cells of one disk for both nodes, and writes build/fence-storage.json.
`CELLS=a,b` plays only these; `BREAK=believe-the-order` plants a driver that takes an order for an observation;
`list` prints the claims' ids; `table` writes the docs' tables from the committed report.
"""

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.bed import Bed, clock
from support.bed.description import Kind
from support.fencematrix.cells import CELLS, STORAGE_CELLS, Cell
from support.report import BUILD, tree, write_report

MATRIX = "fence-matrix"
MATRICES = {MATRIX: CELLS, "fence-storage": STORAGE_CELLS}
"""Each report's cells."""
DONE = "done.json"
UNSURE = ("-dirty", "unknown")
"""How a tree ends of which nothing can be kept."""


def main() -> int:
    """Plays and judges, and returns 0 where every claim holds."""
    parser = argparse.ArgumentParser(prog="support.fencematrix", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("play", "list", "table"), default="play")
    parser.add_argument("--of", default=MATRIX, choices=tuple(MATRICES))
    parser.add_argument("--cells", default="")
    parser.add_argument("--break", dest="fault", default="", choices=("", "believe-the-order"))
    options = parser.parse_args()
    if options.what == "list":
        from support.fencematrix.judge import claim_ids  # noqa: PLC0415 - listing needs nothing else

        print("\n".join(claim_ids(_wanted(options))))
        return 0
    if options.what == "table":
        from support.fencematrix import table  # noqa: PLC0415

        table.write()
        return 0
    return _play(options)


def _wanted(options: argparse.Namespace) -> list[Cell]:
    """Returns the cells that were asked for, all where none was."""
    names = [item for item in options.cells.split(",") if item]
    return [cell for cell in MATRICES[options.of] if not names or cell.id in names]


def _play(options: argparse.Namespace) -> int:
    from support.fencematrix import judge  # noqa: PLC0415 - listing needs no operator

    cells = _wanted(options)
    target = f"{options.of}-{options.fault}" if options.fault else options.of
    folder = BUILD / target
    _play_missing(cells, folder=folder, fault=options.fault)
    claims = judge.claims(folder, cells)
    seconds = sum(float(_done(folder / cell.id)["seconds"]) for cell in cells)
    path = write_report(target, claims, seconds=seconds)
    bad = [claim for claim in claims if not claim.ok]
    for claim in bad:
        print(f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}")
    print(f"{len(claims) - len(bad)} of {len(claims)} claims hold, {seconds:.0f} s: {path}")
    return 1 if bad else 0


def _play_missing(cells: Sequence[Cell], *, folder: Path, fault: str) -> None:
    """Plays every cell that was not played to its end with exactly this tree."""
    from support.fencematrix import disk_play, judge, play  # noqa: PLC0415 - listing needs no operator

    now = tree()
    missing = [cell for cell in cells if _done(folder / cell.id).get("tree") != now or now.endswith(UNSURE)]
    for name in dict.fromkeys(cell.bed for cell in missing):
        has_storage = name == "bed-storage"
        kind: Kind = "machine" if has_storage else "container"
        with Bed.up(folder / name, routed=name != "bed", kind=kind) as bed, bed.network():
            stage = disk_play.Stage(bed, folder=folder) if has_storage else None
            for cell in (item for item in missing if item.bed == name):
                began, place = clock.monotonic_seconds(), folder / cell.id
                shutil.rmtree(place, ignore_errors=True)
                asyncio.run(play.tell(cell, bed=bed, folder=folder, fault=fault, stage=stage))
                for part in ("power.jsonl", "bmc.jsonl"):
                    shutil.copyfile(bed.evidence / part, place / part)
                seconds = round(clock.monotonic_seconds() - began, 3)
                (place / DONE).write_text(json.dumps({"tree": now, "seconds": seconds}))
                print(judge.line(cell, judge.found(folder, cell)), flush=True)


def _done(place: Path) -> dict[str, Any]:
    """Returns what was written at the end of a cell, nothing where it did not come to it."""
    path = place / DONE
    return dict(json.loads(path.read_text())) if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
