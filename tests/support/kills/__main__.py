"""`make kill-matrix`: plays every cell that is not done yet for this tree, and judges the evidence of all.

BREAK=NAME plants a fault into the operator under test: then the matrix must fail, and it must name a claim that the
fault is meant for. ONLY=memory|bed plays one half; STORIES=a,b plays these stories of the memory half.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from support.bed.clock import monotonic_seconds
from support.kills import listed
from support.kills.bed_half import BedHalf
from support.kills.breaks import BREAKS
from support.kills.memory_half import MemoryHalf
from support.report import BUILD, ROOT, tree

BAD_USAGE = 2
BEGAN = monotonic_seconds()


def say(text: str) -> None:
    """Print one line with the seconds since the beginning."""
    print(f"[{monotonic_seconds() - BEGAN:6.1f}] {text}", flush=True)


def main() -> int:
    """Play and judge; return 0 where every claim holds."""
    fault, only = os.environ.get("BREAK", ""), os.environ.get("ONLY", "")
    if fault not in BREAKS or only not in ("", "memory", "bed"):
        print(f"BREAK={fault} ONLY={only}: choose BREAK from {' '.join(filter(None, BREAKS))}, ONLY from memory, bed")
        return BAD_USAGE
    sound = BREAKS[fault]()
    stories = tuple(os.environ.get("STORIES", ",".join(sound.stories or listed.STORIES)).split(","))
    target = f"kill-matrix-{fault}" if fault else "kill-matrix"
    only = "memory" if fault else only
    folder, now = BUILD / target, tree()
    if only != "bed":
        MemoryHalf(folder / "cells", tree=now, fault=fault, say=say).play(stories)
    if only != "memory":
        BedHalf(folder / "bed", tree=now, say=say).play()
    command = [sys.executable, "-m", "support.kills.judge", str(folder), "--target", target]
    command += ["--seconds", f"{monotonic_seconds() - BEGAN:.3f}", "--stories", ",".join(stories)]
    command += ["--only", only] if only else []
    judged = subprocess.run(command, check=False, timeout=600, cwd=ROOT).returncode
    return judged if not fault else _caught(target, sound.catches, judged)


def _caught(target: str, catches: tuple[str, ...], judged: int) -> int:
    """Say whether a planted fault made one of the claims fail that are meant for it; the matrix fails either way."""
    claims = json.loads((BUILD / f"{target}.json").read_text())["claims"]
    failed = {claim["id"] for claim in claims if not claim["ok"]}
    caught = sorted(failed & set(catches))
    print(f"the planted fault was {'caught by ' + ', '.join(caught) if caught else 'NOT caught'}")
    return judged or BAD_USAGE


if __name__ == "__main__":
    sys.exit(main())
