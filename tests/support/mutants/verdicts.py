"""What the verdicts say together: everything was killed or argued, every law by at least three, controls survived."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.mutants.mutant import Verdict

PARTS = ("decide", "guard", "cel")
LAWS = range(1, 14)
LEAST_A_LAW = 3
CONTROLS = 5


def claims(verdicts: Sequence[Verdict], *, total: Mapping[str, int], argued: Mapping[str, str]) -> list[Claim]:
    """Returns one claim for each part that was asked for, and those over all; one that was not tried is not killed."""
    mutants = [item for item in verdicts if not item.is_harmless]
    controls = [item for item in verdicts if item.is_harmless]
    survivors = [item for item in mutants if item.killed_by is None]
    found = [
        _of_a_part(part, [item for item in mutants if item.part == part], total=total[part], argued=argued)
        for part in PARTS
        if part in total
    ]
    by_law = Counter(law for item in mutants if item.killed_by is not None for law in item.laws)
    fewest = min(by_law[law] for law in LAWS)
    alive = sum(item.killed_by is None for item in controls)
    stale = sorted(set(argued) - {item.name for item in survivors})
    return [
        *found,
        Claim("killed mutants of each law", fewest >= LEAST_A_LAW, fewest, f">= {LEAST_A_LAW}"),
        Claim("harmless controls that survive", alive == len(controls) == CONTROLS, alive, CONTROLS),
        Claim("arguments that are about no survivor", not stale, len(stale), 0, tuple(stale)),
    ]


def _of_a_part(part: str, verdicts: Sequence[Verdict], *, total: int, argued: Mapping[str, str]) -> Claim:
    killed = [item for item in verdicts if item.killed_by is not None]
    left = [item.name for item in verdicts if item.killed_by is None and item.name not in argued]
    by = Counter(item.killed_by for item in killed)
    told = (*(f"{count} by {check}" for check, count in by.most_common()), *(f"survives: {name}" for name in left))
    is_whole = len(verdicts) == total and not left
    return Claim(f"mutants of {part} killed, or argued", is_whole, f"{len(killed)}/{total}", f"{total} tried", told)
