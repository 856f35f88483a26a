"""`make chaos SEED= MINUTES=`: plays, keeps the evidence, judges it, and writes build/chaos-SEED.json.

BREAK=no-guard takes the nodes' guards away, and then a violation must be found within ten minutes.
CELLS="Rest/deleted Fence/bmc" plays until these cells are struck, and no longer: to look at one of them again.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock, rootfs
from support.chaos import canaries, report
from support.chaos.chronicle import Chronicle
from support.chaos.game import Game, StuckError
from support.chaos.hands import Hands
from support.chaos.lookout import Lookout
from support.chaos.phases import LISTED
from support.chaos.plan import empty_cells
from support.chaos.planted import BREAKS
from support.chaos.repository import Repository
from support.chaos.stage import ChaosStage
from support.chaos.verdict import judge, read_evidence
from support.chaos.watch import Watch
from support.controlplane import obtain_programs
from support.judge.database import Postgres
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.chaos.phases import Cell

ROOT = Path(__file__).resolve().parents[3]
BAD_USAGE = 2
BEGAN = clock.monotonic_seconds()


def say(text: str) -> None:
    """Print one line with the seconds since the beginning."""
    print(f"[{clock.monotonic_seconds() - BEGAN:7.1f}] {text}", flush=True)


def main(environment: Mapping[str, str]) -> int:
    """Play one seed for some minutes and judge it; 0 when every claim holds."""
    try:
        seed, minutes = int(environment.get("SEED") or 1), float(environment.get("MINUTES") or 20)
    except ValueError as problem:
        print(f"SEED and MINUTES are numbers: {problem}", file=sys.stderr)
        return BAD_USAGE
    fault = environment.get("BREAK", "")
    if fault not in BREAKS:
        print(f"BREAK={fault}: choose one of {' '.join(item for item in BREAKS if item)}", file=sys.stderr)
        return BAD_USAGE
    rootfs.ensure()
    for tools in ("control-plane", "helm"):
        obtain_programs(tools, report=say)
    wanted = environment.get("CELLS", "").split()
    listed = tuple(cell for cell in LISTED if not wanted or "/".join(cell) in wanted)
    if len(listed) < len(wanted):
        print(f"CELLS are some of: {' '.join('/'.join(cell) for cell in LISTED)}", file=sys.stderr)
        return BAD_USAGE
    target = f"chaos-{fault}-{seed}" if fault else f"chaos-{seed}"
    target += "-cells" if wanted else ""
    directory = ROOT / "build" / target
    chronicle, secret = play(directory, seed=seed, minutes=minutes, fault=fault, listed=listed)
    asked = listed if wanted or minutes >= report.FULL_MINUTES else ()
    claims = _judged(directory / "evidence", chronicle, secret=secret, asked=asked)
    return report.publish(
        target, claims, chronicle=chronicle, seed=seed, minutes=minutes, seconds=clock.monotonic_seconds() - BEGAN
    )


def play(directory: Path, *, seed: int, minutes: float, fault: str, listed: Sequence[Cell]) -> tuple[Chronicle, Claim]:
    """Bring everything up, play rounds until the time is over, and keep the evidence."""
    with ChaosStage(directory, say=say) as stage, ExitStack() as undo:
        chronicle = Chronicle(stage.evidence / "chaos.jsonl", say=say)
        chronicle.note("begin", seed=seed, minutes=minutes, fault=fault)
        stage.watcher.stop()
        watch = Watch(stage.bed, stage.plane.admin_kubeconfig, folder=directory / "watch")
        undo.callback(watch.stop)
        lookout = Lookout(stage.bed, chronicle, process_list=stage.evidence / "processes.txt")
        undo.callback(lookout.stop)
        repository = Repository(stage, directory / "repository")
        undo.callback(repository.stop)
        hands = Hands(stage)
        game = Game(stage, watch, hands, chronicle=chronicle, repository=repository, lookout=lookout, listed=listed)
        try:
            game.begin()
            BREAKS[fault](stage)
            ends = clock.monotonic_seconds() + 60 * minutes
            for number in _rounds(ends, chronicle, until_filled=listed if listed != LISTED else ()):
                game.play(seed, number)
                if fault and (lookout.violations or chronicle.findings):
                    say(f"the planted fault was found in round {number}")
                    break
        except StuckError as stuck:
            chronicle.finding("Stuck", str(stuck))
        except Exception as surprise:  # noqa: BLE001 - what was seen until then is judged all the same
            chronicle.finding("Surprise", f"{surprise!r}: {traceback.format_exc(limit=-4)}"[:900])
        chronicle.note("lookout", samples=lookout.samples, moves_audited=game.moves_audited)
        repository.stop()
        values = canaries.canaries(stage.bed)
        stage.keep_all(hands)
        secret = canaries.claim(values, stage.evidence)
        (stage.evidence / "root-file-system").write_text(str(rootfs.ensure()))
    return chronicle, secret


def _rounds(ends: float, chronicle: Chronicle, *, until_filled: Sequence[Cell]) -> Iterator[int]:
    """Yield the rounds' numbers until the time is over, or until these cells are struck."""
    for number in count(1):
        if clock.monotonic_seconds() >= ends or (until_filled and not empty_cells(chronicle.counts, until_filled)):
            return
        yield number


def _judged(folder: Path, chronicle: Chronicle, *, secret: Claim, asked: Sequence[Cell]) -> list[Claim]:
    claims = [secret, report.surprises(chronicle)]
    claims += report.filled(chronicle.counts, asked)
    try:
        machine = Postgres()
        postgres = machine if machine.binaries.exists() else Postgres(root=rootfs.ensure())
        claims += judge(read_evidence(folder, postgres))
    except Exception as problem:  # noqa: BLE001 - evidence that cannot be read is a claim that failed
        claims.append(Claim("evidence-is-whole", ok=False, measured=f"{problem!r}"[:300], bound="whole"))
    shutil.rmtree(folder / "disks", ignore_errors=True) if all(claim.ok for claim in claims) else None
    (folder / "findings.json").write_text(json.dumps(chronicle.findings, indent=2))
    return claims


if __name__ == "__main__":
    sys.exit(main(os.environ))
