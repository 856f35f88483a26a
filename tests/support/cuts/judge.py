"""Judges the evidence of the cuts by itself: it knows nothing of what made it.

The law of this file: what can be promoted is, byte for byte, what was live when its number was announced; and a cut
takes nothing away.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Verdict:
    """What one way's evidence shows."""

    cuts: int = 0
    failed: int = 0
    """Cuts that the sender noticed."""
    generations: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)


def judged(folder: Path) -> Verdict:
    """Returns the verdict on one folder of evidence."""
    verdict, announced, before = Verdict(), dict[str, str](), set[str]()
    for line in (folder / "evidence.jsonl").read_text().splitlines():
        told = json.loads(line)
        if told["event"] == "announced":
            announced[told["generation"]] = told["digest"]
            continue
        kept: dict[str, str] = told["kept"]
        where = told.get("at", f"generation {told.get('generation')}")
        if told["event"] == "after":
            verdict.cuts += 1
            verdict.failed += told["code"] != 0
        for name, digest in kept.items():
            verdict.generations.add(name)
            if announced.get(name) != digest:
                verdict.complaints.append(f"{where}: generation {name} is not what was live when it was announced")
        if before and not before & set(kept):
            verdict.complaints.append(f"{where}: none of the generations before is left")
        if not kept:
            verdict.complaints.append(f"{where}: nothing can be promoted")
        before = set(kept)
    return verdict
