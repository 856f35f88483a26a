"""Plays the deaths on real parts: ten planned switches on one bed, four power cuts with their returns on another."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from support.bed.clock import TimedOutError, monotonic_seconds, wait_until
from support.demo.stage import HEALTH_PORT, ROOT, Stage
from support.demo.story import CLIENT, NAMESPACE, PAIR
from support.demo.watcher import StoryStuckError, condition, finished
from support.kills import listed
from support.kills.clock import wall_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from support.bed.namespace import Process
    from support.kills.listed import BedCell

LEASE_SECONDS = "12"
DIES_SECONDS, FINISH_SECONDS = 90, 240


class DoomedStage(Stage):
    """The demo's stage, with an operator that comes to its end where it is told to."""

    interval_seconds = 30
    """Seldom enough that the first copy after a return is the one that the operator asks for, and it dies there."""

    @property
    def kills(self) -> Path:
        """Return the folder that the operator reads its end from."""
        return self.evidence / "kills"

    @override
    def start_operator(self, *, log: str = "operator.log", port: int = HEALTH_PORT) -> Process:
        """Start an operator that reads its end from the folder; it lives until it is told."""
        self.kills.mkdir(exist_ok=True)
        self.doom("")
        return self.bed.spawn(
            [sys.executable, "-m", "support.kills.bed_operator"],
            log=self.evidence / log,
            environment={
                **os.environ,
                "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'tests'}",
                "KILLS": str(self.kills),
                "MAESTRO_LEASE_SECONDS": LEASE_SECONDS,
                **self.belonging(port),
            },
        )

    def doom(self, pattern: str) -> None:
        """Tell the operator at which boundary it comes to its end; empty lets it live."""
        partial = self.kills / "end.partial"
        partial.write_text(pattern)
        partial.rename(self.kills / "end")

    def reached(self) -> list[dict[str, Any]]:
        """Return every boundary that the operators reached."""
        path = self.kills / "reached.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def await_death(self, seconds: float) -> dict[str, Any]:
        """Wait until the operator is dead, and return how it died."""
        process = self.operator
        wait_until(lambda: process.poll() is not None, timeout_seconds=seconds, what="the operator's death")
        return {"returncode": process.poll(), "at": wall_seconds()}


class BedHalf:
    """Two sessions, each on a bed of its own; what is done for this tree is not played again."""

    def __init__(self, folder: Path, *, tree: str, say: Callable[[str], None]) -> None:
        """Keep where the evidence goes."""
        self._folder, self._tree, self._say = folder, tree, say

    def play(self) -> None:
        """Play what is missing."""
        for name, play in (("planned", _planned), ("unplanned", _unplanned)):
            story = self._folder / name / "evidence" / "story.json"
            done = json.loads(story.read_text()) if story.exists() else {}
            if done.get("tree") == self._tree and done.get("told"):
                self._say(f"bed half: {name}: done already")
                continue
            self._session(name, play)

    def _session(self, name: str, play: Callable[[Session], None]) -> None:
        trouble = None
        with DoomedStage(self._folder / name, say=lambda text: self._say(f"{name}: {text}")) as stage:
            session = Session(stage, say=self._say)
            try:
                session.begin()
                play(session)
            except (StoryStuckError, TimedOutError) as problem:
                trouble = str(problem)
                self._say(f"{name}: ends here: {problem}")
            finally:
                stage.doom("")
            stage.keep_evidence()
            story = {"nodes": "real", "told": trouble is None, "trouble": trouble, "parts": session.cells}
            (stage.evidence / "story.json").write_text(json.dumps({"tree": self._tree, **story}, indent=1))
        shutil.rmtree(self._folder / name / "plane", ignore_errors=True)


