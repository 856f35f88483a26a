"""One mutant: a file of the product with one thing in it turned wrong, and the laws that stand on that thing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one file."""

    part: str
    """decide, guard or cel."""
    name: str
    """Where and what, without a line number: an edit elsewhere in the file leaves it as it is."""
    path: Path
    text: str
    """The whole file with the change in it."""
    laws: frozenset[int]
    is_harmless: bool = False
    """It changes nothing that may be noticed: one that is killed all the same shows a check that kills at random."""

    @property
    def mark(self) -> str:
        """Returns a word for exactly this mutant: what is known of another text of the file is not known of it."""
        told = f"{self.part}\n{self.name}\n{self.text}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one mutant."""

    mark: str
    part: str
    name: str
    killed_by: str | None
    """The first check that noticed it, None where none did."""
    seconds: float
    laws: tuple[int, ...] = ()
    is_harmless: bool = False
