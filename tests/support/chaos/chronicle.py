"""What the nemesis did and saw, written as it goes: a run that is cut short keeps all of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from support.bed import clock
from support.bed.evidence import Journal
from support.chaos.phases import Cell, Fault, Phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Chronicle:
    """The journal `chaos.jsonl`, and the counts that the next round is drawn from."""

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        """Append to this file; `say` gets each line for people."""
        self._journal = Journal(path)
        self._say = say
        self.counts: Counter[Cell] = Counter()
        self.missed: Counter[Cell] = Counter()
        """How often a strike that was meant for a cell fell elsewhere, or not at all."""
        self.findings: list[dict[str, object]] = []
        self.number = 0
        """The round that is being played."""

    def note(self, event: str, **fields: object) -> None:
        """Write one line and say it."""
        self._journal.write(event=event, round=self.number, **fields)
        self._say(f"  {event}: " + ", ".join(f"{key} {value}" for key, value in fields.items()))

    def struck(self, phase: Phase, fault: Fault, *, wanted: Phase, **fields: object) -> None:
        """Count one strike in the phase in which it fell."""
        self.counts[phase, fault] += 1
        self.missed[wanted, fault] += phase is not wanted
        self.note("strike", phase=str(phase), fault=str(fault), wanted=str(wanted), **fields)

    def miss(self, phase: Phase, fault: Fault) -> None:
        """Write down that a phase did not come."""
        self.missed[phase, fault] += 1
        self.note("missed", phase=str(phase), fault=str(fault))

    def finding(self, kind: str, what: str, *, episode: str | None = None) -> None:
        """Write down that something is not as it must be."""
        found: dict[str, object] = {
            "kind": kind,
            "what": what,
            "episode": episode,
            "round": self.number,
            "wall": clock.wall(),
        }
        self.findings.append(found)
        self._journal.write(event="finding", **found)
        self._say(f"  FINDING {kind}: {what}")
