"""Judges the deaths on real parts by the demo's own judges: disks, clients, BMCs, and the API server's log."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.judge import verify
from support.judge.database import Postgres
from support.judge.events import Event
from support.judge.evidence import EvidenceBrokenError
from support.kills import listed
from support.kills.listed import BedCell
from support.report import Claim

KILLED = -9
CLAIMS: Mapping[str, Callable[[verify.Evidence], Claim]] = {
    "one-writer": verify.one_writer,
    "lost-nothing-planned": verify.switchovers_lost_nothing,
    "loss-was-declared": verify.failover_loss_was_declared,
    "files-and-rows-agree": verify.files_and_rows_agree,
    "fence-was-true": verify.fence_was_true,
}


def bed_claims(folder: Path) -> list[Claim]:
    """Return every claim of both sessions."""
    unplanned = [cell for both in listed.UNPLANNED for cell in both]
    sessions: dict[str, Sequence[BedCell]] = {"planned": listed.PLANNED, "unplanned": unplanned}
    return [claim for name, cells in sessions.items() for claim in _session(folder / name / "evidence", name, cells)]


def _session(folder: Path, name: str, cells: Sequence[BedCell]) -> list[Claim]:
    try:
        evidence = whole(verify.read_evidence(folder, _postgres(folder)))
    except (OSError, KeyError, ValueError, EvidenceBrokenError) as problem:
        wanted = (*(cell.name for cell in cells), *(f"{name}-{law}" for law in listed.BED_LAWS))
        return [
            Claim(f"bed-{item}", ok=False, measured=f"{problem!r}"[:200], bound="whole evidence") for item in wanted
        ]
    deaths = {item["cell"]: item for item in evidence.story["parts"]}
    claims = [judge_cell(cell, deaths.get(cell.name), evidence.writes) for cell in cells]
    return [*claims, *(_law(name, law, evidence) for law in listed.BED_LAWS)]


def whole(evidence: verify.Evidence) -> verify.Evidence:
    """Return the evidence with every episode that ever ended: `status` itself keeps the last ten."""
    ended: dict[str, dict[str, Any]] = {}
    for write in evidence.writes:
        for entry in reversed(write.detail["status"].get("history", ())):
            ended.setdefault(entry["id"], entry)
    return replace(evidence, status={**evidence.status, "history": list(reversed(ended.values()))})


def judge_cell(cell: BedCell, death: Mapping[str, Any] | None, writes: Sequence[Event]) -> Claim:
    """Say whether the operator was killed at the boundary, and a later leader ended that very episode."""
    name, bound = f"bed-{cell.name}", "killed there, and ended well by a later leader"
    if death is None:
        return Claim(name, ok=False, measured="missing", bound=bound)
    reached = death["last"]["boundary"]
    problems = []
    if death["returncode"] != KILLED:
        problems.append(f"the process ended with {death['returncode']}")
    if not fnmatch.fnmatchcase(reached, cell.boundary):
        problems.append(f"it died at {reached}")
    at_ns = int(death["last"]["at"] * 1e9)
    before = [write for write in writes if write.wall_ns <= at_ns]
    episode = (before[-1].detail["status"].get("episode") or {}) if before else {}
    if episode.get("step") != cell.step:
        problems.append(f"the journal stood at {episode.get('kind')} {episode.get('step')}")
    ended = _end(episode.get("id", ""), writes)
    if ended is None:
        problems.append(f"{episode.get('id')} did not end well")
    elif ended.detail["status"]["term"] <= before[-1].detail["status"]["term"]:
        problems.append("no later leader ended it")
    seconds = round((ended.wall_ns - at_ns) / 1e9, 1) if ended else -1
    measured = problems[0] if problems else f"ended well {seconds} s later"
    return Claim(name, not problems, measured, bound, (f"killed at {reached}, in {episode.get('id')}", *problems[1:]))


def _end(episode: str, writes: Iterable[Event]) -> Event | None:
    """Return the first write in whose history the episode is done."""
    for write in writes:
        for entry in write.detail["status"].get("history", ()):
            if (entry["id"], entry["result"]) == (episode, "Done"):
                return write
    return None


def _law(session: str, law: str, evidence: verify.Evidence) -> Claim:
    found = CLAIMS[law](evidence)
    ok = found.ok
    if law == "loss-was-declared" and session == "planned":
        # A session of planned switches has no failover: nothing may be lost that one would have to declare.
        failovers = [entry for entry in evidence.history if entry["kind"] == "Failover"]
        ok = not failovers
        return Claim(f"bed-{session}-{law}", ok, f"{len(failovers)} failovers", "0 failovers", found.evidence)
    if law == "one-writer":
        ok = ok and len(evidence.clients.acks) > 0
    return Claim(f"bed-{session}-{law}", ok, found.measured, found.bound, found.evidence)


def _postgres(folder: Path) -> Postgres:
    """Return PostgreSQL's programs: this machine's, else the ones in the nodes' own root file system."""
    machine = Postgres()
    if machine.binaries.exists():
        return machine
    return Postgres(root=Path((folder / "root-file-system").read_text().strip()))
