"""`make fence-matrix`: plays every cell, judges what happened, writes build/fence-matrix.json and the docs' table.

`CELLS=a,b` plays only these; `BREAK=believe-the-order` plants a driver that takes an order for an observation;
`list` prints the claims' ids.
"""

import argparse
import asyncio
import shutil
import sys

from support.bed import Bed, clock
from support.fencematrix.cells import CELLS
from support.report import BUILD, write_report

FOLDER = BUILD / "fence-matrix"


def main() -> int:
    """Plays and judges, and returns 0 where every claim holds."""
    parser = argparse.ArgumentParser(prog="support.fencematrix", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("play", "list", "table"), default="play")
    parser.add_argument("--cells", default="")
    parser.add_argument("--break", dest="fault", default="", choices=("", "believe-the-order"))
    options = parser.parse_args()
    if options.what == "list":
        from support.fencematrix.judge import claim_ids  # noqa: PLC0415 - listing needs nothing else

        print("\n".join(claim_ids()))
        return 0
    if options.what == "table":
        from support.fencematrix import table  # noqa: PLC0415

        table.write()
        return 0
    return _play(options)


def _play(options: argparse.Namespace) -> int:
    from support.fencematrix import judge, play  # noqa: PLC0415 - listing needs no operator

    wanted = [item for item in options.cells.split(",") if item]
    cells = [cell for cell in CELLS if not wanted or cell.id in wanted]
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    began = clock.monotonic_nanoseconds()
    with Bed.up(FOLDER / "bed") as bed, bed.network():
        for cell in cells:
            asyncio.run(play.tell(cell, bed=bed, folder=FOLDER, fault=options.fault))
            found = judge.found(FOLDER, cell)
            print(judge.line(cell, found), flush=True)
    claims = judge.claims(FOLDER, cells)
    seconds = (clock.monotonic_nanoseconds() - began) / 1e9
    path = write_report("fence-matrix", claims, seconds=seconds)
    bad = [claim for claim in claims if not claim.ok]
    for claim in bad:
        print(f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}")
    print(f"{len(claims) - len(bad)} of {len(claims)} claims hold, {seconds:.0f} s: {path}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
