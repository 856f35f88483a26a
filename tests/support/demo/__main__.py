"""`make demo`: plays the story, keeps the evidence, lets the judge judge it, and prints what came of it.

BREAK=NAME plants a fault, and then the demo must fail; KEEP=1 leaves everything running at the end.
MAESTRO_DEMO=real|memory forces real parts or memory nodes; without it real parts come first, and memory nodes
where they cannot be made.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from support.bed import clock, rootfs
from support.controlplane import ControlPlane, obtain_programs
from support.demo import memory_report
from support.demo.faults import FAULTS, HarmDoneError
from support.demo.memory_choice import MemoryNodes, RealNodes, Refusal, choose, problems_here
from support.demo.memory_stage import MemoryAccidents, MemoryStage
from support.demo.stage import Stage
from support.demo.story import NAMESPACE, PAIR, Story
from support.demo.watcher import StoryStuckError

if TYPE_CHECKING:
    from types import FrameType

    from support.demo.story import SceneT

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = 540
BAD_USAGE = 2
WRITABLE = "make both yours, or set MAESTRO_CACHE to a folder of yours"


def say(text: str) -> None:
    """Print one line with the seconds since the beginning."""
    lead, body = (text[: len(text) - len(text.lstrip("\n"))], text.lstrip("\n"))
    print(f"{lead}[{clock.monotonic_seconds() - BEGAN:6.1f}] {body}", flush=True)


BEGAN = clock.monotonic_seconds()


def main() -> int:
    """Play, judge, and return the exit code: 0 when every claim holds."""
    name = os.environ.get("BREAK", "")
    if name not in FAULTS:
        print(f"BREAK={name}: choose one of {' '.join(item for item in FAULTS if item)}", file=sys.stderr)
        return BAD_USAGE
    choice = choose(os.environ, look=problems_here)
    if isinstance(choice, Refusal):
        print(choice.text, file=sys.stderr)
        return BAD_USAGE
    print(_headline(choice), flush=True)
    try:
        _build_first(choice)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(LIMIT_SECONDS)
        return _with_real_parts(name) if isinstance(choice, RealNodes) else _with_memory_nodes(choice.why)
    except PermissionError as error:
        if isinstance(choice, RealNodes):
            raise
        print(f"{error}\nmake demo writes to build/, and to the cache what is not built: {WRITABLE}", file=sys.stderr)
        return BAD_USAGE


def _headline(choice: RealNodes | MemoryNodes) -> str:
    if isinstance(choice, RealNodes):
        return "The demo, on real parts: two systemd nodes, a real API server, real fencing, a real name server."
    return f"The demo, with memory nodes on a real API server: {choice.why}"


def _build_first(choice: RealNodes | MemoryNodes) -> None:
    """Build what is built once and is not the story; after that nothing may take long.

    The nodes' root waits for packages while the compiler waits for nothing, so they are built side by side.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        root = beside.submit(rootfs.ensure) if isinstance(choice, RealNodes) else None
        for tools in ("control-plane", "helm"):
            obtain_programs(tools, report=say)
        if root is not None:
            root.result()


def _with_real_parts(name: str) -> int:
    target = f"demo-{name}" if name else "demo"
    directory = ROOT / "build" / target
    with Stage(directory, say=say) as stage:
        told, parts = _play(Story(stage, FAULTS[name](), say=say))
        if os.environ.get("KEEP") == "1":
            return keep(stage, trouble=told)
        say("\nEvidence: disks after power-off, every log, what the clients were told")
        stage.keep_evidence()
    story = {"nodes": "real", "told": told is None, "trouble": told, "break": name, "parts": parts}
    (directory / "evidence" / "story.json").write_text(json.dumps(story, indent=2))
    return _judge(directory / "evidence", target)


def _with_memory_nodes(why: str) -> int:
    """Play without root; what comes of it is judged at once, for it leaves no evidence of real parts."""
    directory = ROOT / "build" / "demo"
    with MemoryStage(directory, say=say) as stage:
        trouble, parts = _play(Story(stage, MemoryAccidents(), say=say))
        if os.environ.get("KEEP") == "1":
            return keep(stage, trouble=trouble)
        stage.keep_evidence()
    told = memory_report.Told(why, trouble, parts=parts, history=stage.history, living=stage.living)
    story = {"nodes": "memory", "told": trouble is None, "trouble": trouble, "break": "", "parts": parts}
    (directory / "evidence" / "story.json").write_text(json.dumps(story, indent=2))
    return memory_report.publish(told, seconds=clock.monotonic_seconds() - BEGAN)


def _play(story: Story[SceneT]) -> tuple[str | None, list[dict[str, object]]]:
    try:
        story.play()
    except (StoryStuckError, HarmDoneError, clock.TimedOutError) as trouble:
        say(f"  the story ends here: {trouble}")
        return str(trouble), story.parts
    return None, story.parts


class Kept(Protocol):
    """What somebody needs who goes on by himself."""

    plane: ControlPlane

    def outside_kubeconfig(self) -> Path:
        """Return an admin kubeconfig that works on this machine."""


def keep(stage: Kept, *, trouble: str | None) -> int:
    """Leave everything running until a signal, and say how to use it; return 1 where the story got stuck."""
    signal.alarm(0)
    if trouble is not None:
        print(f"\nThe story did not come to its end: {trouble}")
    print(f"\nEverything runs on. In another terminal:\n  export KUBECONFIG={stage.outside_kubeconfig()}")
    print(f"  {stage.plane.kubectl} -n {NAMESPACE} get mp {PAIR} -o wide --watch")
    print(f"  .venv/bin/kubectl-maestro -n {NAMESPACE} status {PAIR}")
    print(
        "Ctrl-C ends it. What was kept running is not judged, for you may change it: without KEEP=1 it is.", flush=True
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    over.wait()
    print("taking it down")
    return 0 if trouble is None else 1


def _judge(evidence: Path, target: str) -> int:
    """Run the judge as a program of its own: it sees the evidence and nothing else."""
    command = [sys.executable, "-m", "support.judge.verify", str(evidence), "--target", target]
    seconds = f"{clock.monotonic_seconds() - BEGAN:.3f}"
    return subprocess.run([*command, "--seconds", seconds], check=False, timeout=120).returncode


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"the demo did not end within {LIMIT_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main())