class Session:
    """One bed, one pair, one client, and one death after the other."""

    def __init__(self, stage: DoomedStage, *, say: Callable[[str], None]) -> None:
        """Keep the stage."""
        self._stage, self._say = stage, say
        self._operators = 1
        self.cells: list[dict[str, Any]] = []

    def begin(self) -> None:
        """Activate node a, let a client write, and wait for the first copy."""
        self._stage.kubectl("apply", "-f", "-", input_text=self._stage.pair())
        self._until(lambda status: finished(status, "Activate"), "the activation", seconds=90)
        self._stage.start_client(CLIENT)
        self._stage.await_writes(CLIENT, more=20, seconds=30)
        self._protected()

    @property
    def status(self) -> dict[str, Any]:
        """Return the pair's status as it is watched."""
        found: dict[str, Any] = self._stage.watcher.newest().get("status") or {}
        return found

    @property
    def active(self) -> str:
        """Return the active node."""
        return str(self.status["activeNode"])

    def switch(self, cell: BedCell) -> None:
        """Order the other node, and let the operator die on the way."""
        wanted = "b" if self.active == "a" else "a"
        self._acknowledge()
        before = _newest(self.status)
        self._stage.doom(cell.boundary)
        self._patch({"activeNode": wanted})
        self._die(cell)
        self._until(
            lambda status: status.get("activeNode") == wanted and "episode" not in status and _newest(status) != before,
            f"{cell.name}: the switch",
            seconds=FINISH_SECONDS,
        )
        self._protected()
        self._stage.await_writes(CLIENT, more=10, seconds=60)

    def cut(self, fence: BedCell, rejoin: BedCell) -> None:
        """Cut the active node's power, and let the operator die in the failover and in the rejoin."""
        lost, wanted = self.active, "b" if self.active == "a" else "a"
        self._stage.doom(fence.boundary)
        self._stage.bed.nodes[lost].power_cut()
        self._die(fence)
        self._until(
            lambda status: status.get("activeNode") == wanted and "episode" not in status,
            f"{fence.name}: the failover",
            seconds=FINISH_SECONDS,
        )
        self._stage.await_writes(CLIENT, more=10, seconds=60)
        self._stage.doom(rejoin.boundary)
        self._stage.bed.nodes[lost].power_on()
        self._die(rejoin)
        self._protected(seconds=FINISH_SECONDS)
        self._patch({"activeNode": wanted})
        self._acknowledge()
        self._stage.await_writes(CLIENT, more=10, seconds=60)

    def _die(self, cell: BedCell) -> None:
        """Wait for the death, keep how it was, and start another operator."""
        began = monotonic_seconds()
        death = self._stage.await_death(DIES_SECONDS)
        last = self._stage.reached()[-1]
        self._say(f"{cell.name}: killed at {last['boundary']}")
        self.cells.append({"cell": cell.name, "pattern": cell.boundary, "last": last, **death})
        self._operators += 1
        self._stage.operator = self._stage.start_operator(log=f"operator-{self._operators}.log")
        self.cells[-1]["seconds"] = round(monotonic_seconds() - began, 3)

    def _acknowledge(self) -> None:
        """Say that the last moves were meant, so that neither the third nor the next failover is held back."""
        moves = [item["id"] for item in self.status.get("history", ()) if item["kind"] in ("Switchover", "Failover")]
        if moves:
            self._patch({"answers": [{"episode": episode, "say": "Acknowledge"} for episode in moves[:2]]})

    def _patch(self, spec: dict[str, Any]) -> None:
        patch = json.dumps({"spec": spec})
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", patch)

    def _protected(self, *, seconds: float = 120) -> None:
        self._until(
            lambda status: condition(status, "Protected") == "True" and "episode" not in status,
            "Protected",
            seconds=seconds,
        )

    def _until(self, wanted: Callable[[dict[str, Any]], bool], what: str, *, seconds: float) -> None:
        self._stage.watcher.until(wanted, what=what, seconds=seconds)


def _newest(status: dict[str, Any]) -> str:
    """Return the id of the newest finished move."""
    moves = (item["id"] for item in status.get("history", ()) if item["kind"] in ("Switchover", "Failover"))
    return next(moves, "")


def _planned(session: Session) -> None:
    for cell in _chosen(listed.PLANNED):
        session.switch(cell)


def _unplanned(session: Session) -> None:
    for fence, rejoin in listed.UNPLANNED:
        session.cut(fence, rejoin)


def _chosen(cells: Sequence[BedCell]) -> Sequence[BedCell]:
    """Return the cells that CELLS names, or all."""
    names = [name for name in os.environ.get("CELLS", "").split(",") if name]
    return [cell for cell in cells if not names or cell.name in names]
