"""Many pairs, one operator: each pair's loop stands at a boundary of its own, and one SIGKILL ends them all.

A second operator then finds every pair as the first one left it. The worlds live in this process, the resources in a
real API server; the operator is a process under its own ServiceAccount with the chart's rules.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from support.bed.clock import TimedOutError, monotonic_seconds, wait_until
from support.judge.events import wall_nanoseconds
from support.kills.breaks import FIRST, SECOND
from support.kills.stories import STORIES
from support.kills.transplant import Whereabouts, living_acks, living_world, manifest, statuses
from support.kills.verdict import condition
from support.manifests import RBAC_KINDS, rendered
from support.operator_environment import belonging, environment
from support.pair_api import PairApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from support.controlplane import ControlPlane
    from support.kills.boundaries import Boundary
    from support.kills.stories import ToldPair
    from support.kills.worlds_apart import Worlds

REACH_SECONDS = 300.0
FINISH_SECONDS = 300.0
LOOKS_AT_REST = 2
LEASE_SECONDS = "12"
_STAYED_SECONDS = 10.0
"""A pair that reached no boundary for so long after the end of an episode went past its own."""


@dataclass(slots=True)
class Cell:
    """One pair whose operator dies at one boundary."""

    story: str
    boundary: Boundary
    number: int
    pair: ToldPair
    death: dict[str, Any] = field(default_factory=dict)
    final: Mapping[str, Any] = field(default_factory=dict)
    writes: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)
    lost_before: int = 0

    @property
    def name(self) -> str:
        """Return the name of its resource."""
        return f"p{self.number}"


class Batch:
    """Some cells, in a namespace of their own."""

    def __init__(self, plane: ControlPlane, worlds: Worlds, *, name: str, folder: Path, fault: str = "") -> None:
        """Keep where everything is."""
        self._plane, self._worlds, self._folder, self._fault = plane, worlds, folder, fault
        self._name = name
        self._namespace, self._home = f"kill-{name}", f"home-{name}"
        self._release = f"{name}-maestro-operator"
        self._operators: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def play(self, cells: Sequence[Cell], *, is_at_once: bool = False) -> None:
        """Bring every pair to its boundary, kill the operator, and let another one finish."""
        try:
            self._prepare(cells)
            began = monotonic_seconds()
            first = self._start(FIRST, cells, is_at_once=is_at_once)
            self._await_boundaries(cells, first)
            reached_seconds = round(monotonic_seconds() - began, 3)
            if first.poll() is None:
                first.send_signal(signal.SIGKILL)
            first.wait(timeout=10)
            death = {"returncode": first.returncode, "pid": first.pid, "afterSeconds": reached_seconds}
            self._start(SECOND, (), is_at_once=False)
            self._await_rest(cells)
            for cell in cells:
                cell.death = death
                cell.writes = []
            self._read_audit({cell.name: cell for cell in cells})
        finally:
            for process in self._operators:
                if process.poll() is None:
                    process.kill()
                process.wait(timeout=10)

    def _prepare(self, cells: Sequence[Cell]) -> None:
        self._plane.ensure_namespace(self._namespace)
        self._plane.ensure_namespace(self._home)
        chosen = {"rbac": {"secrets": [{"namespace": self._namespace}]}}
        rules = rendered(self._home, values=chosen, release=self._release)
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "maestro-operator", "namespace": self._home},
        }
        wanted = [*(item for item in rules if item["kind"] in RBAC_KINDS), lease]
        self._plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(wanted))
        self._kubeconfig = self._plane.kubeconfig_for_service_account(self._home, self._release)
        self.api = PairApi(self._plane.admin_kubeconfig, namespace=self._namespace)
        for cell in cells:
            self._plant(cell)

    def _plant(self, cell: Cell) -> None:
        """Put one pair where the story begins: its world to life, its resource to the API server."""
        where = Whereabouts(cell.number)
        world = living_world(cell.pair, where)
        acks = living_acks(cell.pair, world)
        made = self.api.create(manifest(cell.pair, where, name=cell.name, namespace=self._namespace))
        assert made.is_good, made.message
        for status in statuses(cell.pair, where):
            body = {**self.api.read(cell.name).body, "status": status}
            body["metadata"] = {**body["metadata"], "managedFields": []}
            answer = self.api.replace(body, subresource="/status")
            assert answer.is_good, answer.message
        active = cell.pair.status.active_node
        held = world.nodes[active].records or 0 if active else world.acknowledged
        cell.lost_before = world.acknowledged - held
        self._worlds.add(cell.name, world, acks=acks)

    def _start(self, process: str, cells: Sequence[Cell], *, is_at_once: bool) -> subprocess.Popen[bytes]:
        deaths = self._folder / f"{process}.json"
        deaths.write_text(
            json.dumps(
                {
                    "process": process,
                    "socket": str(self._worlds.socket),
                    "ends": {cell.name: cell.boundary.name for cell in cells},
                    "at": "once" if is_at_once else "rest",
                    "break": self._fault,
                }
            )
        )
        knobs = {
            **belonging(self._kubeconfig, watch=self._namespace, home=self._home),
            "KILLS": str(deaths),
            "MAESTRO_LEASE_SECONDS": LEASE_SECONDS,
        }
        with (self._folder / f"{process}.log").open("wb") as log:
            started = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "support.kills.operator"],
                env=environment(knobs, roots=("operator", "tests")),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
            )  # fmt: skip
        self._operators.append(started)
        return started

    def _await_boundaries(self, cells: Sequence[Cell], first: subprocess.Popen[bytes]) -> None:
        """Wait until every loop stands at its boundary; who never comes there is seen by the judge."""

        def all_there() -> bool:
            living = self._worlds.living
            there = (living[cell.name].parked or living[cell.name].is_over(_STAYED_SECONDS) for cell in cells)
            return first.poll() is not None or all(there)

        _bounded_wait(all_there, seconds=REACH_SECONDS)

    def _await_rest(self, cells: Sequence[Cell]) -> None:
        """Wait until every pair is at rest, twice in a row; who never is, is seen by the judge."""
        resting: dict[str, int] = {}

        def all_at_rest() -> bool:
            for cell in cells:
                if resting.get(cell.name, 0) < LOOKS_AT_REST:
                    cell.final = self.api.read(cell.name).body
                    rests = self._is_at_rest(cell)
                    resting[cell.name] = resting.get(cell.name, 0) + 1 if rests else 0
            return all(resting[cell.name] >= LOOKS_AT_REST for cell in cells)

        _bounded_wait(all_at_rest, seconds=FINISH_SECONDS, every_seconds=2.0)

    def _is_at_rest(self, cell: Cell) -> bool:
        status, story = cell.final.get("status") or {}, STORIES[cell.story]
        wanted = [*story.shows, *(["Protected"] if story.standby else [])]
        ended = [(item["kind"], item["result"]) for item in status.get("history", ())]
        return (
            "episode" not in status
            and (story.kind.value, "Done") in ended
            and status.get("activeNode") == story.owner
            and status.get("term", 0) > cell.pair.status.term
            and all(condition(status, name) == "True" for name in wanted)
            and self._worlds.living[cell.name].world.writers() == [story.owner]
        )

    def _read_audit(self, cells: Mapping[str, Cell]) -> None:
        """Give each cell what the API server stored of it, by its own log."""
        assert self._plane.audit_log is not None
        marker = f'"namespace":"{self._namespace}"'
        for entry in _entries(self._plane.audit_log, marker):
            reference = entry["objectRef"]
            sent = entry.get("requestObject") or {}
            code = (entry.get("responseStatus") or {}).get("code", 0)
            if reference.get("subresource") == "status" and code < 300 and isinstance(sent.get("status"), dict):
                cell = cells[reference["name"]]
                cell.writes.append((wall_nanoseconds(entry["stageTimestamp"]) / 1e9, told(sent["status"])))


def told(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a status the judge reads."""
    episode = status.get("episode")
    kept: dict[str, Any] = {key: status[key] for key in ("activeNode", "epoch", "term") if key in status}
    if episode:
        kept["episode"] = {key: episode[key] for key in ("id", "kind", "step", "epoch") if key in episode}
        kept["episode"]["steps"] = [
            {key: item[key] for key in ("name", "state", "term", "attempts")} for item in episode.get("steps", ())
        ]
    if status.get("takenAnswers"):
        kept["takenAnswers"] = [
            {key: item[key] for key in ("episode", "say", "of") if key in item} for item in status["takenAnswers"]
        ]
    return kept


def _entries(log: Path, marker: str) -> Iterator[dict[str, Any]]:
    with log.open() as lines:
        for line in lines:
            if marker in line and '"maestropairs"' in line and line.endswith("\n"):
                yield json.loads(line)


def _bounded_wait(holds: Callable[[], bool], *, seconds: float, every_seconds: float = 0.2) -> None:
    """Wait at most so long; what did not come is for the judge to see."""
    try:
        wait_until(holds, timeout_seconds=seconds, what="the pairs", every_seconds=every_seconds)
    except TimedOutError:
        return
