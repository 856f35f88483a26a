"""`make mirror`: plays the parts on two machines, judges them from raw evidence, writes build/mirror.json.

PARTS=a,b plays only these, and leaves build/mirror-part.json; BREAK=name plants a fault that the judge must find;
`judge` judges what was played before; `list` prints the ids of all claims of a full run.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.mirror.parts import BY_ID, claim_ids
from support.report import BUILD, write_report

if TYPE_CHECKING:
    from pathlib import Path

TARGET = "mirror"
FAULTS = {"force": ("power-cut",), "early-ack": ("power-cut",), "no-image": ("power-cut",)}
"""What BREAK plants, and the parts in which it shows."""


def main() -> int:
    """Play and judge; return 0 where every claim holds."""
    parser = argparse.ArgumentParser(prog="support.mirror", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("play", "judge", "list"), default="play")
    parser.add_argument("--parts", default="")
    parser.add_argument("--break", dest="fault", default="", choices=("", *FAULTS))
    options = parser.parse_args()
    if options.what == "list":
        print("\n".join(claim_ids()))
        return 0
    wished = tuple(name for name in options.parts.split(",") if name)
    if unknown := [name for name in wished if name not in BY_ID]:
        raise SystemExit(f"PARTS are {', '.join(BY_ID)}, not {', '.join(unknown)}")
    names = wished or FAULTS.get(options.fault, tuple(BY_ID))
    target = f"{TARGET}-{options.fault}" if options.fault else TARGET if names == tuple(BY_ID) else f"{TARGET}-part"
    folder, began = BUILD / target, clock.monotonic_seconds()
    if options.what == "play":
        _play(names, folder=folder, fault=options.fault)
    return _judge(names, target=target, folder=folder, seconds=clock.monotonic_seconds() - began)


def _play(names: tuple[str, ...], *, folder: Path, fault: str) -> None:
    from support.bed import Bed  # noqa: PLC0415 - judging needs no bed
    from support.mirror import play  # noqa: PLC0415

    began = clock.monotonic_seconds()

    def say(text: str) -> None:
        print(f"[{clock.monotonic_seconds() - began:6.1f}] {text}", flush=True)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Bed.up(folder / "bed", kind="machine") as bed:
        say("two machines are up")
        try:
            with bed.network():
                asyncio.run(play.tell(bed, names, folder=folder, fault=fault, say=say))
        except (play.PartFailedError, clock.TimedOutError, TimeoutError, AssertionError) as problem:
            # What was not played to its end is a claim that does not hold.
            say(f"ends here: {type(problem).__name__}: {problem}")
        finally:
            play.keep(bed, folder)
    shutil.rmtree(folder / "bed", ignore_errors=True)


def _judge(names: tuple[str, ...], *, target: str, folder: Path, seconds: float) -> int:
    from support.mirror.judge import claims  # noqa: PLC0415

    made = claims(folder, names)
    path = write_report(target, made, seconds=seconds)
    bad = [claim for claim in made if not claim.ok]
    for claim in bad:
        print(f"NOT TRUE: {claim.id}: measured {claim.measured}, bound {claim.bound}")
    print(f"{len(made) - len(bad)} of {len(made)} claims hold, {seconds:.0f} s: {path}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
