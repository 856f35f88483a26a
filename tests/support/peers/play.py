"""One accident of one side at a time, with a client that writes all the while; what came of it is judged afterwards.

Every side is dealt the same: the client asks as long before and after, an accident lasts until the service is back and
three seconds more, and what is kept is read in the same way.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock
from support.peers.service import SCRIPT_SECONDS, TICKS, other

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.bed.client import Bed
    from support.peers.sides import Side

TESTS = Path(__file__).resolve().parents[2]
PLANNED, DEATH, CUT, FREEZE, PARTITION, LINK = "planned", "death", "power-cut", "freeze", "partition", "link"
KINDS = (PLANNED, DEATH, CUT, FREEZE, PARTITION, LINK)
BEFORE_SECONDS = 6.0
"""Longer than the time between two copies, so that what is lost is seen whole."""
BEFORE_PLANNED_SECONDS = 2.0
SERVE_SECONDS = 30.0
MOVE_SECONDS = 60.0
"""For which an accident that is not mended by itself lasts."""
LONGER_SECONDS = 3.0
LINK_SECONDS = 12.0
STEADY = 50
"""Answers in a row after which a service is back."""
NANOSECONDS = 1_000_000_000


class Player:
    """The accidents of one side on a bed."""

    def __init__(self, side: Side, bed: Bed) -> None:
        """Take the side, which is up, and the bed."""
        self._side, self._bed = side, bed

    def play(self, folder: Path, *, kind: str, meddle: Callable[[str], None] | None = None) -> None:
        """Let one accident happen, mend it, and keep what tells of it; `meddle` is a planted fault."""
        folder.mkdir(parents=True)
        old, answers, place = self._side.active(), folder / "answers.jsonl", self._side.place
        asker = self._bed.spawn(
            [sys.executable, "-m", "support.peers.asker", place.address, str(place.port), str(answers)],
            log=folder / "asker.log",
            environment={**os.environ, "PYTHONPATH": str(TESTS)},
        )
        try:
            _until(lambda: _is_steady(answers, 0), seconds=SERVE_SECONDS, what=f"{old} to serve {place.name}")
            clock.pause(BEFORE_PLANNED_SECONDS if kind == PLANNED else BEFORE_SECONDS)
            began, began_wall = clock.monotonic_nanoseconds(), clock.wall()
            self._strike(kind, old)
            served = self._await_service(kind, answers, began)
            if meddle:
                meddle(old)
            clock.pause(LONGER_SECONDS)
            self._mend(kind, old)
            clock.pause(LONGER_SECONDS)
        finally:
            asker.stop()
        self._side.settle()
        self._side.keep(folder)
        told = {"side": place.name, "kind": kind, "began_ns": began, "began_wall": began_wall}
        self._keep(folder, {**told, "old": old, "served": served})

    def _strike(self, kind: str, old: str) -> None:
        node, new = self._bed.nodes[old], other(old)
        match kind:
            case "planned":
                self._side.order(new)
            case "death":
                # By the port, so that nothing need be known of who started it.
                node.run(f"fuser --kill -KILL {self._side.place.port}/tcp")
            case "power-cut":
                node.power_cut()
            case "freeze":
                node.freeze()
            case "partition":
                node.cut()
            case _:
                a, b = (one.address for one in self._bed.nodes.values())
                self._bed.part(a, b)
                self._bed.part(b, a)
        if kind in (CUT, FREEZE, PARTITION):
            self._side.told(new)

    def _await_service(self, kind: str, answers: Path, began: int) -> bool:
        """Wait until the service is back; tell whether it came back while the accident lasted."""
        if kind == LINK:
            clock.pause(LINK_SECONDS)
            return _is_steady(answers, began)
        try:
            _until(lambda: _is_back(answers, began), seconds=MOVE_SECONDS, what="service")
        except clock.TimedOutError:
            return False
        return True

    def _mend(self, kind: str, old: str) -> None:
        node = self._bed.nodes[old]
        if kind == FREEZE and node.is_on():
            node.thaw()
        if kind == PARTITION:
            node.heal()
        if kind == LINK:
            self._bed.join()

    def _keep(self, folder: Path, told: dict[str, object]) -> None:
        place = self._side.place
        told |= {"final": self._side.active(), "ended_ns": clock.monotonic_nanoseconds()}
        first = int(str(told["began_ns"])) - int(BEFORE_SECONDS + LONGER_SECONDS) * NANOSECONDS
        for name, node in self._bed.nodes.items():
            for what, path in (("ticks", f"/srv/{TICKS}/{place.name}"), ("records", f"/srv/{place.records}")):
                # Both files hold moments, one a line; only those of this accident are kept.
                script = f"[ ! -e {path} ] || awk '$1 >= {first}' {path}"
                (folder / f"{what}-{name}").write_bytes(node.run(script, timeout_seconds=SCRIPT_SECONDS).stdout)
        (folder / "play.json").write_text(json.dumps(told) + "\n")


def _lines(answers: Path) -> list[dict[str, object]]:
    if not answers.exists():
        return []
    return [json.loads(line) for line in answers.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _is_steady(answers: Path, since: int) -> bool:
    """Tell whether the newest requests, made since a moment, were all answered."""
    newest = _lines(answers)[-STEADY:]
    return len(newest) == STEADY and all(line["by"] and int(str(line["sent_ns"])) >= since for line in newest)


def _is_back(answers: Path, began: int) -> bool:
    """Tell whether the service failed, or changed its node, since a moment, and is steady now."""
    lines = [line for line in _lines(answers) if int(str(line["sent_ns"])) >= began]
    return len({str(line["by"]) for line in lines}) > 1 and _is_steady(answers, began)


def _until(holds: Callable[[], bool], *, seconds: float, what: str) -> None:
    clock.wait_until(holds, timeout_seconds=seconds, what=what, every_seconds=0.25)
