"""Judges the cells of the shared disk: what both kernels wrote to it, and what the storage itself said of who holds it.

Imports nothing of the operator. The law it holds: the survivor was promoted only after the storage held it for the
survivor's initiator alone and refused the other kernel; and an old owner wrote again only after its own promotion.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.fencematrix.cells import Cell

CONFLICT = "Invalid exchange"
"""How Linux names what meets another one's reservation (EBADE)."""
_HOLDER = re.compile(r"Initiator: \S+:node-(?P<node>\w)\b")
_REGISTERED = re.compile(r"Node: \S+:node-(?P<node>\w)\b")
FIRST = "first"
BY_A, BY_B = "a of a", "b of b"
"""Who holds the disk, of all who are registered."""
RETURN_IDS = ("kept-out-until-ordered", "writes-when-ordered")
IDS = ("only-the-holder-wrote", "refused-by-the-storage", "held-by-the-survivor", *RETURN_IDS)


@dataclass(frozen=True, slots=True)
class Story:
    """What the evidence says, in order of time."""

    tries: Sequence[dict[str, Any]]
    looks: Sequence[dict[str, Any]]
    told: Sequence[dict[str, Any]]

    def at(self, event: str) -> int | None:
        """Returns when something was told."""
        return next((line["monotonic_ns"] for line in self.told if line["event"] == event), None)

    def promoted(self, node: str, *, since_ns: int = 0) -> int | None:
        """Returns when the write that promotes a node was made."""
        return next(
            (
                line["monotonic_ns"]
                for line in self.told
                if line["event"] == "write"
                and line["monotonic_ns"] >= since_ns
                and line.get("step") == "Promote"
                and line.get("target", "b") == node
            ),
            None,
        )

    def tried(self, node: str, *, since_ns: float, until_ns: float) -> list[dict[str, Any]]:
        """Returns the tries of a node that lie wholly between two moments."""
        return [
            line
            for line in self.tries
            if line["node"] == node and since_ns <= line["began_ns"] and line["monotonic_ns"] <= until_ns
        ]

    def seen(self, *, since_ns: float, until_ns: float) -> list[dict[str, Any]]:
        """Returns the storage's own words between two moments."""
        return [line for line in self.looks if since_ns <= line["began_ns"] and line["monotonic_ns"] <= until_ns]


def story(folder: Path, told: Sequence[dict[str, Any]]) -> Story:
    """Reads one cell's evidence of the disk."""
    lines = [json.loads(item) for item in (folder / "disk.jsonl").read_text().splitlines() if item.strip()]
    tries = [line for line in lines if line["event"] == "tried"]
    return Story(tries, [line for line in lines if line["event"] == "target"], told)


def is_out(found: Story, *, since_ns: int, until_ns: float) -> bool:
    """Tells whether from a moment on the storage refused a's kernel, and had let it write before."""
    after = found.tried("a", since_ns=since_ns, until_ns=until_ns)
    before = found.tried("a", since_ns=0, until_ns=since_ns)
    return bool(after) and all(map(_was_refused, after)) and any(line["wrote"] for line in before)


def claims(cell: Cell, found: Story) -> list[Claim]:
    """Returns what is claimed of a cell of this kind alone."""
    evidence = (f"{cell.id}/told.jsonl", f"{cell.id}/disk.jsonl")
    ended = found.at("end") or 0
    if cell.storage == "lying":
        return [_lie(cell, found, ended=ended, evidence=evidence)]
    without = _wrote_without_holding(found)
    made = [Claim(f"{cell.id}.only-the-holder-wrote", without == 0, without, 0, evidence)]
    if not cell.proven:
        return made
    promoted = found.promoted("b") or ended
    back = found.promoted("a", since_ns=promoted)
    until = back or ended
    after = found.tried("a", since_ns=promoted, until_ns=until)
    refused, is_kept_out = sum(map(_was_refused, after)), is_out(found, since_ns=promoted, until_ns=until)
    holders = ", ".join(sorted({_holds(look) for look in found.seen(since_ns=promoted, until_ns=until)}))
    return [
        *made,
        Claim(f"{cell.id}.refused-by-the-storage", is_kept_out, refused, len(after), evidence),
        Claim(f"{cell.id}.held-by-the-survivor", holders == BY_B, holders, BY_B, evidence),
        *_came_back(cell, found, back=back, ended=ended, evidence=evidence),
    ]


def _lie(cell: Cell, found: Story, *, ended: int, evidence: tuple[str, ...]) -> Claim:
    """Returns that the storage really let both kernels write at the end: else the cell showed nothing."""
    began = found.at("concluded") or ended
    wrote = [any(line["wrote"] for line in found.tried(node, since_ns=began, until_ns=ended)) for node in ("a", "b")]
    return Claim(f"{cell.id}.both-could-write", all(wrote), all(wrote), bound=True, evidence=evidence)


def _came_back(cell: Cell, found: Story, *, back: int | None, ended: int, evidence: tuple[str, ...]) -> list[Claim]:
    """Returns what is claimed of the old owner's return."""
    again = found.at("reached-again")
    if again is None:
        return [Claim(f"{cell.id}.{name}", ok=False, measured=None, bound="played") for name in RETURN_IDS]
    until = back if back is not None else ended
    early = [line["wrote"] for line in found.tried("a", since_ns=again, until_ns=until)]
    late = [line["wrote"] for line in found.tried("a", since_ns=until, until_ns=ended)]
    held = sorted({_holds(look) for look in found.seen(since_ns=until, until_ns=ended)})
    is_quiet = bool(early) and not any(early)
    is_back = back is not None and any(late) and BY_A in held
    words = (f"{len(early)} tries refused before its own promotion", *evidence)
    return [
        Claim(f"{cell.id}.kept-out-until-ordered", is_quiet, sum(early), 0, words),
        Claim(f"{cell.id}.writes-when-ordered", is_back, sum(late), "> 0", evidence),
    ]


def claim_ids(cell: Cell) -> tuple[str, ...]:
    """Returns the ids of what is claimed of a cell of this kind alone."""
    if cell.storage == "lying":
        return (f"{cell.id}.both-could-write",)
    return tuple(f"{cell.id}.{name}" for name in (IDS if cell.proven else IDS[:1]))


def _was_refused(line: dict[str, Any]) -> bool:
    return not line["wrote"] and any(CONFLICT in word for word in line["said"])


def _holds(look: dict[str, Any]) -> str:
    """Returns who holds the disk and who is registered, as the storage says."""
    return holds(look["controllers"])


def holds(controllers: Mapping[str, Any]) -> str:
    """Returns who holds the disk and who is registered at its first controller."""
    told = controllers[FIRST]
    holder = _HOLDER.search(told["res_holder"])
    registered = sorted(match["node"] for match in _REGISTERED.finditer(told["res_pr_registered_i_pts"]))
    return f"{holder['node'] if holder else 'nobody'} of {' and '.join(registered) or 'nobody'}"


def _wrote_without_holding(found: Story) -> int:
    """Returns how many writes were let through of a node that the storage named as holder neither before nor after."""
    count = 0
    for line in (line for line in found.tries if line["wrote"]):
        before = [look for look in found.looks if look["monotonic_ns"] <= line["began_ns"]][-1:]
        after = [look for look in found.looks if look["began_ns"] >= line["monotonic_ns"]][:1]
        count += not any(_holds(look).startswith(f"{line['node']} of") for look in (*before, *after))
    return count
