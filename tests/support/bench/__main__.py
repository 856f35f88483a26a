"""`python -m support.bench`: measures, prints ratios beside their goals, and records them in bench/results.json.

SIZES=10,100 chooses the sizes of the fleets, FULL=1 takes the largest; ONLY=parts prints the parts and records nothing.
BREAK=asleep plants an operator that is stopped while it is measured; the command must then fail.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock
from support.bench import cost, parts
from support.bench.judge import judged, missed
from support.bench.record import BENCH, recorded
from support.bench.stage import LEAST_SHARED, Stage, served
from support.controlplane import ControlPlane
from support.report import BUILD, write_report

if TYPE_CHECKING:
    from support.bench.cost import Cost
    from support.bench.figures import Figure

TARGET = "bench"
SIZES, FULL_SIZES = (10, 100, 300), (10, 100, 1000, 5000)
USAGE = 2


def main() -> int:
    """Measure, judge and record; return 0 where every measure is whole, whether its goal was met or not."""
    planted, only = os.environ.get("BREAK", ""), os.environ.get("ONLY", "")
    if planted not in ("", "asleep") or only not in ("", "parts"):
        print("bench: BREAK is asleep, ONLY is parts", file=sys.stderr)
        return USAGE
    began, load = clock.monotonic_seconds(), os.getloadavg()[0]
    default = FULL_SIZES if os.environ.get("FULL") == "1" else SIZES
    sizes = tuple(int(word) for word in os.environ.get("SIZES", "").split(",") if word) or default
    figures = list(parts.measured())
    if only:
        print(*(_line(figure) for figure in figures), sep="\n")
        return 0
    # Nothing is put beside the code before it was said which code was measured.
    folder = BUILD / TARGET
    shutil.rmtree(folder, ignore_errors=True)
    costs = [_fleet(size, folder, planted=planted) for size in sizes]
    figures += cost.figures(costs)
    seconds = clock.monotonic_seconds() - began
    noise = {"loadBefore": load, "loadAfter": os.getloadavg()[0]}
    results = recorded(figures, costs, seconds=seconds, noise=noise, folder=folder)
    claims = judged(results, root=folder)
    write_report(TARGET, claims, seconds=seconds)
    if not planted:
        shutil.copytree(folder / BENCH.name, BENCH, dirs_exist_ok=True)
    print(*(_line(figure) for figure in figures), sep="\n")
    print(*(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id:<10} {claim.measured}" for claim in claims), sep="\n")
    print(f"{BENCH.name}/results.json: {len(missed(results))} goals missed: {', '.join(missed(results)) or 'none'}")
    return 0 if all(claim.ok for claim in claims) else 1


def _fleet(size: int, results: Path, *, planted: str) -> Cost:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with ControlPlane.start(folder / "plane", own_processes=True) as plane:
            served(plane)
            stage = Stage(plane, folder, pairs=size, asleep=planted == "asleep")
            try:
                found = stage.played()
            finally:
                stage.end()
        profile = results / BENCH.name / "profiles" / f"fleet-{size}.txt"
        profile.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / f"fleet-{size}.profile", profile)
    print(f"{size} pairs: settled in {found.settled_seconds:.0f} s", flush=True)
    if size >= LEAST_SHARED:
        found.shard_pairs, found.shard_cores = _share(size)
    return replace(found, profile=str(profile.relative_to(results)))


def _share(size: int) -> tuple[int, list[float]]:
    """Measures one of two shares of so many pairs on an API server of its own: its nodes, too, begin anew."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with ControlPlane.start(folder / "plane", own_processes=True) as plane:
            served(plane)
            stage = Stage(plane, folder, pairs=size)
            try:
                return stage.shared()
            finally:
                stage.end()


def _line(figure: Figure) -> str:
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    ratio = f"  {figure.ratio.median:.2f} x {figure.against}" if figure.ratio is not None else ""
    spread = figure.spread
    return f"{figure.id:<26} {spread.min:.4g} / {spread.median:.4g} / {spread.max:.4g} {figure.unit}{ratio}  {verdict}"


if __name__ == "__main__":
    sys.exit(main())
