"""Judges the matrix from raw evidence alone: status writes, the node's power journal, the controllers' audit logs.

Imports nothing of the operator. The law it holds: a survivor was promoted only after the other node's supply had
really been cut, and where the cell allows no proof it was not promoted at all.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.fencematrix import disk_judge
from support.fencematrix.cells import CELLS, Cell
from support.report import Claim

PACKAGE = "fence-agents"
SECOND_LOOK_SECONDS = 2.0
REACHING = ("public", "survivor", "node")
"""Who tries an isolated node's sshd, and the node itself tries the survivor's."""
_READING = re.compile(
    r"^(?P<device>\S+) (?P<identity>.+): (?P<state>\w+) at (?P<at>[0-9.]+), process (?P<process>\d+)$"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the evidence of one cell says."""

    concluded: str
    seconds: float
    promoted: bool
    off_before_promotion: bool
    """At the first write that carries the promotion the node's supply was off; or, where it was isolated, nobody
    reached it any more, nor it anybody, from then on."""
    was_cut: bool
    other_was_cut: bool
    agents_left: int
    processes: tuple[int, ...]
    """The agents' process ids in the proof."""
    spread_seconds: float
    """Between the first and the second reading of the proof, the least over its devices."""


def found(folder: Path, cell: Cell) -> Found:
    """Reads one cell's evidence."""
    told = _lines(folder / cell.id / "told.jsonl")
    begin = next(line for line in told if line["event"] == "begin")
    end = next((line for line in told if line["event"] == "end"), None)
    until = _moment(told, "reached-again", "end")
    promotion = next((line for line in told if line["event"] == "write" and _is_promotion(line)), None)
    power = [
        line
        for line in _lines(folder / cell.id / cell.power)
        if begin["monotonic_ns"] <= line["monotonic_ns"] <= until and line.get("event") in ("power-cut", "power-on")
    ]
    if cell.is_shared:
        tale = disk_judge.story(folder / cell.id, told)
        is_out = promotion is not None and _is_off_disk_and_network(
            tale, folder / cell.id, since_ns=promotion["monotonic_ns"], until_ns=until
        )
    elif cell.is_isolation:
        tried = _lines(folder / cell.id / "reach.jsonl")
        is_out = promotion is not None and _is_out_of_reach(tried, since_ns=promotion["monotonic_ns"], until_ns=until)
    else:
        is_out = promotion is not None and _is_off(power, "a", promotion["monotonic_ns"])
    proof = (promotion or {}).get("proof") or {}
    readings = [match for line in proof.get("evidence", ()) if (match := _READING.match(line))]
    return Found(
        concluded=end["concluded"] if end else "NotConcluded",
        seconds=round((_moment(told, "concluded", "end") - begin["monotonic_ns"]) / 1e9, 1) if end else 0.0,
        promoted=promotion is not None,
        off_before_promotion=is_out,
        was_cut=any(line["event"] == "power-cut" and line["node"] == "a" for line in power),
        other_was_cut=any(line["event"] == "power-cut" and line["node"] == "b" for line in power),
        agents_left=end["agents"] if end else -1,
        processes=tuple(int(item["process"]) for item in readings),
        spread_seconds=_spread(readings),
    )


def claims(folder: Path, cells: Sequence[Cell]) -> list[Claim]:
    """Returns every claim of the cells that were played."""
    made: list[Claim] = []
    for cell in cells:
        seen = found(folder, cell)
        raw = f"{cell.id}/reach.jsonl" if cell.is_isolation or cell.is_shared else f"{cell.id}/bmc.jsonl"
        evidence = (f"{cell.id}/told.jsonl", f"{cell.id}/{cell.power}", raw)
        made.append(Claim(f"{cell.id}.promoted", seen.promoted is cell.proven, seen.promoted, cell.proven, evidence))
        lawful = not seen.promoted or seen.off_before_promotion
        made.append(Claim(f"{cell.id}.off-before-promotion", lawful, measured=lawful, bound=True, evidence=evidence))
        made.append(
            Claim(
                f"{cell.id}.survivor-untouched",
                not seen.other_was_cut,
                measured=seen.other_was_cut,
                bound=False,
                evidence=evidence,
            )
        )
        made.append(Claim(f"{cell.id}.agents-left", seen.agents_left == 0, seen.agents_left, 0, evidence))
        words = (f"concluded {seen.concluded}", f"processes {', '.join(map(str, seen.processes)) or 'none'}")
        bounded = seen.seconds > 0
        made.append(Claim(f"{cell.id}.concluded", bounded, seen.seconds, "> 0", words))
        if cell.is_shared:
            made += disk_judge.claims(cell, disk_judge.story(folder / cell.id, _lines(folder / cell.id / "told.jsonl")))
        if cell.is_lost:
            landed = Claim(f"{cell.id}.landed-nothing", not seen.was_cut, seen.was_cut, bound=False, evidence=evidence)
            made.append(landed)
        if cell.proven:
            own = len(set(seen.processes)) == len(seen.processes) >= 2 * max(len(rung) for rung in cell.rungs)
            made.append(Claim(f"{cell.id}.own-processes", own, len(set(seen.processes)), "two a device", words))
            twice = seen.spread_seconds >= SECOND_LOOK_SECONDS
            made.append(Claim(f"{cell.id}.read-twice", twice, seen.spread_seconds, f">= {SECOND_LOOK_SECONDS}", words))
    changed = _changed_files()
    made.append(Claim("agents-unpatched", not changed, len(changed), 0, (f"dpkg -V {PACKAGE}", *changed)))
    return made


