"""Judges what two operators did by the raw records alone; it imports nothing of the operator.

`effects` are what the nodes were asked and answered, `requests` what passed on each operator's way to the API server,
`notes` what was done to whom. All moments are of one machine's monotonic clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.report import Claim

Line = dict[str, Any]
MARGIN_SECONDS = 4.0
"""A leadership ends this long before another operator may begin one."""
TAKE_OVER_SECONDS = 20.0
SECOND_NS = 1_000_000_000
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that was written down of one story."""

    effects: tuple[Line, ...]
    requests: tuple[Line, ...]
    notes: tuple[Line, ...]
    writers: tuple[Line, ...]

    @staticmethod
    def read(folder: Path) -> Records:
        """Reads the records that a rig has kept."""
        return Records(*(_lines(folder / f"{name}.jsonl") for name in ("effects", "requests", "notes", "writers")))

    def carried_out(self) -> list[Line]:
        """Returns the effects that a node took, in the order in which it did."""
        found = [line for line in self.effects if line.get("outcome") == "Done"]
        return sorted(found, key=lambda line: int(line["carried_out_ns"]))

    def renewals(self) -> list[Line]:
        """Returns every write of the Lease that the API server took, in the order of their asking."""
        found = [line for line in self.requests if _is_renewal(line)]
        return sorted(found, key=lambda line: int(line["carried_out_ns"]))


def _lines(path: Path) -> tuple[Line, ...]:
    return tuple(json.loads(line) for line in path.read_text().splitlines())


def _is_renewal(line: Line) -> bool:
    is_write = "/leases" in line["path"] and line["method"] in ("PUT", "POST")
    return is_write and line.get("status") in (200, 201)


def holder(line: Line) -> str:
    """Returns whom a written Lease names; empty where it is given up."""
    return str(((line.get("body") or {}).get("spec") or {}).get("holderIdentity") or "")


def terms_never_fall(records: Records) -> list[str]:
    """No node takes an order of a lower term after one of a higher term."""
    found, highest = [], dict[tuple[str, str], int]()
    for line in records.carried_out():
        at = (line["world"], line["node"])
        if line["is_order"] and line["term"] < highest.get(at, 0):
            found.append(f"{_said(line)} was taken after term {highest[at]}")
        if line["is_order"]:
            highest[at] = max(highest.get(at, 0), line["term"])
    return found


def effects_never_overlap(records: Records) -> list[str]:
    """No effect of a former leader comes after the first one of its successor, and no term has two speakers."""
    found, highest, speaker = [], dict[str, Line](), dict[tuple[str, int], str]()
    for line in records.carried_out():
        latest = highest.get(line["world"])
        if latest is not None and line["operator"] != latest["operator"] and line["term"] <= latest["term"]:
            found.append(f"{_said(line)} after {_said(latest)}")
        if latest is None or line["term"] > latest["term"]:
            highest[line["world"]] = line
        spoke = speaker.setdefault((line["world"], line["term"]), line["operator"])
        if spoke != line["operator"]:
            found.append(f"{_said(line)}, and {spoke} spoke with that term too")
    return found


def effects_rest_on_a_lease(records: Records, *, lease_seconds: float) -> list[str]:
    """No effect is begun but within the validity of a renewal whose answer was heard before."""
    found, renewals = [], records.renewals()
    for line in records.effects:
        asked = int(line["asked_ns"])
        heard = [
            item
            for item in renewals
            if item["operator"] == line["operator"] and holder(item) and _heard_at(item) <= asked
        ]
        newest = max((int(item["asked_ns"]) for item in heard), default=None)
        if newest is None or asked - newest > (lease_seconds - MARGIN_SECONDS) * SECOND_NS:
            ago = "never" if newest is None else f"{(asked - newest) / SECOND_NS:.1f} s before"
            found.append(f"{_said(line)} was asked for; the Lease was renewed {ago}")
    return found


def _heard_at(line: Line) -> int:
    """Returns when an answer was heard; one that was lost on its way never was."""
    is_lost = line["fault"] in ("lose-answer", "half-answer", "late", "hang")
    return 1 << 62 if is_lost else int(line["ended_ns"])


def leaderships_never_overlap(records: Records, *, lease_seconds: float) -> list[str]:
    """Nobody's write of the Lease is taken while a renewal of another one still counts."""
    found: list[str] = []
    last: dict[str, Line] = {}
    for line in records.renewals():
        for name, other in last.items():
            ends = int(other["asked_ns"]) + int((lease_seconds - MARGIN_SECONDS) * SECOND_NS)
            heard = _heard_at(other) < int(line["carried_out_ns"])
            if name != line["operator"] and holder(line) and holder(other) and heard and line["carried_out_ns"] < ends:
                left = (ends - int(line["carried_out_ns"])) / SECOND_NS
                found.append(f"{line['operator']} took the Lease {left:.1f} s before {name}'s ended")
        last[line["operator"]] = line
    return found


def take_overs(records: Records) -> list[float]:
    """Returns how long each take-over took, from the moment at which the leader could renew no more; inf for never."""
    found = []
    for note in records.notes:
        if note["what"] != "leader-lost":
            continue
        taken = [
            int(line["carried_out_ns"])
            for line in records.renewals()
            if line["operator"] != note["operator"] and holder(line) and line["carried_out_ns"] > note["at_ns"]
        ]
        found.append((min(taken) - int(note["at_ns"])) / SECOND_NS if taken else float("inf"))
    return found


def unfinished(records: Records) -> list[str]:
    """Every order that was given is carried out at last."""
    wanted = dict[str, str]()
    for note in records.notes:
        if note["what"] == "order":
            wanted[note["pair"]] = note["node"]
        if note["what"] == "rest" and wanted.get(note["pair"]) == note["node"]:
            del wanted[note["pair"]]
    return [f"{pair} was ordered to {node} and did not come to rest there" for pair, node in wanted.items()]


def judge(records: Records, *, lease_seconds: float, story: str) -> list[Claim]:
    """Returns what is claimed of one story."""
    late = [took for took in take_overs(records) if took > TAKE_OVER_SECONDS]
    found = {
        "terms-never-fall": terms_never_fall(records),
        "effects-of-two-leaders-never-overlap": effects_never_overlap(records),
        "every-effect-rests-on-a-lease": effects_rest_on_a_lease(records, lease_seconds=lease_seconds),
        "leaderships-never-overlap": leaderships_never_overlap(records, lease_seconds=lease_seconds),
        "one-writer": [str(line["moment"]) for line in records.writers],
        "every-order-is-carried-out": unfinished(records),
        "taken-over-in-time": [f"{took:.1f} s" for took in late],
    }
    counted = f"{len(records.effects)} effects, {len(records.renewals())} renewals"
    return [
        Claim(f"{story}:{name}", not wrong, len(wrong), 0, tuple(wrong[:SHOWN]) or (counted,))
        for name, wrong in found.items()
    ]


def _said(line: Line) -> str:
    return f"{line['operator']}'s {line['verb']} to {line['node'] or 'the names'} with term {line['term']}"
