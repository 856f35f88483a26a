"""`make e2e DRIVER=rsync`: plays every cell with a driver, judges from raw evidence, writes build/e2e-<driver>.json.

CELLS=a,b plays only these, and leaves build/e2e-<driver>-part.json; BREAK=forget plants a disk that lost a second of
what was acknowledged, and is caught; `judge` judges what was played before; `list` prints the ids of all claims.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock
from support.driven.cells import DRIVERS, cells_of, claim_ids
from support.judge.database import Postgres
from support.report import BUILD, write_report

if TYPE_CHECKING:
    from support.driven.cells import Driver

FAULTS = ("forget",)
FORGOTTEN = 20
"""How many of the newest records the planted fault takes from the survivor's disk."""


def main() -> int:
    """Play and judge; return 0 where every claim holds."""
    parser = argparse.ArgumentParser(prog="support.driven", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("play", "judge", "list"), default="play")
    parser.add_argument("--driver", choices=DRIVERS, default="rsync")
    parser.add_argument("--cells", default="")
    parser.add_argument("--break", dest="fault", default="", choices=("", *FAULTS))
    options = parser.parse_args()
    if options.what == "list":
        print("\n".join(claim_ids(driver=options.driver)))
        return 0
    names = tuple(name for name in options.cells.split(",") if name)
    every = cells_of(options.driver)
    if unknown := [name for name in names if name not in every]:
        raise SystemExit(f"CELLS are {', '.join(every)}, not {', '.join(unknown)}")
    names = names or (("switchover",) if options.fault else every)
    suffix = f"-{options.fault}" if options.fault else "" if names == every else "-part"
    target = f"e2e-{options.driver}{suffix}"
    began = clock.monotonic_seconds()
    if options.what == "play":
        _play(options.driver, names, target=target)
        if options.fault:
            (forget_rows if options.driver == "command" else forget)(BUILD / target / "evidence")
    return _judge(options.driver, names, target=target, seconds=clock.monotonic_seconds() - began)


def _play(driver: Driver, names: tuple[str, ...], *, target: str) -> None:
    from support.driven import play  # noqa: PLC0415 - judging needs no bed
    from support.driven.stages import stage_of  # noqa: PLC0415

    began = clock.monotonic_seconds()

    def say(text: str) -> None:
        print(f"[{clock.monotonic_seconds() - began:6.1f}] {text}", flush=True)

    play.tell(stage_of(driver), names, folder=BUILD / target, say=say)
    for part in ("plane", "bed"):
        shutil.rmtree(BUILD / target / part, ignore_errors=True)


def forget(folder: Path) -> None:
    """Take the newest records from the survivor's disk: what a driver that loses unseen leaves behind."""
    active = json.loads((folder / "pair.json").read_text())["status"]["activeNode"]
    records = (folder / "disks" / active / "maestro" / "files" / "lui" / "records").glob("*/*.json")
    for path in sorted(records, key=lambda path: int(path.stem))[-FORGOTTEN:]:
        path.unlink()


def forget_rows(folder: Path) -> None:
    """Take the newest records from what is read of the survivor's rows, as a standby that was behind would have."""
    (folder / "forgotten").write_text(f"{FORGOTTEN}\n")


def _judge(driver: Driver, names: tuple[str, ...], *, target: str, seconds: float) -> int:
    from support.driven import judge  # noqa: PLC0415

    folder = BUILD / target / "evidence"
    postgres = Postgres()
    if not postgres.binaries.exists():
        postgres = Postgres(root=Path((folder / "root-file-system").read_text().strip()))
    evidence = judge.read(folder, postgres, rows_alone=driver == "command")
    print(f"\n{judge.printed(judge.lines(evidence, names), names)}\n")
    made = judge.claims(evidence, names, driver=driver)
    path = write_report(target, made, seconds=seconds)
    bad = [claim for claim in made if not claim.ok]
    for claim in bad:
        print(
            f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}: {'; '.join(claim.evidence)[:300]}"
        )
    print(f"{len(made) - len(bad)} of {len(made)} claims hold, {seconds:.0f} s: {path}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