def claim_ids(cells: Sequence[Cell] = CELLS) -> tuple[str, ...]:
    """Returns the ids of all claims of these cells, of a full matrix where none are given."""
    names = ("promoted", "off-before-promotion", "survivor-untouched", "agents-left", "concluded")
    more = ("own-processes", "read-twice")
    return (
        *(f"{cell.id}.{name}" for cell in cells for name in (*names, *(more if cell.proven else ()))),
        *(f"{cell.id}.landed-nothing" for cell in cells if cell.is_lost),
        *(name for cell in cells if cell.is_shared for name in disk_judge.claim_ids(cell)),
        "agents-unpatched",
    )


def line(cell: Cell, seen: Found) -> str:
    """Returns one line for whoever watches."""
    promoted = "promoted" if seen.promoted else "not promoted"
    return f"{cell.id:24} {seen.concluded:20} {seen.seconds:6.1f} s  {promoted}, cut: {str(seen.was_cut).lower()}"


def _is_promotion(line: dict[str, Any]) -> bool:
    """Tells whether a write makes the survivor the owner; an old owner that goes on is promoted to itself."""
    return (line.get("step") == "Promote" and line.get("target", "b") == "b") or line.get("active") == "b"


def _moment(told: Sequence[dict[str, Any]], *events: str) -> float:
    """Returns when the first of these was told."""
    return next((line["monotonic_ns"] for line in told if line["event"] in events), float("inf"))


def _is_off_disk_and_network(tale: disk_judge.Story, place: Path, *, since_ns: int, until_ns: float) -> bool:
    """Tells whether the storage refused the node, and nobody reached it: on a shared disk neither is enough alone."""
    if not disk_judge.is_out(tale, since_ns=since_ns, until_ns=until_ns):
        return False
    return _is_out_of_reach(_lines(place / "reach.jsonl"), since_ns=since_ns, until_ns=until_ns)


def _is_off(power: Sequence[dict[str, Any]], node: str, at_ns: int) -> bool:
    """Tells whether the node's supply was cut and not on again at a moment."""
    before = [item["event"] for item in power if item["node"] == node and item["monotonic_ns"] <= at_ns]
    return bool(before) and before[-1] == "power-cut"


def _is_out_of_reach(tried: Sequence[dict[str, Any]], *, since_ns: int, until_ns: float) -> bool:
    """Tells whether every place tried after a moment, found nothing, and had found something before."""
    for source in REACHING:
        mine = [line for line in tried if line["source"] == source]
        after = [line["reached"] for line in mine if since_ns <= line["began_ns"] and line["monotonic_ns"] <= until_ns]
        before = [line["reached"] for line in mine if line["monotonic_ns"] < since_ns]
        if not after or any(after) or not any(before):
            return False
    return True


def _spread(readings: Sequence[re.Match[str]]) -> float:
    """Returns the least time between the two readings of one device, 0 where one was not read twice."""
    moments: dict[str, list[float]] = {}
    for item in readings:
        moments.setdefault(item["identity"], []).append(float(item["at"]))
    if not moments or any(len(item) < len(("first", "second")) for item in moments.values()):
        return 0.0
    return round(min(item[-1] - item[-2] for item in moments.values()), 3)


def _changed_files() -> tuple[str, ...]:
    """Returns what differs from the distribution's package; configuration and documentation do not count."""
    try:
        checked = subprocess.run(("dpkg", "-V", PACKAGE), capture_output=True, text=True, timeout=120, check=False)
    except OSError as error:
        return (f"dpkg cannot be asked: {error}",)
    lines = [item for item in checked.stdout.splitlines() if item.strip()]
    return tuple(item for item in lines if "/usr/share/doc/" not in item and "/usr/share/man/" not in item)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(item) for item in path.read_text().splitlines() if item.strip()]
